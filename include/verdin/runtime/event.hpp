// Event: a flag that greenlets of one hub wait for.
//
// set() wakes everybody who waits at that moment, in the order they came; the setter runs on first. set()
// followed at once by clear() still wakes them. wait() blocks while the flag is down, and queues behind those
// that set() has just woken. Hub-local: its hub's thread only; shared/event.hpp has the other. One that is
// destroyed while greenlets wait for it wakes them with DestroyedWhileWaiting.
#pragma once

#include <chrono>
#include <optional>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/impl/notify_list.hpp>
#include <verdin/runtime/impl/wait_end.hpp>

namespace verdin {

class Event {
 public:
  bool is_set() const noexcept { return set_; }
  bool ready() const noexcept { return set_; }
  void set();
  void clear() noexcept { set_ = false; }
  [[gnu::always_inline]] void wait() {
    if (!passes()) impl::settle(wait_quietly(std::nullopt));
  }
  /// False if the flag stayed down for `limit`.
  bool wait_for(loop::Clock::duration limit);

  /// For wait() over several objects: see linkable.hpp.
  void add_link(impl::Link& link);

 private:
  /// Those whom set() has just woken come first.
  bool passes() noexcept { return set_ && !waiters_.notifying(); }
  impl::WaitEnd wait_quietly(std::optional<loop::Clock::time_point> due);

  bool set_ = false;
  impl::NotifyList waiters_;
};

}  // namespace verdin
