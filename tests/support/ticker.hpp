// Ticker: calls a function between any two things that a hub does.
//
// It needs no seam in the library: it is an entry of the ready queue that always moves behind the one that
// comes next, and is put back there whenever the loop has looked for events. It keeps no hub from noticing
// that nothing can happen.
#pragma once

#include <functional>
#include <utility>

#include <verdin/runtime/hub.hpp>

extern "C" void (*virtual_time_on_poll)();

namespace verdin::test {

class Ticker : private impl::Runnable {
 public:
  explicit Ticker(std::function<void()> tick) : tick_(std::move(tick)) {
    callback = &Ticker::on_turn;
    light = true;
    current_ = this;
    virtual_time_on_poll = [] { current_->go_first(); };
    go_first();
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  ~Ticker() {
    virtual_time_on_poll = nullptr;
    unqueue();
  }

 private:
  void go_first() { Hub::current().make_ready_first(*this); }

  static void on_turn(impl::Runnable* self) {
    auto& ticker = *static_cast<Ticker*>(self);
    ticker.tick_();
    ticker.go_first();
    impl::Runnable* const following = ticker.next;
    ticker.unqueue();
    if (!following->queued() || following->next == following)
      return;  // nothing is ready: the next look brings it back
    ticker.prev = following;
    ticker.next = following->next;
    following->next->prev = &ticker;
    following->next = &ticker;
  }

  std::function<void()> tick_;
  static inline Ticker* current_ = nullptr;
};

}  // namespace verdin::test
