#include <new>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/hub_ref.hpp>

namespace verdin {
namespace impl {

bool Inbox::post(Task task, bool from_owner) {
  const std::scoped_lock lock(mutex_);
  if (closed_.load(std::memory_order_relaxed)) return false;
  tasks_.push_back(std::move(task));
  call_owner(from_owner);
  return true;
}

/// Under the lock: the loop lives until let_go(). The owner looks before it waits.
void Inbox::call_owner(bool from_owner) noexcept {
  if (has_tasks_.load(std::memory_order_relaxed)) return;
  has_tasks_.store(true, std::memory_order_release);
  if (!from_owner) loop_->wake();
}

void Inbox::wake(SharedWaiter& waiter) noexcept {
  if (!wakes_.push(waiter)) return;  // another has called the owner, or is about to
  const std::scoped_lock lock(mutex_);
  if (loop_) call_owner(false);
}

void Inbox::take(std::vector<Task>& empty) {
  {
    const std::scoped_lock lock(mutex_);
    has_tasks_.store(false, std::memory_order_relaxed);
    tasks_.swap(empty);
  }
  wakes_.drain();
}

/// Another thread may have been at it, so that the mutex is locked and the tasks half written: both are made
/// anew, and what was there is left undestroyed. The parent does not hold the lock meanwhile: a thread that
/// waited for it could hold the mutex of a shared object, which would then be locked in the child for ever.
void Inbox::after_fork() noexcept {
  new (&mutex_) std::mutex;
  new (&tasks_) std::vector<Task>;
  has_tasks_.store(false, std::memory_order_relaxed);
  wakes_.forget();
}

void Inbox::close() {
  const std::scoped_lock lock(mutex_);
  closed_.store(true, std::memory_order_release);
}

void Inbox::let_go() {
  const std::scoped_lock lock(mutex_);
  loop_ = nullptr;
}

}  // namespace impl

bool HubRef::post(UniqueFunction<void()> task) const {
  return inbox_ && inbox_->post(std::move(task), is_current());
}

bool HubRef::is_current() const noexcept {
  const Hub* const hub = Hub::current_or_null();
  return hub && hub->ref() == *this;
}

}  // namespace verdin
