// HubRef: a reference to a hub that may outlive it; how other threads talk to a hub.
//
//   verdin::HubRef here = verdin::Hub::current().ref();
//   std::thread([here] { if (!here.post([] { ... })) ...; });  // false: that hub has ended
//
// post() has `task` run in the hub, in the order of posting, soon: one that returned true is run, even by a
// hub that is just ending. Any thread may copy, post through and drop a HubRef at any time. Nothing here
// blocks, but for the short lock around the queue. The hub is woken by the first of a batch only, and not by
// its own thread. A posted task must not block; an exception it throws goes to the hub's error hook.
//
// The queue has no limit of its own: who posts on behalf of a peer has to bound what is under way.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/runtime/impl/wake_list.hpp>

namespace verdin {

class Hub;
namespace loop {
class Loop;
}

namespace impl {

/// What was posted to a hub, and whether there still is one.
class Inbox : public SharedRefCounted<Inbox> {
 public:
  using Task = UniqueFunction<void()>;

  explicit Inbox(loop::Loop& loop) noexcept : loop_(&loop) {}

  /// False, and `task` is dropped, when the hub has ended.
  bool post(Task task, bool from_owner);
  bool has_tasks() const noexcept { return has_tasks_.load(std::memory_order_acquire); }
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  /// For the owner: takes what is there, and makes those ready that were told; `empty`'s memory is used for
  /// what comes next.
  void take(std::vector<Task>& empty);
  /// For the owner: nothing is posted any more. Greenlets of the hub are still told.
  void close();
  /// For the owner: there are none left.
  void let_go();
  /// For the owner, in a child of fork(): forgets what was posted to its parent.
  void after_fork() noexcept;
  /// For SharedWaiter: tells a greenlet of the hub, from another thread. Allocates nothing.
  void wake(SharedWaiter& waiter) noexcept;
  WakeList& wakes() noexcept { return wakes_; }

 private:
  void call_owner(bool from_owner) noexcept;

  std::atomic<bool> has_tasks_{false};  // or somebody was told
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  loop::Loop* loop_;
  std::vector<Task> tasks_;
  WakeList wakes_;
};

}  // namespace impl

class HubRef {
 public:
  HubRef() noexcept = default;
  explicit HubRef(IntrusivePtr<impl::Inbox> inbox) noexcept : inbox_(std::move(inbox)) {}

  /// Has `task` run in the hub; false if that has ended (or for an empty HubRef).
  bool post(UniqueFunction<void()> task) const;
  /// Has the hub ended? What is false now may be true before the next line runs.
  bool ended() const noexcept { return !inbox_ || inbox_->closed(); }
  /// Is it the hub of this thread?
  bool is_current() const noexcept;

  friend bool operator==(const HubRef& a, const HubRef& b) noexcept { return a.inbox_ == b.inbox_; }

 private:
  IntrusivePtr<impl::Inbox> inbox_;
};

}  // namespace verdin
