// Numbers as ECMAScript writes them (ECMA-262, Number::toString), but for integers of 2^53..2^64: those are
// written with all their digits, which mean the same to a reader of doubles and, unlike the shortest ones, to
// a reader of integers.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace verdin::json {

inline constexpr std::size_t kNumberTextSize = 40;

/// The shortest text that reads back the same; "null" for NaN and infinities. Refers to `to` or to static
/// text.
std::string_view number_text(double value, std::array<char, kNumberTextSize>& to);
/// Shortest as a float: 0.1f is 0.1.
std::string_view number_text(float value, std::array<char, kNumberTextSize>& to);

}  // namespace verdin::json
