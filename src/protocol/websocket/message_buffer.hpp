// MessageBuffer: what a message is collected in; grows by half with what was received, never with what was
// promised.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace verdin::protocol::websocket {

class MessageBuffer {
 public:
  MessageBuffer() = default;
  MessageBuffer(MessageBuffer&& other) noexcept
      : data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  MessageBuffer& operator=(MessageBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  /// `expected`: octets that the message will have altogether, as far as known; growth does not go beyond it.
  void append(std::span<const char> octets, std::size_t expected);
  /// The message, with kMessagePadding zeros behind it.
  std::span<char> finish() noexcept;
  std::size_t size() const noexcept { return size_; }
  std::size_t memory() const noexcept { return capacity_; }

 private:
  void grow(std::size_t needed, std::size_t expected);

  struct Free {
    void operator()(char* data) const noexcept;
  };
  std::unique_ptr<char, Free>
      data_;  // kMessagePadding octets more than can be filled, so that they can be read
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // padding included
};

}  // namespace verdin::protocol::websocket
