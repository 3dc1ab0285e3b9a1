#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin {

void Event::set() {
  set_ = true;
  waiters_.wake_all();
}

void Event::wait() { wait_until(std::nullopt); }

bool Event::wait_for(loop::Clock::duration limit) { return wait_until(loop::Clock::now() + limit); }

bool Event::wait_until(std::optional<loop::Clock::time_point> due) {
  if (set_ && waiters_.empty()) return true;
  impl::Waiter waiter(waiters_);
  // Those whom set() has just woken come first.
  if (set_) waiter.wake();
  return waiter.wait_until(due);
}

}  // namespace verdin
