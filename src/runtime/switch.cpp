// How a hub's greenlets change places. A greenlet that suspends hands over to the next ready one directly;
// the hub is gone back to only for callbacks, when nothing is ready, or when it is time to poll.
#include "fiber/switch.hpp"

#include <exception>

#include <verdin/runtime/hub.hpp>

#include "fiber/mutex_watch.hpp"
#include "runtime/greenlet_extras.hpp"
#include "runtime/observer.hpp"
#include "runtime/worker.hpp"

namespace verdin {

using impl::GreenletBase;

namespace {

// gevent's switch interval: how long ready greenlets may run on before the loop is polled.
constexpr std::chrono::milliseconds kSlice{5};
constexpr unsigned kSwitchesAClockLook = 64;  // reading the clock costs as much as a few switches

}  // namespace

// The functions between suspend() and the switch are inline, and what happens seldom is not: see
// docs/decisions/0005-own-switch.md.

inline bool Hub::time_is_up() noexcept {
  if (count_switch() % kSwitchesAClockLook == 0) [[unlikely]]
    look_at_clock();
  return slice_over_;
}

[[gnu::noinline]] void Hub::look_at_clock() noexcept {
  const auto now = loop::Clock::now();
  if (slice_end_ == loop::Clock::time_point{}) {
    slice_end_ = now + kSlice;
  } else if (now >= slice_end_) {
    slice_over_ = true;
  }
}

bool Hub::slice_is_over() noexcept { return time_is_up(); }

bool Hub::tell_next(impl::Link& link) noexcept {
  const impl::Runnable* const last = &ready_.last();
  link.tell();
  impl::Runnable& told = ready_.last();
  if (&told == last) return false;  // nobody is to run, or it was queued before
  told.unqueue();
  ready_.push_front(told);
  return true;
}

/// The greenlet that starts after the next, if it is one: where thousands start, their lines come from afar.
void Hub::prefetch_next_start() noexcept {
  const auto* const lines = reinterpret_cast<const char*>(ready_.front().next);
  for (std::size_t i = 0; i < sizeof(GreenletBase); i += 64) __builtin_prefetch(lines + i, 1);
}

/// Gives a greenlet that starts its stack. Where there is none to be had the greenlet has failed, and nobody
/// else.
[[gnu::noinline]] bool Hub::give_stack(GreenletBase& greenlet) noexcept {
  prefetch_next_start();
  try {
    greenlet.context_.start(stacks_.take(), &GreenletBase::entry, &greenlet);
    greenlet.state_ = GreenletBase::State::suspended;
    no_stack_ = nullptr;
    return true;
  } catch (...) {
    // Many may fail together, and memory may be what is short: they share one exception.
    if (!no_stack_) no_stack_ = std::current_exception();
    greenlet.failure_ = no_stack_;
    greenlet.finish();
    greenlet.release();
    return false;
  }
}

inline bool Hub::prepare(GreenletBase& greenlet) noexcept {
  return greenlet.state_ != GreenletBase::State::pending || give_stack(greenlet);
}

/// Frees the greenlet that just left its stack for good; it could not do so while it stood on it.
inline void Hub::bury() noexcept {
  if (ended_) bury_ended();
}

[[gnu::noinline]] void Hub::bury_ended() noexcept {
  GreenletBase* const ended = std::exchange(ended_, nullptr);
  const fiber::Stack stack = ended->context_.stack();
  ended->context_.finish();
  stacks_.give_back(stack);
  ended->release();
}

inline GreenletBase* Hub::next_greenlet() noexcept {
  while (!through_hub_ && !ready_.empty() && !time_is_up()) {
    impl::Runnable& item = ready_.front();
    if (item.callback) [[unlikely]] {
      if (!item.light) break;
      item.unqueue();
      item.callback(&item);
      continue;
    }
    auto& next = static_cast<GreenletBase&>(item);
    next.unqueue();
    if (prepare(next)) return &next;
  }
  return nullptr;
}

void Hub::switch_into(GreenletBase& greenlet) {
  if (!prepare(greenlet)) return;
  if (!observer_) return enter(greenlet);
  const impl::OnlookerPtr alive(greenlet);
  observer_->before(greenlet, static_cast<bool>(greenlet.incoming_));
  enter(greenlet);
  if (observer_) observer_->after(greenlet);
}

void Hub::enter(GreenletBase& greenlet) {
  running_ = &greenlet;
  greenlet.state_ = GreenletBase::State::running;
  context_.switch_to(greenlet.context_, thread_);
  running_ = nullptr;
  bury();
}

inline void Hub::switch_away(GreenletBase& from) {
  from.suspended_unwinding_ = thread_.unwinding();
  GreenletBase* const to = next_greenlet();
  if (to == &from) return;
  from.state_ = GreenletBase::State::suspended;
  running_ = to;
  if (to) to->state_ = GreenletBase::State::running;
  from.context_.switch_to(to ? to->context_ : context_, thread_);
  bury();
}

void Hub::leave(GreenletBase& ended) {
  GreenletBase* const to = &ended == main_ ? nullptr : next_greenlet();
  bury();
  ended_ = &ended;
  running_ = to;
  if (to) to->state_ = GreenletBase::State::running;
  ended.context_.leave_for(to ? to->context_ : context_, thread_);
}

bool Hub::suspend_quietly(const char* what) {
  GreenletBase* const self = running_;
  if (!self) [[unlikely]]
    refuse_to_suspend();
  fiber::check_no_mutex_held_by(*self);
  if (self->extras_ && take_deferred(*self)) [[unlikely]]
    return true;
  self->waiting_for_ = what;
  switch_away(*self);
  return self->incoming_;
}

[[gnu::noinline]] void Hub::refuse_to_suspend() {
  throw BlockingSwitchOutError(
      "verdin: a call that blocks was made in the hub, where nothing can be suspended");
}

/// Is there something to be thrown that was kept, and may it be thrown now? Then it is what comes in.
[[gnu::noinline]] bool Hub::take_deferred(GreenletBase& self) noexcept {
  auto& deferred = self.extras_->deferred;
  if (deferred.empty() || self.shields_ > 0 || thread_.unwinding()) return false;
  self.thrown_ = std::move(deferred.front());
  deferred.erase(deferred.begin());
  self.incoming_ = true;
  self.unqueue();
  return true;
}

bool Hub::take_exit() noexcept {
  if (running_->thrown_) return false;
  running_->incoming_ = false;
  return true;
}

[[gnu::noinline]] void Hub::throw_incoming() {
  if (take_exit()) throw GreenletExit();
  running_->incoming_ = false;
  std::rethrow_exception(running_->thrown_);
}

void Hub::yield() {
  if (!running_) throw BlockingSwitchOutError("verdin: the hub itself cannot yield");
  fiber::check_no_mutex_held_by(*running_);  // throws: before it is queued
  make_ready(*running_);
  suspend("yield");
}

void Hub::Worker::run() noexcept {
  keep_what_escapes([this] { run_tasks(); });
}

void Hub::Worker::run_tasks() {
  for (;;) {
    run_task();
    Hub& hub = this->hub();
    const bool is_main = hub.main_ == this;  // in a child of fork(), which ends with it
    if (hub.ending_ || is_main || hub.idle_workers_.size() >= hub.options_.warm_workers) return;
    set_label("idle worker");
    set_spawned_at({});
    hub.idle_workers_.push_back(this);
    try {
      hub.suspend("idle worker");
    } catch (...) {
      // Meant for a task that has ended. A worker that has the next one already goes on with it.
      if (!hub.ending_ && task_) continue;
      std::erase(hub.idle_workers_, this);
      return;
    }
  }
}

void Hub::Worker::run_task() {
  try {
    task_();
  } catch (const GreenletExit&) {  // a normal end
  } catch (...) {
    hub().report_error(name(), std::current_exception());
  }
  task_ = nullptr;  // what it holds goes before its Locals, and these before the worker is offered for the
                    // next one
  clear_locals();
}

Shield::Shield() {
  // Destructors use it, which may run where there is no hub.
  if (Hub* const hub = Hub::current_or_null()) greenlet_ = hub->running();
  if (greenlet_) ++greenlet_->shields_;
}

Shield::~Shield() {
  if (greenlet_) --greenlet_->shields_;
}

FullShield::FullShield() {
  if (shield_.greenlet_) ++shield_.greenlet_->full_shields_;
}

FullShield::~FullShield() {
  if (shield_.greenlet_) --shield_.greenlet_->full_shields_;
}

}  // namespace verdin
