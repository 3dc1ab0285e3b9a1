#include "protocol/websocket/kept_blocks.hpp"

#include <cstdlib>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VERDIN_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define VERDIN_POISONS 1
#endif
#ifdef VERDIN_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace verdin::protocol::websocket {
namespace {

// Whoever still has a message when a thread ends may free it behind what the thread has kept.
thread_local bool ended = false;

// A message that is used behind its time is to be found out.
void forbid([[maybe_unused]] const KeptBlocks::Block& block) noexcept {
#ifdef VERDIN_POISONS
  __asan_poison_memory_region(block.data, block.capacity);
#endif
}
void allow([[maybe_unused]] const KeptBlocks::Block& block) noexcept {
#ifdef VERDIN_POISONS
  __asan_unpoison_memory_region(block.data, block.capacity);
#endif
}

}  // namespace

KeptBlocks::~KeptBlocks() {
  ended = true;
  for (const Block& block : blocks_) {
    allow(block);
    std::free(block.data);
  }
}

KeptBlocks* KeptBlocks::of_thread() noexcept {
  if (ended) return nullptr;
  thread_local KeptBlocks kept;
  return &kept;
}

KeptBlocks::Block KeptBlocks::take(std::size_t needed, std::size_t wanted) noexcept {
  KeptBlocks* const kept = of_thread();
  if (!kept || kept->octets_ == 0) return {};
  // The smallest of those that are large enough for all, else the largest.
  Block* best = nullptr;
  for (Block& block : kept->blocks_) {
    if (block.capacity < needed) continue;
    const bool better =
        !best || (best->capacity < wanted ? block.capacity > best->capacity
                                          : block.capacity >= wanted && block.capacity < best->capacity);
    if (better) best = &block;
  }
  if (!best) return {};
  const Block taken = std::exchange(*best, {});
  kept->octets_ -= taken.capacity;
  allow(taken);
  return taken;
}

void KeptBlocks::give_back(Block block) noexcept {
  if (!block.data) return;
  KeptBlocks* const kept = block.capacity >= kLeast ? of_thread() : nullptr;
  if (kept && kept->octets_ + block.capacity <= kMost) {
    for (Block& free : kept->blocks_) {
      if (free.data) continue;
      forbid(block);
      kept->octets_ += block.capacity;
      free = block;
      return;
    }
  }
  std::free(block.data);
}

}  // namespace verdin::protocol::websocket
