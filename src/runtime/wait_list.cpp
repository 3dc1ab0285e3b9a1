#include <new>
#include <utility>

#include <verdin/runtime/impl/room_to_throw.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

#include "runtime/alarm.hpp"
#include "runtime/greenlet_extras.hpp"

namespace verdin::impl {

GreenletBase& running_greenlet() {
  GreenletBase* const running = Hub::current().running();
  if (!running) throw BlockingSwitchOutError("verdin: a call that blocks was made in the hub");
  return *running;
}

void throw_later(std::exception_ptr error) { running_greenlet().throw_when_suspended(std::move(error)); }

void throw_later_or_report(const char* where, const std::exception_ptr& error) noexcept {
  try {
    throw_later(error);
  } catch (...) {  // no memory, or the hub destroys it
    Hub::report_error_of(where, error);
  }
}

RoomToThrow::RoomToThrow() noexcept {
  const Hub* const hub = Hub::current_or_null();
  if (!hub || hub->in_hub()) return;
  try {
    GreenletBase::Extras& extras = hub->running()->extras();
    extras.room_for(1);
    ++extras.reserved;
    greenlet_ = OnlookerPtr(*hub->running());
  } catch (const std::bad_alloc&) {
  }
}

/// Another may run by now, and that one have ended.
void RoomToThrow::release() noexcept {
  if (!greenlet_.get()) return;
  GreenletBase::Extras* const extras = greenlet_->extras_;
  if (extras && extras->reserved > 0) --extras->reserved;
  greenlet_ = OnlookerPtr();
}

Waiter::Waiter(const char* what) : Link(&Waiter::make_ready), greenlet_(&running_greenlet()), what_(what) {
  hear_of_end();
}

Waiter::Waiter(WaitList& list, const char* what) : Waiter(what) { list.push_back(*this); }

bool Waiter::is_gone(const Link& link) noexcept {
  return link.told_by(&Waiter::make_ready) && static_cast<const Waiter&>(link).greenlet_->finished();
}

void WaitQueue::forget_the_gone() noexcept {
  takers_ = 0;
  for (LinkNode* node = head_.next_; node != &head_;) {
    LinkNode* const next = node->next_;
    Link& link = link_of(node);
    if (Waiter::is_gone(link)) link.unlink();
    node = next;
  }
}

void Waiter::make_ready(Link& link) noexcept {
  GreenletBase& greenlet = *static_cast<Waiter&>(link).greenlet_;
  greenlet.hub().make_ready(greenlet);
}

WaitEnd Waiter::wait_quietly(const Due& due) {
  rearm();
  std::optional<Alarm> alarm;
  if (due) alarm.emplace(*greenlet_, *due);
  Hub& hub = greenlet_->hub();
  if (hub.suspend_quietly(what_)) [[unlikely]]
    return hub.take_exit() ? WaitEnd::exit : WaitEnd::thrown;
  if (orphaned()) [[unlikely]]
    return WaitEnd::orphaned;
  return woken() ? WaitEnd::woken : WaitEnd::not_woken;
}

void throw_end_of_wait(WaitEnd end) {
  Hub& hub = Hub::current();
  if (end == WaitEnd::thrown) hub.throw_incoming();
  // Whoever owned the list may be gone because everything is.
  if (end == WaitEnd::exit || hub.ending()) throw GreenletExit();
  throw DestroyedWhileWaiting();
}

}  // namespace verdin::impl
