// shared::Semaphore, shared::BoundedSemaphore: units that greenlets of any hub and plain threads take and
// give back.
//
// The members, and what they mean, are verdin::Semaphore's (see semaphore.hpp), but add_link(). Any thread. A
// greenlet that waits lets its hub go on; a plain thread blocks; in a callback of a hub only what does not
// block (BlockingSwitchOutError). A kill or a limit that meets a wake-up from another thread either comes
// first or passes the wake-up on: none is lost. Must outlive those who wait.
#pragma once

#include <verdin/runtime/impl/basic_semaphore.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

class Semaphore : public impl::BasicSemaphore<impl::SharedSync> {
 public:
  using BasicSemaphore::BasicSemaphore;
};

class BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::size_t count = 1, Handoff handoff = Handoff::barging)
      : Semaphore(count, handoff, count) {}
};

}  // namespace verdin::shared
