// Alarm: makes a greenlet ready at a time; and the greenlet that is to wait.
#pragma once

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::impl {

/// Throws BlockingSwitchOutError in the hub.
GreenletBase& running_greenlet();

class Alarm {
 public:
  Alarm(GreenletBase& greenlet, loop::Clock::time_point due)
      : timer_(greenlet.hub().loop(), &Alarm::ring, &greenlet) {
    timer_.start(due);
  }

 private:
  static void ring(void* greenlet) {
    auto& sleeper = *static_cast<GreenletBase*>(greenlet);
    sleeper.hub().make_ready(sleeper);
  }
  loop::DeadlineTimer timer_;
};

}  // namespace verdin::impl
