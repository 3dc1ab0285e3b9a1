#include <algorithm>
#include <stdexcept>

#include <verdin/base/log.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/protocol/http1/chars.hpp>

namespace verdin::http {

namespace {

/// "http" -> ":80". Browsers leave a default port out, clients of other kinds do not.
std::string_view default_port_of(std::string_view scheme) noexcept {
  if (http1::equals_ignoring_case(scheme, "http")) return ":80";
  if (http1::equals_ignoring_case(scheme, "https")) return ":443";
  return {};
}

std::string_view without_suffix(std::string_view text, std::string_view suffix) noexcept {
  return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

/// As the URL standard serialises an origin that is not opaque; of other schemes than http's, too.
bool is_origin(std::string_view text) noexcept {
  const std::size_t colon = text.find("://");
  if (colon == text.npos || colon == 0 || !http1::is_alpha(text[0])) return false;
  const std::string_view scheme = text.substr(0, colon), rest = text.substr(colon + 3);
  const auto is_plain = [](char c) { return c > ' ' && c < 0x7f && !(c >= 'A' && c <= 'Z'); };
  if (!std::all_of(text.begin(), text.end(), is_plain)) return false;
  if (rest.empty() || rest.find_first_of("/?#@,\\*") != rest.npos) return false;
  const std::string_view port = default_port_of(scheme);
  return port.empty() || !rest.ends_with(port);
}

bool is_own(std::string_view origin, const Request& request) {
  const std::string_view host = request.header("Host").value_or(std::string_view());
  const std::size_t colon = origin.find("://");
  if (colon == origin.npos || host.empty()) return false;
  const std::string_view scheme = origin.substr(0, colon), port = default_port_of(scheme);
  // Who is between a browser and a page without TLS could speak through that page to the site with it.
  if (request.secure() && !http1::equals_ignoring_case(scheme, "https")) return false;
  return !port.empty() && http1::equals_ignoring_case(without_suffix(origin.substr(colon + 3), port),
                                                      without_suffix(host, port));
}

}  // namespace

Origins::Origins(std::vector<std::string> list, bool credentials)
    : list_(std::move(list)),
      credentials_(credentials),
      everybody_(list_.size() == 1 && list_.front() == "*") {
  if (everybody_ && credentials_)
    throw std::invalid_argument(
        "verdin: credentials for every origin would let any page act for its visitors");
  for (const std::string& origin : list_) {
    if (everybody_ || is_origin(origin)) continue;
    if (origin == "*") throw std::invalid_argument("verdin: \"*\" among origins stands alone");
    throw std::invalid_argument("verdin: no origin as browsers write them: " + printable(origin));
  }
}

Origins Origins::any() noexcept {
  Origins origins;
  origins.everybody_ = true;
  return origins;
}

bool Origins::has(std::string_view origin) const {
  return everybody_ || std::find(list_.begin(), list_.end(), origin) != list_.end();
}

bool Origins::welcome(const Request& request) const {
  const auto origin = request.header("Origin");
  return !origin || has(*origin) || is_own(*origin, request);
}

void Origins::append_headers(const Request& request, std::vector<Header>& to) const {
  if (everybody_) return to.push_back({"Access-Control-Allow-Origin", "*"});
  if (list_.empty()) return;
  to.push_back({"Vary", "Origin"});
  const auto origin = request.header("Origin");
  if (!origin || !has(*origin)) return;
  to.push_back({"Access-Control-Allow-Origin", *origin});
  if (credentials_) to.push_back({"Access-Control-Allow-Credentials", "true"});
}

}  // namespace verdin::http
