#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <verdin/protocol/http1/chars.hpp>

namespace verdin::protocol::http1 {

bool is_token(std::string_view text) noexcept {
  for (char c : text) {
    if (!is_token_char(c)) return false;
  }
  return !text.empty();
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t text_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
#if defined(__SSE2__)
  // Sixteen at a time: most lines are short, and their ends are found without a look at each octet.
  const __m128i below_blank = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(octets, below_blank), octets);
    const __m128i wrong =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(octets, tab), low), _mm_cmpeq_epi8(octets, del));
    if (const int mask = _mm_movemask_epi8(wrong)) {
      return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(mask)));
    }
  }
#else
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  // Eight at a time while none of them is below 0x20 or is DEL (a HTAB leaves this loop too, for the one
  // below).
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
    const std::uint64_t not_del = word ^ (kOnes * 0x7f);
    const std::uint64_t is_del = (not_del - kOnes) & ~not_del;
    if ((below_blank | is_del) & kHighs) {
      for (int i = 0; i < 8; ++i, ++at) {
        if (!is_text_char(text[at])) return at;
      }
      at -= 8;
    }
  }
#endif
  while (at < text.size() && is_text_char(text[at])) ++at;
  return at;
}

bool next_list_element(std::string_view& list, std::string_view& element) noexcept {
  while (!list.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) {
      if (list[end] == '"') quoted = !quoted;
      if (quoted && list[end] == '\\' && end + 1 < list.size()) ++end;
    }
    element = trim(list.substr(0, end));
    list.remove_prefix(end < list.size() ? end + 1 : list.size());
    if (!element.empty()) return true;
  }
  return false;
}

bool list_contains(std::string_view list, std::string_view token) noexcept {
  std::string_view element;
  while (next_list_element(list, element)) {
    if (equals_ignoring_case(element, token)) return true;
  }
  return false;
}

}  // namespace verdin::protocol::http1
