// Internal. Exchange: putters and getters who wait at the same place.
//
// Woken by one entry of the ready queue, a putter and a getter in turn, as long as something can be done:
// each runs until it suspends before the next is looked at, and whatever became ready after wake() waits for
// all of them. That is gevent's order: the differential test holds us to it.
// But where gevent would serve two that exchange one item after the other for ever, and nobody else, here
// everybody has a turn after kTellsARound of them.
#pragma once

#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/runnable.hpp>

namespace verdin::impl {

class Exchange : private Runnable {
 public:
  Exchange() noexcept {
    callback = &Exchange::tell_first;
    light = true;
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Soon, those are told who can go on. The caller runs on.
  void wake();

  WaitList putters;
  WaitList getters;

 protected:
  virtual ~Exchange() { unqueue(); }
  virtual bool put_may_go() const noexcept = 0;
  virtual bool get_may_go() const noexcept = 0;

 private:
  static constexpr int kTellsARound = 64;

  static void tell_first(Runnable* runnable);
  void tell(WaitList& list);

  int told_ = 0;
  bool getters_turn_ = false;
  bool done_something_ = false;  // in this turn of both
};

}  // namespace verdin::impl
