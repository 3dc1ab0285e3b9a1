// The host of a request: "example.org:80", "[::1]:80" (RFC 3986 section 3.2.2, RFC 9112 section 3.2). No user
// part.
#pragma once

#include <array>
#include <string_view>

#include <verdin/protocol/http1/chars.hpp>

#include "octet_runs.hpp"

namespace verdin::protocol::http1 {

constexpr std::array<bool, 256> make_host_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 128; ++c)
    table[c] = is_alpha(static_cast<char>(c)) || is_digit(static_cast<char>(c));
  // reg-name without ",": nobody has one, and a joined list of two hosts would look like it.
  for (const char c : std::string_view("-._~%!$&'()*+;=")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> kHostChar = make_host_table();

inline bool is_host_char(char c) noexcept { return kHostChar[static_cast<unsigned char>(c)]; }

inline bool is_ip_literal_char(char c) noexcept { return hex_value(c) >= 0 || c == ':' || c == '.'; }

inline bool is_port(std::string_view text) noexcept {
  if (text.size() > 5) return false;
  unsigned value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;
}

inline bool is_valid_host(std::string_view host) noexcept {
  std::size_t end = 0;
  if (!host.empty() && host[0] == '[') {
    end = 1;
    while (end < host.size() && is_ip_literal_char(host[end])) ++end;
    if (end < 3 || end == host.size() || host[end] != ']') return false;
    ++end;
  } else {
    end = runs::prefix<runs::Word>(host);
    while (end < host.size() && is_host_char(host[end])) ++end;
  }
  if (end == host.size()) return true;
  return host[end] == ':' && is_port(host.substr(end + 1));
}

}  // namespace verdin::protocol::http1
