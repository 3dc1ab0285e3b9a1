#include <optional>
#include <utility>

#include <verdin/base/log.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

#include "runtime/alarm.hpp"

namespace verdin::impl {
namespace {

/// Null on a plain thread. Throws BlockingSwitchOutError in a callback of a hub.
GreenletBase* running_or_thread() { return Hub::current_or_null() ? &running_greenlet() : nullptr; }

}  // namespace

SharedWaitList::~SharedWaitList() {
  look_for_fork();
  if (empty()) return;
  for (SharedWaiter* waiter = first_; waiter; waiter = waiter->next_) waiter->list_ = nullptr;
  log(LogLevel::error, "verdin: a shared object was destroyed while somebody waited for it");
}

bool SharedWaitList::wake_one() noexcept {
  look_for_fork();
  for (SharedWaiter* waiter = first_; waiter; waiter = waiter->next_) {
    if (waiter->told_) continue;
    waiter->wake();
    if (waiter->takes_) return true;
  }
  return false;
}

void SharedWaitList::wake_all() noexcept {
  look_for_fork();
  for (SharedWaiter* waiter = first_; waiter; waiter = waiter->next_) waiter->wake();
}

SharedWaiter::SharedWaiter(std::unique_lock<std::mutex>& guard, SharedWaitList& list, const char* what,
                           bool takes)
    : guard_(guard),
      list_(&list),
      what_(what),
      greenlet_(running_or_thread()),
      inbox_(greenlet_ ? &greenlet_->hub().inbox() : nullptr),
      takes_(takes) {
  list.look_for_fork();
  prev_ = list.last_;
  (prev_ ? prev_->next_ : list.first_) = this;
  list.last_ = this;
  if (takes_) ++list.takers_;
}

SharedWaiter::~SharedWaiter() { leave_list(); }

void SharedWaiter::leave_list() noexcept {
  if (!list_) return;
  (prev_ ? prev_->next_ : list_->first_) = next_;
  (next_ ? next_->prev_ : list_->last_) = prev_;
  if (takes_) --list_->takers_;
  list_ = nullptr;
}

void SharedWaiter::wake() noexcept {
  if (std::exchange(told_, true)) return;
  if (!greenlet_) return wake_thread_.notify_one();
  Hub* const here = Hub::current_or_null();
  if (here && &here->inbox() == inbox_) return here->make_ready(*greenlet_);
  on_its_way_ = true;
  inbox_->wake(*this);
}

/// As one that is killed leaves; its stack stays.
void SharedWaiter::give_up() noexcept {
  leave_hub();
  if (!list_) return;
  const std::scoped_lock lock(*guard_.mutex());
  if (on_its_way_) inbox_->wakes().drain();
  SharedWaitList& list = *list_;
  leave_list();
  // Who offers something was told that it was taken: that is no turn of anybody else's.
  if (forget_) {
    forget_(to_forget_);
  } else if (told_ && takes_) {
    list.wake_one();
  }
}

void SharedWaiter::give_up_all(SharedWaiter*& parked) noexcept {
  while (parked) parked->give_up();
}

void SharedWaiter::enter_hub() noexcept {
  SharedWaiter*& first = greenlet_->hub().parked();
  next_parked_ = first;
  prev_parked_ = nullptr;
  if (first) first->prev_parked_ = this;
  first = this;
}

void SharedWaiter::leave_hub() noexcept {
  (prev_parked_ ? prev_parked_->next_parked_ : greenlet_->hub().parked()) = next_parked_;
  if (next_parked_) next_parked_->prev_parked_ = prev_parked_;
}

bool SharedWaiter::wait_until(const Due& due) {
  told_ = false;
  return greenlet_ ? park(due) : block(due);
}

bool SharedWaiter::block(const Due& due) {
  const auto told = [this] { return told_; };
  if (!due) {
    wake_thread_.wait(guard_, told);
    return true;
  }
  return wake_thread_.wait_until(guard_, *due, told);
}

bool SharedWaiter::park(const Due& due) {
  Hub& hub = greenlet_->hub();
  hub.expect_external(1);
  enter_hub();
  guard_.unlock();
  try {
    std::optional<Alarm> alarm;
    if (due) alarm.emplace(*greenlet_, *due);
    hub.suspend(what_);
  } catch (...) {
    come_back();
    throw;
  }
  come_back();
  return told_;
}

void SharedWaiter::come_back() noexcept {
  greenlet_->hub().expect_external(-1);
  leave_hub();
  guard_.lock();
  if (on_its_way_)
    inbox_->wakes().drain();  // told, but up by another cause: nothing may come after it has gone
}

bool WakeList::push(SharedWaiter& waiter) noexcept {
  SharedWaiter* last = last_.load(std::memory_order_relaxed);
  do {
    waiter.next_to_wake_ = last;
  } while (!last_.compare_exchange_weak(last, &waiter, std::memory_order_release, std::memory_order_relaxed));
  return !last;
}

void WakeList::drain() noexcept {
  SharedWaiter* latest = last_.exchange(nullptr, std::memory_order_acquire);
  SharedWaiter* first = nullptr;
  while (latest) {  // turned round: first told, first woken
    SharedWaiter* const before = std::exchange(latest->next_to_wake_, first);
    first = std::exchange(latest, before);
  }
  for (SharedWaiter* waiter = first; waiter; waiter = waiter->next_to_wake_) {
    waiter->on_its_way_ = false;
    Hub& hub = waiter->greenlet_->hub();
    if (hub.running() != waiter->greenlet_) hub.make_ready(*waiter->greenlet_);
  }
}

const void* SharedSync::self() noexcept {
  thread_local const char thread = 0;
  const Hub* const hub = Hub::current_or_null();
  if (!hub) return &thread;
  return hub->in_hub() ? static_cast<const void*>(hub) : hub->running();
}

bool SharedSync::Turns::await(Guard& guard, const Due& due) {
  SharedWaiter waiter(guard, list_, "shared::Semaphore::acquire");
  try {
    while (!may_go_(owner_) && waiter.wait_until(due)) {
    }
  } catch (...) {
    waiter.pass_on();
    throw;
  }
  return may_go_(owner_);
}

void SharedSync::Exchange::wake() noexcept {
  if (get_may_go()) getters.wake_one();
  if (put_may_go()) putters.wake_one();
}

bool SharedSync::Exchange::wait(Guard& guard, List& list, const Due& due, bool takes) {
  const bool gets = &list == &getters;
  SharedWaiter waiter(guard, list, gets ? "shared::Queue::get" : "shared::Queue::put", takes);
  const auto may_go = [this, gets] { return gets ? get_may_go() : put_may_go(); };
  try {
    while (!may_go()) {
      if (!waiter.wait_until(due)) return may_go();
    }
  } catch (...) {
    waiter.pass_on();
    throw;
  }
  return true;
}

}  // namespace verdin::impl
