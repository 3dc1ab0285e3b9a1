#include "protocol/json/number_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace verdin::json {
namespace {

// A positive number as 0.DIGITS * 10^point.
struct Decimal {
  std::array<char, 20> digits;
  int count = 0;
  int point = 0;
};

template <typename T>
Decimal decimal_of(T value) {
  std::array<char, 32> text;
  const char* end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr;
  Decimal decimal;
  const char* at = text.data();
  for (; *at != 'e'; ++at) {
    if (*at != '.') decimal.digits[static_cast<std::size_t>(decimal.count++)] = *at;
  }
  ++at;
  if (*at == '+') ++at;
  std::from_chars(at, end, decimal.point);
  ++decimal.point;
  return decimal;
}

constexpr int kLongestWhole = 21;  // digits before the point without an exponent
constexpr int kMostZeros = 6;      // the same behind it: 0.000001

char* write_exponent(char* to, const Decimal& decimal) {
  *to++ = decimal.digits[0];
  if (decimal.count > 1) {
    *to++ = '.';
    to = std::copy_n(decimal.digits.data() + 1, decimal.count - 1, to);
  }
  *to++ = 'e';
  *to++ = decimal.point > 0 ? '+' : '-';
  return std::to_chars(to, to + 4, std::abs(decimal.point - 1)).ptr;
}

char* write_decimal(char* to, const Decimal& decimal) {
  const char* digits = decimal.digits.data();
  if (decimal.point > kLongestWhole || decimal.point <= -kMostZeros) return write_exponent(to, decimal);
  if (decimal.point >= decimal.count) {
    to = std::copy_n(digits, decimal.count, to);
    return std::fill_n(to, decimal.point - decimal.count, '0');
  }
  if (decimal.point > 0) {
    to = std::copy_n(digits, decimal.point, to);
    *to++ = '.';
    return std::copy_n(digits + decimal.point, decimal.count - decimal.point, to);
  }
  *to++ = '0';
  *to++ = '.';
  to = std::fill_n(to, -decimal.point, '0');
  return std::copy_n(digits, decimal.count, to);
}

template <typename T>
std::string_view text_of(T value, std::array<char, kNumberTextSize>& to) {
  if (!std::isfinite(value)) return "null";
  if (value == 0) return "0";
  char* at = to.data();
  if (value < 0) *at++ = '-';
  if (std::abs(value) < T{0x1p64} &&
      value == std::trunc(value)) {  // exact, as readers keep 64-bit integers exact
    at = std::to_chars(at, to.data() + to.size(), static_cast<std::uint64_t>(std::abs(value))).ptr;
  } else {
    at = write_decimal(at, decimal_of(std::abs(value)));
  }
  return {to.data(), static_cast<std::size_t>(at - to.data())};
}

}  // namespace

std::string_view number_text(double value, std::array<char, kNumberTextSize>& to) {
  return text_of(value, to);
}
std::string_view number_text(float value, std::array<char, kNumberTextSize>& to) {
  return text_of(value, to);
}

}  // namespace verdin::json
