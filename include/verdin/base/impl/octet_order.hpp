// The order of short strings of one length, without a call. Internal. Any thread; nothing is thrown.
//
// memcmp(3) of some processors loads with a mask, which waits for what was written to the same place just
// before: 40 cycles for the path of a request. Any order does where it is only to be found again.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace verdin::impl {

template <typename Word>
std::uint64_t word_at(const char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// All of up to 8 octets.
inline std::uint64_t few_octets(const char* at, std::size_t size) noexcept {
  if (size >= 4)
    return word_at<std::uint32_t>(at) << 32 | word_at<std::uint32_t>(at + size - sizeof(std::uint32_t));
  if (size >= 2)
    return word_at<std::uint16_t>(at) << 16 | word_at<std::uint16_t>(at + size - sizeof(std::uint16_t));
  return size == 0 ? 0 : word_at<std::uint8_t>(at);
}

/// Less than, 0 or more than 0; not the order of the alphabet. Both are of one size.
inline int octet_order(std::string_view a, std::string_view b) noexcept {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const auto order = [](std::uint64_t x, std::uint64_t y) { return x == y ? 0 : x < y ? -1 : 1; };
  const std::size_t size = a.size();
  assert(size == b.size());
  if (size < kWord) return order(few_octets(a.data(), size), few_octets(b.data(), size));
  const auto at = [&](std::size_t i) {
    return order(word_at<std::uint64_t>(a.data() + i), word_at<std::uint64_t>(b.data() + i));
  };
  for (std::size_t i = 0; i + kWord < size; i += kWord) {
    if (const int found = at(i)) return found;
  }
  return at(size - kWord);
}

inline bool same_octets(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && octet_order(a, b) == 0;
}

}  // namespace verdin::impl
