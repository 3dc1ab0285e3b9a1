// GreenletBase::Starter: the delay before a greenlet's start.
#pragma once

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::impl {

struct GreenletBase::Starter {
  Starter(GreenletBase& greenlet, loop::Clock::time_point due)
      : timer(greenlet.hub().loop(), &Starter::ring, &greenlet) {
    timer.start(due);
  }

  static void ring(void* owner) {
    auto& greenlet = *static_cast<GreenletBase*>(owner);
    greenlet.hub_.make_ready(greenlet);
    greenlet.drop_starter();
  }

  loop::DeadlineTimer timer;
};

}  // namespace verdin::impl
