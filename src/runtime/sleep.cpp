#include <verdin/runtime/sleep.hpp>

#include "runtime/alarm.hpp"

namespace verdin {

void yield() { Hub::current().yield(); }

void sleep(loop::Clock::duration duration) {
  if (duration <= loop::Clock::duration::zero()) return yield();
  sleep_until(loop::Clock::now() + duration);
}

void sleep_until(loop::Clock::time_point due) {
  impl::GreenletBase& self = impl::running_greenlet();
  const impl::Alarm alarm(self, due);
  self.hub().suspend("sleep");
}

}  // namespace verdin
