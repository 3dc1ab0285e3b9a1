// SharedBuffer: immutable bytes shared by reference; what a broadcast is encoded into once.
//
// One allocation holds the count and the bytes. References may be copied, read and dropped on any thread.
// Nothing blocks; only making one allocates (std::bad_alloc).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <string_view>
#include <utility>

namespace verdin {

class SharedBuffer {
 public:
  SharedBuffer() noexcept = default;
  SharedBuffer(const SharedBuffer& other) noexcept : block_(other.block_) {
    if (block_) block_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBuffer(SharedBuffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBuffer& operator=(SharedBuffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedBuffer() {
    if (block_ && block_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) ::operator delete(block_);
  }

  static SharedBuffer copy(std::string_view bytes) { return join({bytes}); }

  /// The parts, one behind the other.
  static SharedBuffer join(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (std::string_view part : parts) size += part.size();
    SharedBuffer buffer;
    buffer.block_ = new (::operator new(sizeof(Block) + size)) Block{{1}, size};
    char* to = buffer.block_->bytes();
    for (std::string_view part : parts) {
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
    }
    return buffer;
  }

  std::string_view view() const noexcept {
    return block_ ? std::string_view(block_->bytes(), block_->size) : std::string_view();
  }
  std::size_t size() const noexcept { return block_ ? block_->size : 0; }
  explicit operator bool() const noexcept { return block_ != nullptr; }

 private:
  struct Block {
    std::atomic<std::uint32_t> refs;
    std::size_t size;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };
  Block* block_ = nullptr;
};

}  // namespace verdin
