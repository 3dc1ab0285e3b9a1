#include <verdin/runtime/impl/wait_list.hpp>
#include <verdin/runtime/sleep.hpp>

#include "runtime/alarm.hpp"

namespace verdin {

void yield() { Hub::current().yield(); }

void idle() {
  impl::Waiter waiter(Hub::current().idle_waiters(), "idle");
  waiter.wait();
}

void sleep(loop::Clock::duration duration, Ref ref) {
  if (duration <= loop::Clock::duration::zero()) return yield();
  sleep_until(impl::due_in(duration), ref);
}

void sleep_until(loop::Clock::time_point due, Ref ref) {
  impl::GreenletBase& self = impl::running_greenlet();
  const impl::Alarm alarm(self, due, ref == Ref::yes);
  self.hub().suspend("sleep");
}

}  // namespace verdin
