#include <algorithm>
#include <utility>

#include <verdin/runtime/timeout.hpp>

#include "runtime/alarm.hpp"

namespace verdin {

Timeout::Timeout(std::optional<loop::Clock::duration> limit) : Timeout(limit, std::exception_ptr()) {}

Timeout::Timeout(std::optional<loop::Clock::duration> limit, std::exception_ptr error)
    : greenlet_(&impl::running_greenlet()),
      outer_(greenlet_->innermost_limit_),
      timer_(greenlet_->hub().loop(), &Timeout::on_due, this),
      // NOLINTNEXTLINE(bugprone-throw-keyword-missing): it is kept, to be thrown later
      error_(std::move(error)) {
  callback = &Timeout::throw_it;
  if (limit) {
    const auto now = loop::Clock::now();
    // A limit of years must not overflow into the past.
    due_ = *limit < loop::Clock::time_point::max() - now ? now + *limit : loop::Clock::time_point::max();
    timer_.start(due_);
  }
  greenlet_->innermost_limit_ = this;
}

Timeout::~Timeout() {
  cancel();
  // The innermost one, unless scopes are kept in objects that end in another order.
  Timeout** at = &greenlet_->innermost_limit_;
  while (*at != this) at = &(*at)->outer_;
  *at = outer_;
}

void Timeout::cancel() noexcept {
  timer_.stop();
  unqueue();
  if (expired_) greenlet_->drop_deferred(error_);
}

bool Timeout::is_of(const impl::Runnable& item, const impl::GreenletBase* greenlet) noexcept {
  return item.callback == &Timeout::throw_it && static_cast<const Timeout&>(item).greenlet_.get() == greenlet;
}

bool Timeout::is_of_another(const loop::DeadlineTimer& timer, const impl::GreenletBase* greenlet) noexcept {
  return timer.target() == &Timeout::on_due &&
         static_cast<const Timeout*>(timer.owner())->greenlet_.get() != greenlet;
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
  const impl::OnlookerPtr greenlet(*timeout.greenlet_);
  // Woken already: it runs first, and this comes again if the scope is still there then.
  if (greenlet->queued() && !std::exchange(timeout.put_off_, true)) {
    return greenlet->hub().make_ready(*self);
  }
  if (!greenlet->room_for_throw()) return greenlet->hub().make_ready(*self);
  timeout.expired_ = true;
  if (!timeout.error_) timeout.error_ = std::make_exception_ptr(TimeoutExpired(&timeout));
  greenlet->throw_now(timeout.error_);
}

std::optional<loop::Clock::time_point> deadline() noexcept {
  const Hub* hub = Hub::current_or_null();
  const impl::GreenletBase* running = hub ? hub->running() : nullptr;
  if (!running) return std::nullopt;
  std::optional<loop::Clock::time_point> nearest;
  for (const Timeout* scope = running->innermost_limit_; scope; scope = scope->outer_) {
    if (scope->pending() && (!nearest || scope->due_ < *nearest)) nearest = scope->due_;
  }
  return nearest;
}

std::optional<loop::Clock::duration> time_left() noexcept {
  const auto due = deadline();
  if (!due) return std::nullopt;
  return loop::time_until(*due);
}

}  // namespace verdin
