#include <cstddef>
#include <cstring>

#include <simdjson.h>

#include <verdin/protocol/utf8.hpp>

namespace verdin::protocol {
namespace {

// What the next octet must be. The special states are those in which not every continuation octet will do.
enum State : std::uint8_t {
  kStart,
  kOneMore,
  kTwoMore,
  kThreeMore,
  kAfterE0,  // A0..BF, else overlong
  kAfterED,  // 80..9F, else a surrogate
  kAfterF0,  // 90..BF, else overlong
  kAfterF4,  // 80..8F, else above U+10FFFF
  kInvalid
};

// From here on simdjson's vector code is worth its call.
constexpr std::size_t kVectorSize = 64;

State after_lead(unsigned char octet) noexcept {
  if (octet < 0x80) return kStart;
  if (octet < 0xC2) return kInvalid;
  if (octet < 0xE0) return kOneMore;
  if (octet == 0xE0) return kAfterE0;
  if (octet == 0xED) return kAfterED;
  if (octet < 0xF0) return kTwoMore;
  if (octet == 0xF0) return kAfterF0;
  if (octet < 0xF4) return kThreeMore;
  return octet == 0xF4 ? kAfterF4 : kInvalid;
}

constexpr bool between(unsigned char octet, unsigned char low, unsigned char high) noexcept {
  return octet >= low && octet <= high;
}

State step(State state, unsigned char octet) noexcept {
  switch (state) {
    case kStart:
      return after_lead(octet);
    case kOneMore:
      return between(octet, 0x80, 0xBF) ? kStart : kInvalid;
    case kTwoMore:
      return between(octet, 0x80, 0xBF) ? kOneMore : kInvalid;
    case kThreeMore:
      return between(octet, 0x80, 0xBF) ? kTwoMore : kInvalid;
    case kAfterE0:
      return between(octet, 0xA0, 0xBF) ? kOneMore : kInvalid;
    case kAfterED:
      return between(octet, 0x80, 0x9F) ? kOneMore : kInvalid;
    case kAfterF0:
      return between(octet, 0x90, 0xBF) ? kTwoMore : kInvalid;
    case kAfterF4:
      return between(octet, 0x80, 0x8F) ? kTwoMore : kInvalid;
    case kInvalid:
      break;
  }
  return kInvalid;
}

std::size_t ascii_prefix(const char* data, std::size_t size) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, data + at, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (at < size && static_cast<unsigned char>(data[at]) < 0x80) ++at;
  return at;
}

State walk(State state, const char* data, std::size_t size) noexcept {
  std::size_t at = 0;
  while (at < size && state != kInvalid) {
    if (state == kStart) {
      at += ascii_prefix(data + at, size - at);
      if (at == size) break;
    }
    state = step(state, static_cast<unsigned char>(data[at++]));
  }
  return state;
}

/// How many octets at the end belong to a sequence that the text may cut short.
std::size_t unfinished_tail(const char* data, std::size_t size) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= size; ++back) {
    const auto octet = static_cast<unsigned char>(data[size - back]);
    if (octet < 0x80) return 0;
    if (octet < 0xC0) continue;
    const std::size_t length = octet >= 0xF0 ? 4 : octet >= 0xE0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

bool Utf8Validator::feed(std::string_view piece) noexcept {
  const char* data = piece.data();
  std::size_t size = piece.size();
  auto state = static_cast<State>(state_);
  while (state != kStart && state != kInvalid && size > 0) {
    state = step(state, static_cast<unsigned char>(*data++));
    --size;
  }
  if (state == kStart && size >= kVectorSize) {
    const std::size_t whole = size - unfinished_tail(data, size);
    if (!simdjson::validate_utf8(data, whole)) state = kInvalid;
    data += whole;
    size -= whole;
  }
  if (state == kStart) state = walk(state, data, size);
  state_ = state;
  return state != kInvalid;
}

bool is_utf8(std::string_view text) noexcept {
  Utf8Validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace verdin::protocol
