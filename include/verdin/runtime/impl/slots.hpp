// Internal. Slots: the free places of a Pool. Outlives it while a greenlet waits for one.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

class Slots : public RefCounted<Slots> {
 public:
  explicit Slots(std::size_t size) : size_(size), free_(size) {}

  std::size_t size() const noexcept { return size_; }
  std::size_t free() const noexcept { return free_; }

  bool try_acquire() noexcept {
    if (free_ == 0) return false;
    --free_;
    return true;
  }
  /// False if there was none until `due`. Throws std::logic_error if the pool has gone.
  bool acquire_until(std::optional<loop::Clock::time_point> due);
  /// The same, without taking it.
  bool wait_until(std::optional<loop::Clock::time_point> due);
  void give_back() noexcept {
    ++free_;
    waiters_.wake_one();
  }
  /// The pool has gone.
  void close() noexcept {
    closed_ = true;
    waiters_.wake_all();
  }

 private:
  bool wait(std::optional<loop::Clock::time_point> due, bool take);

  const std::size_t size_;
  std::size_t free_;
  bool closed_ = false;
  WaitQueue waiters_;
};

/// Gives an acquired place back, unless somebody else has it now.
class SlotGuard {
 public:
  explicit SlotGuard(IntrusivePtr<Slots> slots) noexcept : slots_(std::move(slots)) {}
  SlotGuard(const SlotGuard&) = delete;
  SlotGuard& operator=(const SlotGuard&) = delete;
  ~SlotGuard() {
    if (slots_) slots_->give_back();
  }
  void hand_over() noexcept { slots_.reset(); }

 private:
  IntrusivePtr<Slots> slots_;
};

}  // namespace verdin::impl
