// RLock: a mutex that its holder may lock several times; free when it has unlocked it as often.
//
// The holder is a greenlet (or the hub, in its callbacks). unlock() by another is LockMisuse. Meets the
// standard's TimedLockable. Hub-local: its hub's thread only; lock() blocks while another greenlet holds it.
#pragma once

#include <cstddef>
#include <utility>

#include <verdin/runtime/impl/lockable.hpp>
#include <verdin/runtime/semaphore.hpp>

namespace verdin {

class RLock : public impl::TimedLock<RLock> {
 public:
  RLock() = default;

  bool mine() const { return depth_ > 0 && owner_ == impl::LocalSync::self(); }
  /// How many times it is locked.
  std::size_t depth() const noexcept { return depth_; }

  /// Unlocks it however often it is locked; restore() undoes that. For Condition.
  std::size_t release_all() {
    check_mine();
    const std::size_t depth = std::exchange(depth_, 0);
    free_.release();
    return depth;
  }
  void restore(std::size_t depth) {
    acquire_until(std::nullopt);
    depth_ = depth;
  }

  // What TimedLock is made of.
  bool try_acquire() { return mine() ? again() : own(free_.try_acquire()); }
  bool acquire_until(const impl::Due& due) { return mine() ? again() : own(free_.acquire_until(due)); }
  void release() {
    check_mine();
    if (--depth_ == 0) free_.release();
  }

 private:
  void check_mine() const {
    if (!mine()) throw LockMisuse("verdin: a lock is unlocked by one that does not hold it");
  }
  bool again() noexcept {
    ++depth_;
    return true;
  }
  bool own(bool taken) {
    if (!taken) return false;
    owner_ = impl::LocalSync::self();
    depth_ = 1;
    return true;
  }

  Semaphore free_{1};
  const void* owner_ = nullptr;
  std::size_t depth_ = 0;
};

}  // namespace verdin
