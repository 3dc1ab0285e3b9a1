// The waits of the runtime: wait lists, sleep, timeouts, joins, events.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

namespace verdin {
namespace {

impl::GreenletBase& running_greenlet() {
  impl::GreenletBase* const running = Hub::current().running();
  if (!running) throw BlockingSwitchOutError("verdin: a call that blocks was made in the hub");
  return *running;
}

/// Makes a greenlet ready at a time.
class Alarm {
 public:
  Alarm(impl::GreenletBase& greenlet, loop::Clock::time_point due)
      : timer_(greenlet.hub().loop(), &Alarm::ring, &greenlet) {
    timer_.start(due);
  }

 private:
  static void ring(void* greenlet) {
    auto& sleeper = *static_cast<impl::GreenletBase*>(greenlet);
    sleeper.hub().make_ready(sleeper);
  }
  loop::DeadlineTimer timer_;
};

}  // namespace

namespace impl {

Waiter::Waiter(WaitList& list) : greenlet_(&running_greenlet()) {
  prev = list.head_.prev;
  next = &list.head_;
  list.head_.prev->next = this;
  list.head_.prev = this;
}

bool Waiter::wait_until(std::optional<loop::Clock::time_point> due) {
  woken_ = false;
  std::optional<Alarm> alarm;
  if (due) alarm.emplace(*greenlet_, *due);
  greenlet_->hub().suspend();
  return woken_;
}

bool WaitList::wake_one() {
  for (WaitLink* link = head_.next; link != &head_; link = link->next) {
    auto& waiter = static_cast<Waiter&>(*link);
    if (waiter.woken_) continue;
    waiter.woken_ = true;
    waiter.greenlet_->hub().make_ready(*waiter.greenlet_);
    return true;
  }
  return false;
}

void WaitList::wake_all() {
  for (WaitLink* link = head_.next; link != &head_; link = link->next) {
    auto& waiter = static_cast<Waiter&>(*link);
    if (waiter.woken_) continue;
    waiter.woken_ = true;
    waiter.greenlet_->hub().make_ready(*waiter.greenlet_);
  }
}

namespace {

/// Counts the ends of some greenlets and wakes the one that waits for them.
struct JoinAll {
  struct Link : DoneLink {
    JoinAll* join = nullptr;
  };

  static void on_done(DoneLink* link, GreenletBase& greenlet) {
    JoinAll& self = *static_cast<Link*>(link)->join;
    self.ended.push_back(&greenlet);
    if (self.ended.size() >= self.wanted && self.waiting) self.joiner.hub().make_ready(self.joiner);
  }

  GreenletBase& joiner;
  std::size_t wanted;
  std::vector<GreenletBase*> ended{};
  bool waiting = false;
};

}  // namespace

std::vector<GreenletBase*> join_all(std::span<GreenletBase* const> greenlets, std::size_t count,
                                    std::optional<loop::Clock::time_point> due) {
  // One that is named twice is waited for once.
  std::unordered_set<GreenletBase*> distinct;
  JoinAll join{running_greenlet(), count};
  join.ended.reserve(greenlets.size());
  std::vector<JoinAll::Link> links(greenlets.size());
  for (std::size_t i = 0; i < greenlets.size(); ++i) {
    if (!distinct.insert(greenlets[i]).second) continue;
    if (greenlets[i]->finished()) {
      join.ended.push_back(greenlets[i]);
      continue;
    }
    links[i].join = &join;
    links[i].done = &JoinAll::on_done;
    greenlets[i]->add_done_link(links[i]);
  }
  join.wanted = std::min(count, distinct.size());
  std::optional<Alarm> alarm;
  join.waiting = true;
  while (join.ended.size() < join.wanted) {
    if (due && loop::Clock::now() >= *due) break;
    if (due && !alarm) alarm.emplace(join.joiner, *due);
    join.joiner.hub().suspend();
  }
  return std::move(join.ended);
}

bool join(GreenletBase& greenlet, std::optional<loop::Clock::time_point> due) {
  if (greenlet.finished()) return true;
  struct Joiner : DoneLink {
    GreenletBase* waiting = nullptr;
  } joiner;
  joiner.waiting = &running_greenlet();
  joiner.done = [](DoneLink* link, GreenletBase&) {
    GreenletBase& waiting = *static_cast<Joiner*>(link)->waiting;
    waiting.hub().make_ready(waiting);
  };
  greenlet.add_done_link(joiner);
  std::optional<Alarm> alarm;
  if (due) alarm.emplace(*joiner.waiting, *due);
  greenlet.hub().suspend();
  return greenlet.finished();
}

void throw_killed(const GreenletBase& greenlet) {
  throw GreenletKilled("verdin: greenlet '" + std::string(greenlet.name()) + "' was killed");
}

}  // namespace impl

void yield() { Hub::current().yield(); }

void sleep(loop::Clock::duration duration) {
  if (duration <= loop::Clock::duration::zero()) return yield();
  sleep_until(loop::Clock::now() + duration);
}

void sleep_until(loop::Clock::time_point due) {
  impl::GreenletBase& self = running_greenlet();
  const Alarm alarm(self, due);
  self.hub().suspend();
}

Timeout::Timeout(loop::Clock::duration limit)
    : greenlet_(&running_greenlet()), timer_(greenlet_->hub().loop(), &Timeout::on_due, this) {
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

void Event::set() {
  set_ = true;
  waiters_.wake_all();
}

void Event::wait() {
  if (set_) return;
  impl::Waiter waiter(waiters_);
  waiter.wait();
}

bool Event::wait_for(loop::Clock::duration limit) {
  if (set_) return true;
  impl::Waiter waiter(waiters_);
  return waiter.wait_until(loop::Clock::now() + limit);
}

}  // namespace verdin
