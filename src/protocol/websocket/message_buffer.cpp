#include "protocol/websocket/message_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include <verdin/protocol/websocket/frame_decoder.hpp>

namespace verdin::protocol::websocket {

char* MessageBuffer::extend(std::size_t count, std::size_t expected) {
  const std::size_t needed = size_ + count;
  if (count > 0 && needed + kMessagePadding > block_.capacity) grow(needed, expected);
  char* const to = block_.data + size_;
  size_ = needed;
  return to;
}

void MessageBuffer::append(std::span<const char> octets, std::size_t expected) {
  char* const to = extend(octets.size(), expected);
  if (!octets.empty()) std::memcpy(to, octets.data(), octets.size());
}

std::span<char> MessageBuffer::finish() noexcept {
  static char nothing[kMessagePadding] = {};
  if (!block_.data) return {nothing, 0};
  std::memset(block_.data + size_, 0, kMessagePadding);
  return {block_.data, size_};
}

void MessageBuffer::grow(std::size_t needed, std::size_t expected) {
  constexpr std::size_t kFirst = 256;
  constexpr std::size_t kEarned = 1024;  // so much has come in before a message is thought of as large
  if (expected >= KeptBlocks::kLeast && needed >= kEarned) {
    const KeptBlocks::Block kept = KeptBlocks::take(needed + kMessagePadding, expected + kMessagePadding);
    if (kept.data) {
      if (size_ > 0) std::memcpy(kept.data, block_.data, size_);
      KeptBlocks::give_back(std::exchange(block_, kept));
      is_kept_ = true;
      return;
    }
  }
  const std::size_t wish = std::min(std::max(kFirst, needed + needed / 2), std::max(needed, expected));
  const std::size_t capacity = wish + kMessagePadding;
  // realloc: large blocks are moved by the page tables, so the old and the new one are not held at once.
  char* const data = static_cast<char*>(std::realloc(block_.data, capacity));
  if (!data) throw std::bad_alloc();
  block_ = {data, capacity};
  is_kept_ = false;
}

}  // namespace verdin::protocol::websocket
