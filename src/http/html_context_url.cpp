#include "http/html_context_url.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <verdin/protocol/http1/chars.hpp>

namespace verdin::http {

namespace {

constexpr std::array<std::string_view, 4> kSafeSchemes{"http", "https", "mailto", "tel"};
constexpr std::size_t kLongestScheme = 64;

}  // namespace

bool is_html_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'; }

bool is_safe_scheme(std::string_view scheme) noexcept {
  return std::ranges::any_of(kSafeSchemes, [scheme](std::string_view known) {
    return protocol::http1::equals_ignoring_case(scheme, known);
  });
}

const char* UrlContext::feed(char c) {
  if (!fixed_ && is_html_space(c)) return nullptr;
  fixed_ = true;
  if (c == '?' || c == '#') query_ = true;
  note_host(c);
  return note_scheme(c);
}

void UrlContext::note_host(char c) noexcept {
  if (host_ == Host::settled || host_ == Host::unknown || is_html_space(c)) return;
  if (c == '?' || c == '#') {
    host_ = Host::settled;
  } else if (c == '&') {
    host_ = Host::unknown;
  } else if (c == ':') {
    host_ = Host::wanted;
  } else if (c == '/' || c == '\\') {
    const bool named = host_ == Host::name || host_ == Host::relative;
    host_ = named ? Host::settled : host_ == Host::start ? Host::slash : Host::wanted;
  } else {
    host_ = host_ == Host::start    ? Host::relative
            : host_ == Host::slash  ? Host::settled
            : host_ == Host::wanted ? Host::name
                                    : host_;
  }
}

/// A reference may stand for anything: no scheme is made of one. Whatever stands before: what ends in
/// "https:" is not run. So only the text since the last boundary counts, and it has to be the whole name.
const char* UrlContext::note_scheme(char c) {
  if (scheme_done_) return nullptr;
  if (c == '/' || c == '?' || c == '#') {
    scheme_done_ = true;
  } else if (c == '&' || beginning_.size() >= kLongestScheme) {
    scheme_done_ = bad_ = true;
  } else if (c == ':') {
    scheme_done_ = true;
    bad_ = !is_safe_scheme(beginning_);
    if (bad_ && valued_) return "a value must not be the scheme of a URL";
  } else {
    beginning_ += c;
  }
  return nullptr;
}

void UrlContext::boundary() {
  touched_ = true;
  beginning_.clear();
  if (host_ != Host::settled && host_ != Host::unknown) host_ = Host::wanted;
}

void UrlContext::hole() {
  // Behind "a" without a ":", which is refused from here on.
  const Host host = host_ == Host::relative ? Host::settled : host_;
  boundary();
  if (host == Host::settled) host_ = Host::settled;
  fixed_ = valued_ = true;
}

const char* UrlContext::end_section(const UrlContext& begin) {
  if (bad_ && !begin.bad_) return "a section must not end the scheme of a URL";
  boundary();
  scheme_done_ = begin.scheme_done_;
  query_ = begin.query_;
  if (begin.host_ != Host::settled && host_ == Host::settled) host_ = Host::wanted;
  return nullptr;
}

}  // namespace verdin::http
