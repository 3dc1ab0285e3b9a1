// Mutex: one greenlet of a hub at a time. It may be held across a switch, which a std::mutex may not.
//
//   const std::scoped_lock lock(mutex);
//
// lock() blocks while another greenlet holds it; who waits is woken first come first served, with barging as
// for a Semaphore. To lock it again while holding it, or to unlock it without holding it, is LockMisuse. It
// meets the standard's TimedLockable. A greenlet that ends while it holds one leaves it locked: use the
// standard's guards. In a child of fork() one that is not there has left it locked, too: what it guards may
// be half changed. Hub-local: its hub's thread only, in callbacks of the hub what does not block;
// shared/mutex.hpp has the other.
#pragma once

#include <verdin/runtime/impl/basic_mutex.hpp>
#include <verdin/runtime/impl/local_sync.hpp>

namespace verdin {

class Mutex : public impl::BasicMutex<impl::LocalSync> {};

}  // namespace verdin
