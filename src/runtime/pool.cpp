#include <stdexcept>

#include <verdin/runtime/pool.hpp>

namespace verdin {
namespace impl {

bool Slots::acquire_until(std::optional<loop::Clock::time_point> due) {
  return try_acquire() || wait(due, true);
}

bool Slots::wait_until(std::optional<loop::Clock::time_point> due) { return free_ > 0 || wait(due, false); }

bool Slots::wait(std::optional<loop::Clock::time_point> due, bool take) {
  const IntrusivePtr<Slots> alive(this);
  {
    Waiter waiter(waiters_, "Pool::spawn");
    try {
      while (free_ == 0 && !closed_ && waiter.wait_until(due)) {
      }
    } catch (...) {
      if (waiter.woken()) waiters_.wake_one();
      throw;
    }
  }
  if (closed_) throw std::logic_error("verdin: a greenlet waited for a place in a Pool that was destroyed");
  if (free_ == 0) return false;
  if (take) --free_;
  if (free_ > 0) waiters_.wake_one();  // what it was told of, or what is left, is another's
  return true;
}

}  // namespace impl

Pool::~Pool() {
  for (Member* member = first(); member; member = member->next) {
    if (!member->holds_slot) impl::kill_async(*member->greenlet, nullptr);
  }
  slots_->close();
}

bool Pool::add_until(const AnyGreenlet& greenlet, std::optional<loop::Clock::time_point> due) {
  const auto nothing_to_do = [&] { return greenlet.ready() || contains(greenlet); };
  if (nothing_to_do()) return true;
  if (due == loop::Clock::time_point::min() ? !slots_->try_acquire() : !slots_->acquire_until(due))
    return false;
  impl::SlotGuard slot(slots_);
  if (!nothing_to_do()) hold(track(greenlet.base()), slot);
  return true;
}

void Pool::hold(Member* member, impl::SlotGuard& slot) noexcept {
  if (!member) return;
  member->holds_slot = true;
  slot.hand_over();
}

void Pool::hold_running(impl::SlotGuard& slot) noexcept {
  Member* const member = find(Hub::current().running());
  if (member && !member->holds_slot) hold(member, slot);
}

bool Pool::in_member() const noexcept {
  const Hub* const hub = Hub::current_or_null();
  return hub && !hub->in_hub() && find(hub->running());
}

void Pool::left(impl::GreenletBase&, bool held_slot) noexcept {
  if (held_slot) slots_->give_back();
}

}  // namespace verdin
