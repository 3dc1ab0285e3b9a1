// Cookies (RFC 6265 section 4): reading a Cookie header and writing a Set-Cookie value.
//
// Pure functions. set_cookie_value() throws std::invalid_argument when a part holds anything that could end
// it early (";", a control character, a blank or "," in the value), so that an application never writes
// attributes by accident, and for a name that promises what the attributes do not keep, which browsers would
// drop (RFC 6265bis section 4.1.3): "__Secure-" wants Secure, "__Host-" that, the path "/" and no domain.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

/// The first cookie of that name (exact case); quotes around the value are dropped.
std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name) noexcept;

inline constexpr std::string_view kSecurePrefix = "__Secure-", kHostPrefix = "__Host-";
/// Whether the name begins so, in any case.
bool cookie_is_named(std::string_view name, std::string_view prefix) noexcept;

enum class SameSite { unset, lax, strict, none };

struct CookieAttributes {
  std::string_view path = "/";
  std::string_view domain = {};
  std::optional<std::chrono::seconds> max_age = {};
  bool secure = false;
  bool http_only = true;
  SameSite same_site = SameSite::lax;
};

std::string set_cookie_value(std::string_view name, std::string_view value,
                             const CookieAttributes& attributes = {});

}  // namespace verdin::protocol::http1
