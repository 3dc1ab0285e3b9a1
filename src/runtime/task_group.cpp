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
        // Shielded, it is kept for later (and forgotten if it is a timeout whose scope is left before).
        const Shield shield;
        hub->running()->throw_now(reason);
      }
    }
  }
  impl::Runnable::unqueue();
  if (!hub) return;
  if (first_error_) hub->report_error("task group", first_error_);
  for (const std::exception_ptr& error : others_) hub->report_error("task group", error);
}

void TaskGroup::adopt(impl::GreenletBase& greenlet) {
  if (cancelled_) {
    greenlet.throw_into(nullptr);
  } else {
    track(greenlet);
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
  try {
    kill();
  } catch (const DestroyedWhileWaiting&) {  // somebody else ended it altogether
  } catch (const GreenletExit&) {           // the same while the hub ends
  }
}

/// Killing one that has not started destroys what it holds: not while another is just ending.
void TaskGroup::cancel_later(impl::Runnable* self) { static_cast<TaskGroup*>(self)->kill_async(); }

void TaskGroup::left(impl::GreenletBase& greenlet, bool) noexcept {
  if (!greenlet.failure()) return;
  greenlet.set_observed();
  if (first_error_ || cancelled_) {
    others_.push_back(greenlet.failure());
  } else {
    first_error_ = greenlet.failure();
  }
  if (std::exchange(cancelled_, true)) return;
  if (!empty()) greenlet.hub().make_ready(static_cast<impl::Runnable&>(*this));
}

}  // namespace verdin
