// shared::Event: a flag that greenlets of any hub and plain threads wait for.
//
// As verdin::Event: set() wakes everybody who waits at that moment, and clear() straight after it takes
// nothing back; a wait on a raised flag returns at once. A greenlet that waits lets its hub go on; a plain
// thread blocks; in a callback of a hub only what does not block (BlockingSwitchOutError). While a greenlet
// waits its hub does not call that a deadlock: another thread may wake it. Must outlive those who wait.
#pragma once

#include <mutex>

#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

class Event {
 public:
  bool is_set() const {
    const std::scoped_lock lock(mutex_);
    return set_;
  }
  bool ready() const { return is_set(); }
  void set() {
    const std::scoped_lock lock(mutex_);
    set_ = true;
    waiters_.wake_all();
  }
  void clear() {
    const std::scoped_lock lock(mutex_);
    set_ = false;
  }
  void wait() { wait_until(std::nullopt); }
  /// False if the flag stayed down for `limit`.
  bool wait_for(loop::Clock::duration limit) { return wait_until(impl::due_in(limit)); }

 private:
  bool wait_until(const impl::Due& due) {
    std::unique_lock lock(mutex_);
    return set_ || impl::SharedWaiter(lock, waiters_, "shared::Event::wait", false).wait_until(due);
  }

  mutable std::mutex mutex_;
  bool set_ = false;
  impl::SharedWaitList waiters_;
};

}  // namespace verdin::shared
