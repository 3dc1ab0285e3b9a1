// Internal. WaitList: those who want to know when something is ready, first come first told.
//
// A Link is told by its function `notify`, which must only queue (make a greenlet or a call ready): whoever
// notifies runs on. It stays in its list until it is unlinked, so that a greenlet that was woken for nothing
// waits again in its old place; its destructor takes it out, so one that is killed or times out while it
// waits leaves nothing behind. A list that dies forgets its links, but wakes the greenlets that wait in it
// with DestroyedWhileWaiting (GreenletExit where the hub is ending).
#pragma once

#include <cstddef>
#include <exception>
#include <optional>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>
#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/loss_mark.hpp>
#include <verdin/runtime/impl/wait_end.hpp>

namespace verdin::impl {

using Due = std::optional<loop::Clock::time_point>;

/// Now and `limit`; the end of time where that is later.
inline loop::Clock::time_point due_in(loop::Clock::duration limit) {
  const auto now = loop::Clock::now();
  return limit > loop::Clock::time_point::max() - now ? loop::Clock::time_point::max() : now + limit;
}

/// What was thrown into the running greenlet came when the call that it is in had done its work: it is thrown
/// when the greenlet suspends next.
void throw_later(std::exception_ptr error);
/// The same for a destructor: without memory for it, it goes to the hub's error hook.
void throw_later_or_report(const char* where, const std::exception_ptr& error) noexcept;

/// A WaitList in which one is told, and others are not. It forgets the greenlets that are gone without having
/// left it: see LossMark.
class WaitQueue : public WaitList {
 public:
  /// Tells the first that was not told yet (and those before it that only look); false if there is none.
  bool wake_one() noexcept {
    look_for_losses();
    for (LinkNode* node = head_.next_; node != &head_;) {
      LinkNode* const next = node->next_;  // it may unlink itself
      Link& link = link_of(node);
      if (!link.notified_) {
        const bool takes = link.takes_;
        link.tell();
        if (takes) return true;
      }
      node = next;
    }
    return false;
  }

  /// One that is to take something, from before it waits until it has it or leaves.
  void add_taker() noexcept {
    look_for_losses();
    ++takers_;
  }
  void drop_taker() noexcept {
    if (takers_ > 0) --takers_;
  }
  std::size_t takers() noexcept {
    look_for_losses();
    return takers_;
  }

 private:
  void look_for_losses() noexcept {
    if (losses_.lost_all()) [[unlikely]]
      forget_the_gone();
  }
  void forget_the_gone() noexcept;

  LossMark losses_;
  std::size_t takers_ = 0;
};

/// A greenlet that waits; lies on its stack.
class Waiter : private Link {
 public:
  /// In no list yet, for the running greenlet. Throws BlockingSwitchOutError in the hub. Reports show `what`
  /// (a literal) as the call that waits.
  explicit Waiter(const char* what = "a wait");
  /// Joins `list` at its end as well.
  explicit Waiter(WaitList& list, const char* what = "a wait");

  /// Suspends until woken. A waiter that waits again keeps its place.
  void wait() { wait_until(std::nullopt); }
  /// Suspends until woken (true) or until `due` (false).
  bool wait_until(const Due& due) { return settle(wait_quietly(due)); }
  /// As wait_until(), for settle().
  [[nodiscard]] WaitEnd wait_quietly(const Due& due);
  /// As if the list had woken it: for one that comes while those before it are still on their way. woken()
  /// is false after that wait.
  void wake() noexcept { tell(); }
  Link& link() noexcept { return *this; }
  /// It will take nothing.
  void look_only() noexcept { Link::look_only(); }
  /// It will not ask for the result of a greenlet whose end it waits for, but by a handle.
  void only_hear_of_ends() noexcept { Link::only_hear_of_ends(); }
  /// Was the list destroyed? Nothing that it belonged to may be touched then.
  bool orphaned() const noexcept { return Link::orphaned(); }
  /// Was it woken since it last began to wait?
  bool woken() const noexcept { return notified(); }
  /// Is `link` of a waiter that its hub has given up?
  static bool is_gone(const Link& link) noexcept;

 private:
  static void make_ready(Link& link) noexcept;
  GreenletBase* greenlet_;
  const char* what_;
};

}  // namespace verdin::impl
