#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin {

void Event::set() {
  set_ = true;
  waiters_.notify();
}

bool Event::wait_for(loop::Clock::duration limit) {
  return passes() || impl::settle(wait_quietly(impl::due_in(limit)));
}

impl::WaitEnd Event::wait_quietly(std::optional<loop::Clock::time_point> due) {
  impl::Waiter waiter("Event::wait");
  if (set_) {
    waiters_.add_behind(waiter.link());
    due.reset();  // nothing but a kill or an outer Timeout can come before its turn
  } else {
    waiters_.add(waiter.link());
  }
  return waiter.wait_quietly(due);
}

void Event::add_link(impl::Link& link) {
  waiters_.add(link);
  if (set_) waiters_.notify();
}

}  // namespace verdin
