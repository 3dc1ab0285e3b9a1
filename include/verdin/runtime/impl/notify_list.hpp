// Internal. NotifyList: those who wait for something that happens to all of them at once (an event, a
// result).
//
// They are told by one entry of the ready queue, one after the other in the order they came: each that is
// told runs until it suspends before the next is told, and whatever became ready after notify() waits for all
// of them. That is gevent's order: the differential test holds us to it.
#pragma once

#include <utility>

#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/runnable.hpp>

namespace verdin::impl {

class NotifyList : private Runnable {
 public:
  NotifyList() noexcept {
    callback = &NotifyList::tell_first;
    light = true;
  }
  ~NotifyList() { unqueue(); }

  /// Waits for the next notify().
  void add(Link& link) noexcept {
    links_.push_back(link);
    more_is_last_ = false;
  }
  /// Is told as well, behind those who are being told. Only while notifying().
  void add_behind(Link& link) noexcept;
  /// Have some been notified, and not all of them been told?
  bool notifying() noexcept;
  /// All that are in the list now are told, soon. The caller runs on.
  void notify();

 private:
  enum class Phase : unsigned char { idle, first, behind };

  static void tell_first(Runnable* runnable);
  void end_of_phase() noexcept;

  WaitList links_;
  // Marks in the list: where this round ends; and where those end that came while it was under way. Who comes
  // once more meanwhile waits for a round of its own, so that nobody keeps the others from running.
  Link marks_[2]{Link(nullptr), Link(nullptr)};
  Link* stop_ = &marks_[0];
  Link* more_ = &marks_[1];
  Phase phase_ = Phase::idle;  // of the round that is under way
  bool more_is_last_ = false;  // as far as is known
};

}  // namespace verdin::impl
