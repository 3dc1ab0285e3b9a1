#include <stdexcept>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/cookie.hpp>

namespace verdin::protocol::http1 {

namespace {

/// cookie-octet of RFC 6265 section 4.1.1: printable ASCII without blank, quote, comma, semicolon and
/// backslash.
bool is_cookie_value(std::string_view value) noexcept {
  for (char c : value) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\') return false;
  }
  return true;
}

/// What a Path or Domain attribute may hold: printable ASCII without ";".
bool is_attribute_value(std::string_view value) noexcept {
  for (char c : value) {
    if (c < ' ' || c >= 0x7f || c == ';') return false;
  }
  return true;
}

}  // namespace

std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name) noexcept {
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = trim(header.substr(0, end));
    header.remove_prefix(end < header.size() ? end + 1 : end);
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos || trim(pair.substr(0, equals)) != name) continue;
    std::string_view value = trim(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return std::nullopt;
}

bool cookie_is_named(std::string_view name, std::string_view prefix) noexcept {
  return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

std::string set_cookie_value(std::string_view name, std::string_view value,
                             const CookieAttributes& attributes) {
  if (!is_token(name)) throw std::invalid_argument("bad cookie name");
  if (!is_cookie_value(value)) throw std::invalid_argument("bad cookie value");
  if (!is_attribute_value(attributes.path)) throw std::invalid_argument("bad cookie path");
  if (!is_attribute_value(attributes.domain)) throw std::invalid_argument("bad cookie domain");
  const bool host = cookie_is_named(name, kHostPrefix);
  if ((host || cookie_is_named(name, kSecurePrefix)) && !attributes.secure)
    throw std::invalid_argument("a cookie of that name must be Secure");
  if (host && (attributes.path != "/" || !attributes.domain.empty()))
    throw std::invalid_argument("a __Host- cookie has the path \"/\" and no domain");
  std::string text(name);
  text += '=';
  text += value;
  if (!attributes.path.empty()) text.append("; Path=").append(attributes.path);
  if (!attributes.domain.empty()) text.append("; Domain=").append(attributes.domain);
  if (attributes.max_age) text.append("; Max-Age=").append(std::to_string(attributes.max_age->count()));
  if (attributes.secure) text += "; Secure";
  if (attributes.http_only) text += "; HttpOnly";
  switch (attributes.same_site) {
    case SameSite::unset:
      break;
    case SameSite::lax:
      text += "; SameSite=Lax";
      break;
    case SameSite::strict:
      text += "; SameSite=Strict";
      break;
    case SameSite::none:
      text += "; SameSite=None";
      break;
  }
  return text;
}

}  // namespace verdin::protocol::http1
