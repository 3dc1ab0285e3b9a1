// The end of a hub: every greenlet that is left is killed and unwound.
#include <atomic>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include <verdin/base/log.hpp>
#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/lockable.hpp>
#include <verdin/runtime/impl/loss_mark.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

#include "runtime/greenlet_extras.hpp"
#include "runtime/monitor/hub_record.hpp"
#include "runtime/report.hpp"

namespace verdin {
namespace impl {
namespace {

thread_local unsigned last_loss = 0;  // the number of the last here

}  // namespace

std::atomic<unsigned> losses{0};

void count_loss() noexcept { last_loss = losses.fetch_add(1, std::memory_order_relaxed) + 1; }

bool lost_since(unsigned number) noexcept { return static_cast<int>(last_loss - number) > 0; }

}  // namespace impl

namespace {

constexpr int kKills = 10;
constexpr int kLastRounds = 1000;

/// Given up: their stacks, and what lies there, stay as they are. In a list, so that they count as reachable.
/// Not behind a mutex: a child of fork() might find it locked.
std::atomic<impl::GreenletBase*> first_survivor{nullptr};

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
  try {
    for (const impl::GreenletBase* greenlet : living()) {
      log(LogLevel::error,
          "verdin: a greenlet would not die, and is left as it is: " + impl::describe(*greenlet));
    }
  } catch (...) {  // no memory for more
    log(LogLevel::error, "verdin: greenlets would not die, and are left as they are");
  }
  give_up_rest();
  // What is left are calls for the ends of greenlets.
  for (int round = 0; round < kLastRounds && !ready_.empty(); ++round) run_ready();
  give_up_rest();
  while (!ready_.empty()) ready_.front().unqueue();
}

void Hub::give_up_rest() noexcept {
  if (!all_) return;
  impl::GreenletBase* const last = all_;
  impl::GreenletBase* first = nullptr;
  while (all_) {
    impl::GreenletBase& survivor = *all_;
    abandon(survivor);
    survivor.all_next_ = std::exchange(first, &survivor);
  }
  impl::count_loss();
  // When none of them can be woken any more.
  for (impl::GreenletBase* each = first; each; each = each->all_next_) tell_who_counts(*each);
  last->all_next_ = first_survivor.load(std::memory_order_relaxed);
  while (!first_survivor.compare_exchange_weak(last->all_next_, first)) {
  }
  impl::SharedWaiter::give_up_all(parked_);
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
