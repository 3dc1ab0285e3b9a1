// Internal. What Semaphore and shared::Semaphore have in common: all but how they wait. See semaphore.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>

#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/impl/lockable.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin {

/// What becomes of a unit that is released while somebody waits for it.
enum class Handoff : bool {
  barging,  ///< whoever comes first takes it, the releaser itself included
  direct    ///< it is kept for the one that has waited longest
};

namespace impl {

template <typename Sync>
class BasicSemaphore : public TimedLock<BasicSemaphore<Sync>> {
  using Guard = typename Sync::Guard;

 public:
  static constexpr std::size_t kNoBound = std::numeric_limits<std::size_t>::max();

  explicit BasicSemaphore(std::size_t count = 1, Handoff handoff = Handoff::barging,
                          std::size_t bound = kNoBound)
      : count_(count), bound_(bound), direct_(handoff == Handoff::direct) {
    if (count > bound) throw LockMisuse("verdin: a semaphore that begins above its bound");
  }
  BasicSemaphore(const BasicSemaphore&) = delete;
  BasicSemaphore& operator=(const BasicSemaphore&) = delete;

  /// How many could be taken now.
  std::size_t count() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return free();
  }
  bool ready() const { return count() > 0; }

  void acquire() { acquire_until(std::nullopt); }
  bool acquire_for(loop::Clock::duration limit) { return acquire_until(due_in(limit)); }
  bool try_acquire() {
    [[maybe_unused]] const Guard guard(mutex_);
    return take_if_free();
  }

  /// The count after it. LockMisuse if that would exceed the bound.
  std::size_t release(std::size_t n = 1) {
    [[maybe_unused]] const Guard guard(mutex_);
    if (n > bound_ - count_) throw LockMisuse("verdin: a semaphore was released more often than acquired");
    count_ += n;
    turns_.wake(n);
    return free();
  }

  /// Blocks while there is nothing to take, and takes nothing. What could be taken then: it may be 0 again.
  std::size_t wait() { return wait_until(std::nullopt); }
  std::size_t wait_for(loop::Clock::duration limit) { return wait_until(due_in(limit)); }

  bool acquire_until(const Due& due) {
    Guard guard(mutex_);
    if (take_if_free()) return true;
    if (!turns_.await(guard, due)) return false;
    --count_;
    return true;
  }

 protected:
  /// What a newcomer could take.
  std::size_t free() const noexcept {
    if (!direct_) return count_;
    return count_ > turns_.takers() ? count_ - turns_.takers() : 0;
  }

  mutable typename Sync::Mutex mutex_;

 private:
  static bool any(const void* self) noexcept { return static_cast<const BasicSemaphore*>(self)->count_ > 0; }

  bool take_if_free() noexcept {
    if (free() == 0) return false;
    --count_;
    return true;
  }

  std::size_t wait_until(const Due& due) {
    Guard guard(mutex_);
    if (free() == 0) turns_.look(guard, due);
    return free();
  }

  std::size_t count_;
  std::size_t bound_;
  bool direct_;

 protected:
  typename Sync::Turns turns_{&BasicSemaphore::any, this};
};

}  // namespace impl
}  // namespace verdin
