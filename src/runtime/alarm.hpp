// Alarm: makes a greenlet ready at a time; and the greenlet that is to wait.
#pragma once

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::impl {

/// Throws BlockingSwitchOutError in the hub.
GreenletBase& running_greenlet();

class Alarm {
 public:
  /// Without `ref` it does not keep the loop alive.
  Alarm(GreenletBase& greenlet, loop::Clock::time_point due, bool ref = true)
      : timer_(greenlet.hub().loop(), &Alarm::ring, &greenlet) {
    timer_.set_ref(ref);
    timer_.start(due);
  }

  /// Is `timer` an alarm of a greenlet other than `greenlet`?
  static bool is_of_another(const loop::DeadlineTimer& timer, const GreenletBase* greenlet) noexcept {
    return timer.target() == &Alarm::ring && timer.owner() != greenlet;
  }

 private:
  static void ring(void* greenlet) {
    auto& sleeper = *static_cast<GreenletBase*>(greenlet);
    sleeper.hub().make_ready(sleeper);
  }
  loop::DeadlineTimer timer_;
};

}  // namespace verdin::impl
