// Internal. What Condition and shared::Condition have in common. See condition.hpp.
#pragma once

#include <optional>
#include <utility>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/local_sync.hpp>

namespace verdin::impl {

template <typename Lock>
concept Recursive = requires(Lock& lock) {
  lock.restore(lock.release_all());
};

/// Unlocks while one waits, and locks again whatever comes: nothing is thrown into the greenlet meanwhile.
/// A recursive lock is given up altogether, also behind a std::unique_lock (which takes no notice of it).
template <typename Lock>
class Unlocked {
 public:
  explicit Unlocked(Lock& lock) : lock_(lock) {
    if constexpr (Recursive<Lock>) {
      depth_ = lock.release_all();
    } else if constexpr (kHoldsRecursive) {
      depth_ = lock.mutex()->release_all();
    } else {
      lock.unlock();
    }
  }
  void lock_again() {
    std::optional<Shield> shield;
    if (Hub::current_or_null()) shield.emplace();
    if constexpr (Recursive<Lock>) {
      lock_.restore(depth_);
    } else if constexpr (kHoldsRecursive) {
      lock_.mutex()->restore(depth_);
    } else {
      lock_.lock();
    }
  }
  /// The condition has gone, and with it perhaps what it was used with: a std::unique_lock owns nothing then.
  void give_up() {
    if constexpr (kHoldsRecursive) {
      lock_.release();
    } else if constexpr (!requires(Lock & lock) { lock.owns_lock(); }) {
      lock_again();
    }
  }

 private:
  static constexpr bool kHoldsRecursive = requires(Lock & lock) {
    lock.mutex()->restore(lock.mutex()->release_all());
  };
  Lock& lock_;
  std::size_t depth_ = 0;
};

template <typename Sync>
class BasicCondition {
 public:
  BasicCondition() = default;
  BasicCondition(const BasicCondition&) = delete;
  BasicCondition& operator=(const BasicCondition&) = delete;

  template <typename Lock>
  void wait(Lock& lock) {
    wait_until(lock, std::nullopt);
  }
  template <typename Lock, typename Predicate>
  void wait(Lock& lock, Predicate predicate) {
    while (!predicate()) wait_until(lock, std::nullopt);
  }
  template <typename Lock>
  bool wait_for(Lock& lock, loop::Clock::duration limit) {
    return wait_until(lock, due_in(limit));
  }
  template <typename Lock, typename Predicate>
  bool wait_for(Lock& lock, loop::Clock::duration limit, Predicate predicate) {
    const Due due = due_in(limit);
    while (!predicate()) {
      if (!wait_until(lock, due)) return predicate();
    }
    return true;
  }

  void notify_one() {
    [[maybe_unused]] const Guard guard(mutex_);
    waiters_.wake_one();
  }
  void notify_all() {
    [[maybe_unused]] const Guard guard(mutex_);
    waiters_.wake_all();
  }

 private:
  using Guard = typename Sync::Guard;

  template <typename Lock>
  bool wait_until(Lock& lock, const Due& due) {
    std::optional<Unlocked<Lock>> unlocked;
    bool woken = false;
    bool orphaned = false;
    try {
      woken = sleep(lock, unlocked, due, orphaned);
    } catch (...) {
      if (unlocked) orphaned ? unlocked->give_up() : unlocked->lock_again();
      throw;
    }
    unlocked->lock_again();
    return woken;
  }

  template <typename Lock>
  bool sleep(Lock& lock, std::optional<Unlocked<Lock>>& unlocked, const Due& due, bool& orphaned) {
    Guard guard(mutex_);
    typename Sync::Waiter waiter(guard, waiters_, "Condition::wait");
    unlocked.emplace(lock);
    try {
      return waiter.wait_until(due);
    } catch (...) {
      orphaned = waiter.orphaned();
      waiter.pass_on();
      throw;
    }
  }

  typename Sync::Mutex mutex_;
  typename Sync::List waiters_;
};

}  // namespace verdin::impl
