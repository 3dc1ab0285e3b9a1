// Internal. WaitList: the greenlets waiting for something, first come first woken.
//
// A Waiter lies on the stack of the greenlet that waits; its destructor takes it out of the list, so a
// greenlet that is killed or times out while it waits leaves nothing behind. Waking only queues: the waker
// runs on.
#pragma once

#include <optional>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin::impl {

struct WaitLink {
  WaitLink* next = nullptr;
  WaitLink* prev = nullptr;
};

class WaitList {
 public:
  WaitList() { head_.next = head_.prev = &head_; }
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }
  /// Wakes the first that is not already woken; false if there is none.
  bool wake_one();
  void wake_all();

 private:
  friend class Waiter;
  WaitLink head_;
};

class Waiter : private WaitLink {
 public:
  /// Joins `list` at its end, for the running greenlet. Throws BlockingSwitchOutError in the hub.
  explicit Waiter(WaitList& list);
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    prev->next = next;
    next->prev = prev;
  }

  /// Suspends until woken. A waiter that waits again keeps its place.
  void wait() { wait_until(std::nullopt); }
  /// Suspends until woken (true) or until `due` (false).
  bool wait_until(std::optional<loop::Clock::time_point> due);
  /// Was it woken since it last returned from waiting?
  bool woken() const noexcept { return woken_; }

 private:
  friend class WaitList;
  GreenletBase* greenlet_;
  bool woken_ = false;
};

}  // namespace verdin::impl
