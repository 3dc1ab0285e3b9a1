// Url: an absolute "http" or "https" URL as a client uses it (a subset of RFC 3986), and references to it.
//
// Strict where it matters whom one talks to: no user information, no blanks or control characters, a host of
// letters, digits, "-", ".", "_" and "~" or an IPv6 address in brackets, a port from 1 to 65535. Percent
// sequences are kept as they are, and must be some; characters that a URL has no room for ("|", octets above
// 127, ...) are encoded, as browsers do. At most 8,000 octets. The fragment is dropped. Pure; only results
// allocate, nothing throws but std::bad_alloc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

struct Url {
  bool secure = false;      // https
  std::string host{};       // in lower case; an IPv6 address without its brackets
  std::uint16_t port = 80;  // given or the scheme's
  std::string target{"/"};  // path and query, still encoded; starts with "/"

  std::string_view scheme() const noexcept { return secure ? "https" : "http"; }
  bool default_port() const noexcept { return port == (secure ? 443 : 80); }
  std::string_view path() const noexcept { return std::string_view(target).substr(0, target.find('?')); }
  /// "example.org", "[::1]:8080": what the Host header says.
  std::string authority() const;
  /// "example.org:443": with the port always, as CONNECT wants it.
  std::string host_and_port() const;
  /// "https://example.org:8443"
  std::string origin() const;
  std::string text() const { return origin() + target; }
  bool same_origin(const Url& other) const noexcept {
    return secure == other.secure && port == other.port && host == other.host;
  }
};

/// None for what is not such a URL.
std::optional<Url> parse_url(std::string_view text);
/// What `reference` (of a Location header, say) is with `base`: RFC 3986 section 5.2.
std::optional<Url> resolve_url(const Url& base, std::string_view reference);

}  // namespace verdin::protocol::http1
