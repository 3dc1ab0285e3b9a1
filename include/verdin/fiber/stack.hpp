// Stack and StackPool: where fibers keep their frames.
//
// Stacks are cut from slabs of address space that the kernel fills with memory only as it is touched. Each
// has a guard page below, so that an overflow faults instead of writing into a neighbour. Where the kernel
// has MADV_GUARD_INSTALL (Linux 6.13) guards cost no mapping; elsewhere mprotect guards the first
// kProtectedGuards stacks (each costs two mappings, and vm.max_map_count allows 65,530), and later ones go
// without.
//
// Threads: a pool belongs to one thread. take() does not block; it throws std::system_error when the system
// gives no more address space or mappings. Stacks that come back are reused last in first out; those that
// have been idle for longest give their memory back to the system, and keep their addresses.
#pragma once

#include <cstddef>
#include <vector>

namespace verdin::fiber {

struct Stack {
  char* base = nullptr;  ///< lowest usable octet; the guard page lies below it
  std::size_t size = 0;  ///< usable octets above it
  char* top() const noexcept { return base + size; }
  explicit operator bool() const noexcept { return base != nullptr; }
};

class StackPool {
 public:
  static constexpr std::size_t kDefaultSize = 256 * 1024;  ///< virtual, guard included
  static constexpr std::size_t kWarm = 256;  ///< idle stacks beyond these give their memory back

  /// Keeps as many as `most_warm` idle stacks with their memory (but for kBatch more).
  explicit StackPool(std::size_t stack_size = kDefaultSize, std::size_t most_warm = kWarm);
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  ~StackPool();  ///< unmaps the stacks, unless some are in use still: then none

  Stack take() {
    if (warm_.empty()) return take_clean();
    const Stack stack = warm_.back();
    warm_.pop_back();
    return stack;
  }
  void give_back(Stack stack) noexcept {
    warm_.push_back(stack);
    if (warm_.size() >= most_warm_ + kBatch) clean_coldest();
  }
  /// A step towards kWarm, of some 0.1 ms: for when there is nothing else to do. False: nothing was left.
  bool trim() noexcept {
    if (warm_.size() < kWarm + kBatch) return false;
    clean_coldest();
    return true;
  }

  std::size_t stack_size() const noexcept { return stack_size_; }
  std::size_t in_use() const noexcept { return made_ - warm_.size() - clean_.size(); }

 private:
  static constexpr std::size_t kStacksASlab = 64;
  static constexpr std::size_t kBatch = 256;  // stacks that give their memory back at once
  static constexpr std::size_t kProtectedGuards = 10'000;

  Stack take_clean();
  void clean_coldest() noexcept;
  void add_slab();
  void guard(char* page) noexcept;

  std::size_t stack_size_;
  std::size_t most_warm_;
  std::size_t made_ = 0;
  std::size_t protected_ = 0;
  std::vector<Stack> warm_;   // with memory that was touched; the last was used last
  std::vector<Stack> clean_;  // without
  std::vector<char*> slabs_;
};

}  // namespace verdin::fiber
