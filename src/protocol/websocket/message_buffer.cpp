#include "protocol/websocket/message_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include <verdin/protocol/websocket/frame_decoder.hpp>

namespace verdin::protocol::websocket {

void MessageBuffer::Free::operator()(char* data) const noexcept { std::free(data); }

void MessageBuffer::append(std::span<const char> octets, std::size_t expected) {
  if (octets.empty()) return;
  const std::size_t needed = size_ + octets.size();
  if (needed + kMessagePadding > capacity_) grow(needed, expected);
  std::memcpy(data_.get() + size_, octets.data(), octets.size());
  size_ = needed;
}

std::span<char> MessageBuffer::finish() noexcept {
  static char nothing[kMessagePadding] = {};
  if (!data_) return {nothing, 0};
  std::memset(data_.get() + size_, 0, kMessagePadding);
  return {data_.get(), size_};
}

void MessageBuffer::grow(std::size_t needed, std::size_t expected) {
  constexpr std::size_t kFirst = 256;
  const std::size_t wish = std::min(std::max(kFirst, needed + needed / 2), std::max(needed, expected));
  const std::size_t capacity = wish + kMessagePadding;
  // realloc: large blocks are moved by the page tables, so the old and the new one are not held at once.
  char* data = static_cast<char*>(std::realloc(data_.get(), capacity));
  if (!data) throw std::bad_alloc();
  static_cast<void>(data_.release());
  data_.reset(data);
  capacity_ = capacity;
}

}  // namespace verdin::protocol::websocket
