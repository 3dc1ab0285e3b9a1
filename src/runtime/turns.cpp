#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/turns.hpp>

namespace verdin::impl {

void Turns::wake() {
  if (!list_.empty() && !queued()) Hub::current().make_ready(static_cast<Runnable&>(*this));
}

/// What it queues stands before itself, and it before everything else.
void Turns::tell_first(Runnable* runnable) {
  auto& self = *static_cast<Turns*>(runnable);
  if (self.list_.empty() || !self.may_go()) return;
  Hub& hub = Hub::current();
  hub.make_ready_first(self);
  Link& link = self.list_.front();
  link.unlink();
  hub.tell_next(link);
}

bool Turns::await(const Due& due) {
  Waiter waiter(list_, "Semaphore::acquire");
  takers_ = takers() + 1;
  try {
    while (waiter.wait_until(due) && !may_go()) list_.push_front(waiter.link());
  } catch (...) {
    if (!waiter.orphaned()) {
      --takers_;
      if (waiter.woken()) wake();  // its turn is another's
    }
    throw;
  }
  --takers_;
  return may_go();
}

void Turns::look(const Due& due) {
  Waiter waiter(list_, "Semaphore::wait");
  waiter.look_only();
  waiter.wait_until(due);
}

}  // namespace verdin::impl
