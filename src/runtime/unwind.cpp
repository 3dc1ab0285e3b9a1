// The end of a hub: every greenlet that is left is killed and unwound.
#include <chrono>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <verdin/base/log.hpp>
#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/lockable.hpp>

#include "runtime/greenlet_extras.hpp"
#include "runtime/monitor/hub_record.hpp"
#include "runtime/report.hpp"

namespace verdin {
namespace {

constexpr int kKills = 10;
constexpr int kLastRounds = 1000;

/// Given up: their stacks, and what lies there, stay as they are, and so does what other threads find through
/// those. Named here so that they count as reachable.
struct Survivors {
  static Survivors& of_all() {
    static auto* const only = new Survivors;
    return *only;
  }
  void add(impl::GreenletBase& greenlet) {
    const std::scoped_lock lock(mutex);
    greenlets.push_back(&greenlet);
    inboxes.emplace_back(&greenlet.hub().inbox());
  }

  std::mutex mutex;
  std::vector<impl::GreenletBase*> greenlets;
  std::vector<IntrusivePtr<impl::Inbox>> inboxes;
};

}  // namespace

void Hub::kill_everything() {
  for (IntrusivePtr<impl::GreenletBase> greenlet(all_); greenlet;) {
    // Kept: what one that never ran was to use is destroyed here, and may end another.
    IntrusivePtr<impl::GreenletBase> next(greenlet->all_next_);
    greenlet->throw_into(nullptr);
    greenlet = std::move(next);
  }
}

/// Runs on until every greenlet has ended, nothing can happen any more, or `until`.
void Hub::settle(loop::Clock::time_point until) {
  loop::DeadlineTimer limit(
      *loop_, [](void*) {}, nullptr);
  limit.set_ref(false);
  limit.start(until);
  turn(false);
  while (all_ && loop::Clock::now() < until && (!ready_.empty() || anything_can_happen())) turn(true);
}

void Hub::unwind_all() noexcept {
  // A greenlet may block while it cleans up, and may even swallow the kill: it is told again, a limited
  // number of times.
  ending_ = true;
  const impl::Driving driving(record_.get());
  idle_workers_.clear();
  for (int kill = 0; kill < kKills && all_; ++kill) {
    try {
      kill_everything();
      settle(impl::due_in(impl::to_loop_duration(options_.unwind_limit / kKills)));
    } catch (...) {  // no memory, or what a callback of the loop has thrown: the next round goes on
      report_error("the end of a hub", std::current_exception());
    }
  }
  for (const impl::GreenletBase* greenlet : living()) {
    log(LogLevel::error,
        "verdin: a greenlet would not die, and is left as it is: " + impl::describe(*greenlet));
  }
  while (all_) {
    Survivors::of_all().add(*all_);
    abandon(*all_);
  }
  // What is left are calls for the ends of greenlets.
  for (int round = 0; round < kLastRounds && !ready_.empty(); ++round) run_ready();
  while (!ready_.empty()) ready_.front().unqueue();
  while (all_) {
    Survivors::of_all().add(*all_);
    abandon(*all_);
  }
}

/// It never runs again and is never freed; whoever holds a handle sees it as killed.
void Hub::abandon(impl::GreenletBase& greenlet) noexcept {
  greenlet.unqueue();
  greenlet.next = greenlet.prev = &greenlet;  // as if queued: nothing makes it ready any more
  greenlet.state_ = GreenletState::finished;
  greenlet.killed_ = true;
  greenlet.drop_starter();
  forget(greenlet);
}

}  // namespace verdin
