// Internal. WakeList: the greenlets of one hub that other threads have told (see shared_sync.hpp). Lock-free:
// any thread pushes, the hub takes all. It lies in the hub's Inbox, and so may outlive the hub.
#pragma once

#include <atomic>

namespace verdin::impl {

class SharedWaiter;

class WakeList {
 public:
  /// True if it was empty: whoever pushes then has the hub drain it.
  bool push(SharedWaiter& waiter) noexcept;
  /// Makes them ready, first told first.
  void drain() noexcept;
  /// In a child of fork(): those who are in it are not there.
  void forget() noexcept { last_.store(nullptr, std::memory_order_relaxed); }

 private:
  std::atomic<SharedWaiter*> last_{nullptr};
};

}  // namespace verdin::impl
