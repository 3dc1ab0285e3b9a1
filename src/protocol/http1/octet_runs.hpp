// How long a run of octets of one kind is, sixteen at a time where the processor can. Internal.
//
// A kind says of one octet whether it belongs to it (`has`), and of sixteen which do not (`others`). Texts of
// any size are looked at without a loop over their last octets: lines of HTTP are short, and there the last
// octets are most of them. Nothing outside the text is read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <verdin/protocol/http1/chars.hpp>

namespace verdin::protocol::http1::runs {

/// What a field value may hold: is_text_char().
struct Text {
  static constexpr bool has(char c) noexcept { return is_text_char(c); }
#if defined(__SSE2__)
  static __m128i others(__m128i octets) noexcept {
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1f)), octets);
    const __m128i tab = _mm_cmpeq_epi8(octets, _mm_set1_epi8('\t'));
    return _mm_or_si128(_mm_andnot_si128(tab, low), _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f)));
  }
#endif
};

/// What a request's target may hold: printable ASCII, and no fragment.
struct Target {
  static constexpr bool has(char c) noexcept { return c > ' ' && c < 0x7f && c != '#'; }
#if defined(__SSE2__)
  static __m128i others(__m128i octets) noexcept {
    const __m128i outside = _mm_cmplt_epi8(octets, _mm_set1_epi8('!'));  // signed: those above 127, too
    return _mm_or_si128(outside, _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8('#')),
                                              _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f))));
  }
#endif
};

/// The same before its query.
struct TargetPath {
  static constexpr bool has(char c) noexcept { return Target::has(c) && c != '?'; }
#if defined(__SSE2__)
  static __m128i others(__m128i octets) noexcept {
    return _mm_or_si128(Target::others(octets), _mm_cmpeq_epi8(octets, _mm_set1_epi8('?')));
  }
#endif
};

/// Letters, digits, "-", "." and "_": nearly all that tokens and hosts are made of.
struct Word {
  static constexpr bool has(char c) noexcept {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  }
#if defined(__SSE2__)
  static __m128i others(__m128i octets) noexcept {
    const auto within = [](__m128i from_first, char size) {
      return _mm_cmpeq_epi8(_mm_min_epu8(from_first, _mm_set1_epi8(size)), from_first);
    };
    const __m128i lower = _mm_or_si128(octets, _mm_set1_epi8(0x20));
    const __m128i letters = within(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
    const __m128i digits = within(_mm_sub_epi8(octets, _mm_set1_epi8('0')), 9);
    const __m128i marks = within(_mm_sub_epi8(octets, _mm_set1_epi8('-')), 1);
    const __m128i line = _mm_cmpeq_epi8(octets, _mm_set1_epi8('_'));
    const __m128i all = _mm_or_si128(_mm_or_si128(letters, digits), _mm_or_si128(marks, line));
    return _mm_cmpeq_epi8(all, _mm_setzero_si128());
  }
#endif
};

/// All but what makes a path's segments other than they are written.
struct PlainPath {
  static constexpr bool has(char c) noexcept { return c != '%' && c != '.'; }
#if defined(__SSE2__)
  static __m128i others(__m128i octets) noexcept {
    return _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8('%')),
                        _mm_cmpeq_epi8(octets, _mm_set1_epi8('.')));
  }
#endif
};

#if defined(__SSE2__)
/// The rest is zero. `size` is less than 16.
inline __m128i load_few(const char* from, std::size_t size) noexcept {
  const auto word = [from](std::size_t at, auto value) {
    std::memcpy(&value, from + at, sizeof value);
    return std::uint64_t{value};
  };
  std::uint64_t low = 0, high = 0;
  if (size >= 8) {
    low = word(0, std::uint64_t{});
    if (size > 8) high = word(size - 8, std::uint64_t{}) >> (8 * (16 - size));
  } else if (size >= 4) {
    low = word(0, std::uint32_t{}) | word(size - 4, std::uint32_t{}) << (8 * (size - 4));
  } else if (size > 0) {
    low = word(0, std::uint8_t{}) | word(size / 2, std::uint8_t{}) << (8 * (size / 2)) |
          word(size - 1, std::uint8_t{}) << (8 * (size - 1));
  }
  return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}
#endif

/// Length of the longest prefix that is all of that kind.
template <typename Kind>
inline std::size_t prefix(std::string_view text) noexcept {
  std::size_t at = 0;
#if defined(__SSE2__)
  const auto others = [](__m128i octets) {
    return static_cast<unsigned>(_mm_movemask_epi8(Kind::others(octets)));
  };
  const auto load = [&](std::size_t from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
  };
  const auto first = [](unsigned mask) { return static_cast<std::size_t>(std::countr_zero(mask)); };
  if (text.size() < 16) return first(others(load_few(text.data(), text.size())) | 1U << text.size());
  for (; at + 16 <= text.size(); at += 16) {
    if (const unsigned mask = others(load(at))) return at + first(mask);
  }
  if (at == text.size()) return at;
  // The last sixteen: those before `at` are known to belong to it.
  return text.size() - 16 + first(others(load(text.size() - 16)) | 1U << 16);
#else
  while (at < text.size() && Kind::has(text[at])) ++at;
  return at;
#endif
}

}  // namespace verdin::protocol::http1::runs
