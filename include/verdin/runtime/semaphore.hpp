// Semaphore: a number of units that greenlets of one hub take and give back.
//
//   verdin::Semaphore connections(10);
//   const std::scoped_lock one(connections);  // or acquire() ... release()
//
// acquire() blocks while there is none; those who wait are woken first come first served, and only while
// there is something to take. Barging is allowed: a unit belongs to whoever takes it first, so a releaser may
// have it back at once; those who wait then wait on, in their places. With Handoff::direct a
// released unit is kept for the one that has waited longest (fairer, and a switch dearer where a lock is much
// fought for). A greenlet that is killed or times out while it waits passes its wake-up on.
//
//   acquire(), acquire_for(limit) -> bool, try_acquire() -> bool   take one
//   release(n = 1) -> count                                        gives n back; never switches
//   wait(), wait_for(limit) -> count                               waits for one without taking it
//   count(), ready(), add_link()                                   see linkable.hpp
//   lock(), unlock(), try_lock(), try_lock_for(), try_lock_until() the standard's names
//
// BoundedSemaphore never counts above where it began: LockMisuse. A limit of nothing or less has expired:
// such a call looks, and lets others run once. Hub-local: its hub's thread only, in callbacks of the hub what
// does not block; shared/semaphore.hpp has the other. One that is destroyed while greenlets wait for it wakes
// them with DestroyedWhileWaiting.
#pragma once

#include <verdin/runtime/impl/basic_semaphore.hpp>
#include <verdin/runtime/impl/local_sync.hpp>

namespace verdin {

class Semaphore : public impl::BasicSemaphore<impl::LocalSync> {
 public:
  using BasicSemaphore::BasicSemaphore;

  /// For wait() over several objects: see linkable.hpp. The link takes nothing.
  void add_link(impl::Link& link) {
    turns_.add_link(link);
    turns_.impl::Turns::wake();
  }
};

class BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::size_t count = 1, Handoff handoff = Handoff::barging)
      : Semaphore(count, handoff, count) {}
};

}  // namespace verdin
