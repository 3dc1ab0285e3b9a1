// MessageBuffer: what a message is collected in; grows by half with what was received, never with what was
// promised. A large one may get a block that the thread has kept.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "protocol/websocket/kept_blocks.hpp"

namespace verdin::protocol::websocket {

class MessageBuffer {
 public:
  MessageBuffer() = default;
  MessageBuffer(MessageBuffer&& other) noexcept
      : block_(std::exchange(other.block_, {})),
        size_(std::exchange(other.size_, 0)),
        is_kept_(std::exchange(other.is_kept_, false)) {}
  MessageBuffer& operator=(MessageBuffer&& other) noexcept {
    KeptBlocks::give_back(block_);
    block_ = std::exchange(other.block_, {});
    size_ = std::exchange(other.size_, 0);
    is_kept_ = std::exchange(other.is_kept_, false);
    return *this;
  }
  ~MessageBuffer() { KeptBlocks::give_back(block_); }

  /// Makes room for `count` octets behind the others, to be written there. `expected`: octets that the
  /// message will have altogether, as far as known; growth does not go beyond it.
  char* extend(std::size_t count, std::size_t expected);
  void append(std::span<const char> octets, std::size_t expected);
  /// The message, with kMessagePadding zeros behind it.
  std::span<char> finish() noexcept;
  std::size_t size() const noexcept { return size_; }
  /// What it costs beyond what the thread has anyway.
  std::size_t memory() const noexcept { return is_kept_ ? size_ : block_.capacity; }

 private:
  void grow(std::size_t needed, std::size_t expected);

  KeptBlocks::Block block_;  // kMessagePadding octets more than can be filled, so that they can be read
  std::size_t size_ = 0;
  bool is_kept_ = false;  // the block was there before
};

}  // namespace verdin::protocol::websocket
