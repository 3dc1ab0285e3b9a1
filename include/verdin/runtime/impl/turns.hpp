// Internal. Turns: those who wait for something of which there may be some, but not enough for all.
//
// They are told by one entry of the ready queue, first come first told, as long as may_go(): each that is
// told runs until it suspends before the next is looked at. So who releases something runs on, may have it
// back, and nobody is woken for nothing. That is gevent's order.
#pragma once

#include <cstddef>

#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/loss_mark.hpp>
#include <verdin/runtime/impl/runnable.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

class Turns : private Runnable {
 public:
  using MayGo = bool (*)(const void* owner) noexcept;

  Turns(MayGo condition, const void* owner) noexcept : may_go_(condition), owner_(owner) {
    callback = &Turns::tell_first;
    light = true;
  }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns() { unqueue(); }

  /// Soon, those are told who can go on. The caller runs on.
  void wake();
  /// Waits until may_go(); false if `due` came first.
  bool await(const Due& due);
  /// Waits for one turn, and takes nothing.
  void look(const Due& due);
  /// How many wait to take something.
  std::size_t takers() const noexcept { return losses_.lost_all() ? takers_ = 0 : takers_; }
  void add_link(Link& link) noexcept {
    link.look_only();
    list_.push_back(link);
  }

 private:
  static void tell_first(Runnable* runnable);
  bool may_go() const noexcept { return may_go_(owner_); }

  MayGo may_go_;
  const void* owner_;
  mutable std::size_t takers_ = 0;
  mutable LossMark losses_;
  WaitList list_;
};

}  // namespace verdin::impl
