// KeptBlocks: memory that large messages were collected in, kept for the next ones of the thread. Internal.
//
// A block that goes back to the system costs a page fault for every 4 KiB when the next one is filled: for 64
// KiB that is more than receiving and sending them.
#pragma once

#include <array>
#include <cstddef>

namespace verdin::protocol::websocket {

class KeptBlocks {
 public:
  static constexpr std::size_t kLeast = 64 * 1024;       // of a message for which it is worth it
  static constexpr std::size_t kMost = 4 * 1024 * 1024;  // altogether, in a thread

  struct Block {
    char* data = nullptr;
    std::size_t capacity = 0;
  };

  /// One of at least `needed` octets, of `wanted` if there is; or none. The caller frees it, or gives it
  /// back.
  static Block take(std::size_t needed, std::size_t wanted) noexcept;
  /// Keeps it, or frees it.
  static void give_back(Block block) noexcept;

 private:
  KeptBlocks() = default;
  ~KeptBlocks();
  static KeptBlocks* of_thread() noexcept;

  std::array<Block, 8> blocks_{};
  std::size_t octets_ = 0;
};

}  // namespace verdin::protocol::websocket
