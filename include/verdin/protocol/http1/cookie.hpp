// Cookies (RFC 6265 section 4): reading a Cookie header and writing a Set-Cookie value.
//
// Pure functions. set_cookie_value() throws std::invalid_argument when a part holds anything that could end
// it early
// (";", a control character, a blank or "," in the value): an application never writes attributes by
// accident.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

/// The first cookie of that name (exact case); quotes around the value are dropped.
std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name) noexcept;

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
