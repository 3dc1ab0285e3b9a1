// Response::settled_by(): the conditions of a request, in the order of RFC 9110 section 13.2.2.
#include <algorithm>
#include <ctime>

#include <verdin/http/response.hpp>
#include <verdin/protocol/http1/date.hpp>
#include <verdin/protocol/http1/negotiation.hpp>

namespace verdin::http {

namespace {

/// What a condition on a date says: none if it is not there or cannot be read.
std::optional<bool> changed_since(const Request& request, std::string_view name,
                                  std::optional<std::time_t> changed) {
  if (!changed) return std::nullopt;
  const auto since = http1::parse_date(request.header(name).value_or(""));
  return since ? std::optional(*changed > *since) : std::nullopt;
}

/// The status that ends it, or 0.
int status_by_conditions(const Request& request, std::string_view etag, std::optional<std::time_t> changed) {
  if (const auto tags = request.header("If-Match")) {
    if (!http1::etag_matches_strongly(*tags, etag)) return 412;
  } else if (changed_since(request, "If-Unmodified-Since", changed).value_or(false)) {
    return 412;
  }
  const bool reads = request.is("GET") || request.is("HEAD");
  if (const auto tags = request.header("If-None-Match")) {
    if (!http1::etag_matches(*tags, etag)) return 0;
    return reads ? 304 : 412;
  }
  return reads && !changed_since(request, "If-Modified-Since", changed).value_or(true) ? 304 : 0;
}

}  // namespace

bool Response::settled_by(std::string_view etag, std::optional<std::time_t> changed) {
  check_unsent();
  // RFC 9110 section 13.2.1: else a client that has what is gone now would be told that it has not changed.
  if (status_ < 200 || status_ >= 300) return false;
  const int ended = status_by_conditions(exchange_->request(), etag, changed);
  if (!etag.empty()) header("ETag", etag);
  if (changed) {  // RFC 9110 section 8.8.2.1: never later than the answer
    header("Last-Modified", http1::format_date(std::min(*changed, std::time(nullptr))));
  }
  if (ended == 0) return false;
  status(ended).send();
  return true;
}

}  // namespace verdin::http
