#include "protocol/json/repair.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

namespace verdin::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The code unit of `\uXXXX` at `at`.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      unit = unit * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      unit = unit * 16 + static_cast<unsigned>(lower - 'a') + 10;
    } else {
      return std::nullopt;
    }
  }
  return unit;
}

// Copies an escape sequence and returns its length.
std::size_t copy_escape(std::string_view text, std::size_t at, std::string& out, bool& changed) {
  const std::optional<unsigned> unit = escaped_unit(text, at);
  std::size_t length = unit ? 6 : std::min<std::size_t>(2, text.size() - at);
  if (unit && *unit >= 0xD800 && *unit < 0xE000) {
    const std::optional<unsigned> next = escaped_unit(text, at + 6);
    if (*unit < 0xDC00 && next && *next >= 0xDC00 && *next < 0xE000) {
      length = 12;
    } else {
      out.append("\\ufffd");
      changed = true;
      return length;
    }
  }
  out.append(text.substr(at, length));
  return length;
}

std::size_t copy_string(std::string_view text, std::size_t at, std::string& out, bool& changed) {
  const std::size_t start = at;
  out.push_back(text[at++]);
  while (at < text.size() && text[at] != '"') {
    if (text[at] == '\\') {
      at += copy_escape(text, at, out, changed);
    } else {
      out.push_back(text[at++]);
    }
  }
  if (at < text.size()) out.push_back(text[at++]);
  return at - start;
}

bool fits_64_bits(std::string_view integer) {
  std::int64_t narrow;
  std::uint64_t wide;
  const char* end = integer.data() + integer.size();
  return std::from_chars(integer.data(), end, narrow).ec != std::errc::result_out_of_range ||
         std::from_chars(integer.data(), end, wide).ec == std::errc();
}

std::size_t copy_number(std::string_view text, std::size_t at, std::string& out, bool& changed) {
  std::size_t end = at + (text[at] == '-' ? 1 : 0);
  while (end < text.size() && is_digit(text[end])) ++end;
  const bool whole = end == text.size() || (text[end] != '.' && (text[end] | 0x20) != 'e');
  if (!whole) {  // the rest must not be taken for another number
    while (end < text.size() && std::string_view("+-.eE0123456789").find(text[end]) != std::string_view::npos)
      ++end;
  }
  out.append(text.substr(at, end - at));
  if (whole && !fits_64_bits(text.substr(at, end - at))) {
    out.append(".0");
    changed = true;
  }
  return end - at;
}

}  // namespace

bool repair(std::string_view text, std::string& out) {
  bool changed = false;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at += copy_string(text, at, out, changed);
    } else if (text[at] == '-' || is_digit(text[at])) {
      at += copy_number(text, at, out, changed);
    } else {
      out.push_back(text[at++]);
    }
  }
  return changed;
}

}  // namespace verdin::json
