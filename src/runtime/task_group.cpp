#include <new>

#include <verdin/runtime/task_group.hpp>

namespace verdin {

TaskGroup::TaskGroup() : unwinding_(std::uncaught_exceptions()) {
  impl::Runnable::callback = &TaskGroup::cancel_later;
}

TaskGroup::~TaskGroup() {
  Hub* const hub = Hub::current_or_null();
  if (!empty() && hub) {
    if (hub->in_hub()) {
      cancel();
    } else if (std::uncaught_exceptions() > unwinding_) {
      end_all();
    } else {
      try {
        GroupBase::join();
      } catch (...) {
        const std::exception_ptr reason = std::current_exception();
        end_all();
        throw_later(reason);
      }
    }
  }
  impl::Runnable::unqueue();
  if (!hub) return;
  if (first_error_) hub->report_error("task group", first_error_);
  for (const std::exception_ptr& error : others_) hub->report_error("task group", error);
}

/// Shielded, it is kept for later (and forgotten if it is a timeout whose scope is left before).
void TaskGroup::throw_later(const std::exception_ptr& reason) noexcept {
  Hub& hub = Hub::current();
  const Shield shield;
  room_.release();
  try {
    hub.running()->throw_now(reason);
  } catch (...) {  // no memory, in a greenlet that is not the one that made the group
    hub.report_error("task group", reason);
  }
}

void TaskGroup::adopt(impl::GreenletBase& greenlet) {
  if (cancelled_) {
    greenlet.throw_into(nullptr);
  } else {
    track_new(greenlet);
  }
}

void TaskGroup::join() {
  Joining joining(*this);
  try {
    while (joining.group && !empty()) GroupBase::join();
  } catch (...) {
    if (joining.group) end_all();
    throw;
  }
  if (!joining.group) throw DestroyedWhileWaiting();
  if (first_error_) std::rethrow_exception(std::exchange(first_error_, nullptr));
}

void TaskGroup::cancel() {
  cancelled_ = true;
  kill_async();
}

/// Kills the children and waits for them, whatever comes.
void TaskGroup::end_all() noexcept {
  cancelled_ = true;
  const FullShield shield;
  for (;;) {
    try {
      kill();
      return;
    } catch (const std::bad_alloc&) {  // once more, when others have run
      Hub::current().yield();
    } catch (const DestroyedWhileWaiting&) {  // somebody else ended it altogether
      return;
    } catch (const GreenletExit&) {  // the same while the hub ends
      return;
    }
  }
}

/// Killing one that has not started destroys what it holds: not while another is just ending.
void TaskGroup::cancel_later(impl::Runnable* self) { static_cast<TaskGroup*>(self)->kill_async(); }

/// Without memory for it, it goes to the hub's error hook.
void TaskGroup::keep_in_others(const std::exception_ptr& error) noexcept {
  try {
    others_.push_back(error);
  } catch (const std::bad_alloc&) {
    Hub::report_error_of("task group", error);
  }
}

void TaskGroup::left(impl::GreenletBase& greenlet, bool) noexcept {
  if (!greenlet.failure()) return;
  greenlet.set_observed();
  if (first_error_ || cancelled_) {
    keep_in_others(greenlet.failure());
  } else {
    first_error_ = greenlet.failure();
  }
  if (std::exchange(cancelled_, true)) return;
  if (!empty()) greenlet.hub().make_ready(static_cast<impl::Runnable&>(*this));
}

}  // namespace verdin
