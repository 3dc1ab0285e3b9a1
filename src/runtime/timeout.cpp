#include <utility>

#include <verdin/runtime/timeout.hpp>

#include "runtime/alarm.hpp"

namespace verdin {

Timeout::Timeout(loop::Clock::duration limit)
    : greenlet_(&impl::running_greenlet()), timer_(greenlet_->hub().loop(), &Timeout::on_due, this) {
  callback = &Timeout::throw_it;
  timer_.start(loop::Clock::now() + limit);
}

void Timeout::cancel() noexcept {
  timer_.stop();
  unqueue();
  if (expired_) greenlet_->drop_deferred(this);
}

/// Queued behind what is ready: data that came in the same turn gets to the greenlet first, and may end the
/// scope.
void Timeout::on_due(void* self) {
  auto& timeout = *static_cast<Timeout*>(self);
  timeout.greenlet_->hub().make_ready(static_cast<impl::Runnable&>(timeout));
}

/// Nothing but the scope itself may be queued on the way: it can be left at any moment before.
void Timeout::throw_it(impl::Runnable* self) {
  auto& timeout = *static_cast<Timeout*>(self);
  const IntrusivePtr<impl::GreenletBase> greenlet = timeout.greenlet_;
  // Woken already: it runs first, and this comes again if the scope is still there then.
  if (greenlet->queued() && !std::exchange(timeout.put_off_, true)) {
    return greenlet->hub().make_ready(*self);
  }
  timeout.expired_ = true;
  greenlet->throw_now(std::make_exception_ptr(TimeoutExpired(&timeout)));
}

}  // namespace verdin
