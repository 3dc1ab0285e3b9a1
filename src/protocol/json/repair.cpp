#include "protocol/json/repair.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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
      continue;
    }
    const std::size_t end = std::min(text.find_first_of("\"\\", at), text.size());
    out.append(text.substr(at, end - at));
    at = end;
  }
  if (at < text.size()) out.push_back(text[at++]);
  return at - start;
}

constexpr std::size_t kQuickDigits = 19;  // 64 bits hold as many

// A number as it is written.
struct Token {
  std::string_view text;
  std::string_view whole;     // digits before the point
  std::string_view fraction;  // behind it
  std::int64_t exponent = 0;  // no further from zero than kFar
  bool good = true;           // JSON's grammar is kept
  bool integer = true;        // neither point nor exponent
};

constexpr std::int64_t kFar = std::int64_t{1} << 40;

std::string_view take_digits(std::string_view text, std::size_t& at) {
  const std::size_t start = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return text.substr(start, at - start);
}

// Behind the "e".
std::int64_t take_exponent(std::string_view text, std::size_t& at, bool& good) {
  const bool negative = at < text.size() && text[at] == '-';
  if (negative || (at < text.size() && text[at] == '+')) ++at;
  const std::string_view digits = take_digits(text, at);
  good = good && !digits.empty();
  std::int64_t value = 0;
  for (const char c : digits) value = std::min(value * 10 + (c - '0'), kFar);
  return negative ? -value : value;
}

Token take_number(std::string_view text, std::size_t at) {
  const std::size_t start = at;
  Token token;
  if (text[at] == '-') ++at;
  token.whole = take_digits(text, at);
  token.good = !token.whole.empty() && (token.whole.size() == 1 || token.whole[0] != '0');
  if (at < text.size() && text[at] == '.') {
    token.integer = false;
    token.fraction = take_digits(text, ++at);
    token.good = token.good && !token.fraction.empty();
  }
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    token.integer = false;
    token.exponent = take_exponent(text, ++at, token.good);
  }
  token.text = text.substr(start, at - start);
  return token;
}

// Whether the first digit that is not 0 stands at a power of ten above 0: is it large, or small?
bool is_large(const Token& token) {
  std::int64_t power = token.exponent;
  if (const std::size_t first = token.whole.find_first_not_of('0'); first != token.whole.npos) {
    power += static_cast<std::int64_t>(token.whole.size() - first);
  } else {
    power -=
        static_cast<std::int64_t>(std::min(token.fraction.find_first_not_of('0'), token.fraction.size()));
  }
  return power > 0;
}

double read_real(const Token& token) {
  double value = 0;
  const char* const end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, value).ec != std::errc::result_out_of_range) return value;
  value = is_large(token) ? std::numeric_limits<double>::infinity() : 0;
  return token.text[0] == '-' ? -value : value;
}

bool fits_64_bits(std::string_view integer) {
  std::int64_t narrow;
  std::uint64_t wide;
  const char* end = integer.data() + integer.size();
  return std::from_chars(integer.data(), end, narrow).ec != std::errc::result_out_of_range ||
         std::from_chars(integer.data(), end, wide).ec == std::errc();
}

void append_real(std::string& out, double value) {
  std::array<char, 32> digits;
  // With an exponent: it is not to be taken for an integer.
  char* const end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::scientific).ptr;
  out.append(digits.data(), end);
}

// `number`: how many came before. Returns the length.
std::size_t copy_number(std::string_view text, std::size_t at, std::size_t number, std::string& out,
                        Infinities& infinities, bool& changed) {
  const Token token = take_number(text, at);
  const bool is_long = token.whole.size() + token.fraction.size() > kQuickDigits;
  const bool as_it_is =
      !token.good || (token.integer ? fits_64_bits(token.text) : !is_long && token.exponent == 0);
  const double value = as_it_is ? 0 : read_real(token);
  if (std::isinf(value)) {
    infinities.places.push_back({number, value < 0});
    // With its sign: without, "1-1e400" would become a number.
    out.append(value < 0 ? "-1e0" : "1e0");
  } else if (!as_it_is && (is_long || token.integer)) {
    append_real(out, value);
  } else {
    out.append(token.text);
    return token.text.size();
  }
  changed = true;
  return token.text.size();
}

}  // namespace

bool repair(std::string_view text, std::string& out, Infinities& infinities) {
  bool changed = false;
  std::size_t numbers = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at += copy_string(text, at, out, changed);
    } else if (text[at] == '-' || is_digit(text[at])) {
      at += copy_number(text, at, numbers++, out, infinities, changed);
    } else {
      out.push_back(text[at++]);
    }
  }
  return changed;
}

bool has_many_long_numbers(std::string_view text) noexcept {
  constexpr std::size_t kLong = kQuickDigits + 1;  // each run of so many has one of the octets looked at
  constexpr unsigned kFew = 8;
  const auto belongs = [&](std::size_t at) { return is_digit(text[at]) || text[at] == '.'; };
  unsigned found = 0;
  for (std::size_t at = kLong - 1; at < text.size(); at += kLong) {
    if (!belongs(at)) continue;
    std::size_t begin = at;
    while (begin > at + 1 - kLong && belongs(begin - 1)) --begin;
    while (at < text.size() && belongs(at)) ++at;
    while (begin < at && (text[begin] == '0' || text[begin] == '.')) ++begin;  // these are not significant
    if (at - begin >= kLong && ++found > kFew) return true;
  }
  return false;
}

}  // namespace verdin::json
