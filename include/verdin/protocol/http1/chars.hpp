// Character classes and list helpers of HTTP field syntax (RFC 9110 section 5.6). Pure functions, nothing
// throws.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace verdin::protocol::http1 {

namespace detail {
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> kToken = make_token_table();
}  // namespace detail

constexpr bool is_token_char(char c) noexcept { return detail::kToken[static_cast<unsigned char>(c)]; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
/// What may stand in a field value: no control characters but HTAB; octets above 127 are allowed (obs-text).
constexpr bool is_text_char(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return (u >= 0x20 && u != 0x7f) || u == '\t';
}
/// 0..15, or -1.
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_token(std::string_view text) noexcept;
/// ASCII letters compare equal in either case.
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
/// Is `name`, a token, this name of lower-case letters and "-", in any case?
template <std::size_t kSize>
bool is_name(std::string_view name, const char (&lower)[kSize]) noexcept {
  // No token character but a capital becomes another of them by this bit.
  const auto differ = [&](std::size_t at, auto word) {
    auto expected = word;
    std::memcpy(&word, name.data() + at, sizeof word);
    std::memcpy(&expected, lower + at, sizeof expected);
    constexpr auto kBits = static_cast<decltype(word)>(0x2020202020202020);
    return (word | kBits) != expected;
  };
  constexpr std::size_t kLength = kSize - 1;
  static_assert(kLength >= 4);
  if (name.size() != kLength) return false;
  if constexpr (kLength < 8) {
    return !differ(0, std::uint32_t{}) && !differ(kLength - 4, std::uint32_t{});
  } else {
    for (std::size_t at = 0; at + 8 <= kLength; at += 8) {
      if (differ(at, std::uint64_t{})) return false;
    }
    return !differ(kLength - 8, std::uint64_t{});
  }
}
/// Without SP and HTAB at both ends.
std::string_view trim(std::string_view text) noexcept;
/// Length of the longest prefix of characters for which is_text_char() holds.
std::size_t text_prefix(std::string_view text) noexcept;

/// Takes the next element off a comma-separated list (trimmed; empty elements are skipped). False at the end.
/// Commas inside quoted strings do not separate.
bool next_list_element(std::string_view& list, std::string_view& element) noexcept;
/// Whether a comma-separated list holds `token` in any case.
bool list_contains(std::string_view list, std::string_view token) noexcept;

}  // namespace verdin::protocol::http1
