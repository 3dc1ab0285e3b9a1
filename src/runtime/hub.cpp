#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

#include <verdin/base/log.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/object_pool.hpp>
#include <verdin/runtime/thread_pool.hpp>

#include "runtime/greenlet_extras.hpp"
#include "runtime/monitor/hub_record.hpp"
#include "runtime/monitor/monitor.hpp"
#include "runtime/observer.hpp"
#include "runtime/overflow.hpp"
#include "runtime/report.hpp"
#include "runtime/worker.hpp"

namespace verdin {
namespace {

thread_local Hub* current_hub = nullptr;

// When so many greenlets have ended since the hub was last idle, their stacks give their memory back at once.
constexpr std::size_t kMostWarmStacks = 32 * 1024;

std::uint64_t new_hub_number() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

// Out of line on purpose: a compiler may keep the address of a thread_local across a switch.
[[gnu::noinline]] Hub* Hub::current_or_null() noexcept { return current_hub; }

[[gnu::noinline]] Hub& Hub::current() {
  if (!current_hub)
    throw BlockingSwitchOutError("verdin: there is no hub on this thread; call it inside verdin::run()");
  return *current_hub;
}

Hub::Hub(HubOptions options)
    : options_(std::move(options)),
      loop_(loop::Loop::make(options_.loop_backend)),
      stacks_(options_.stack_size, kMostWarmStacks),
      last_serial_(new_hub_number() * (impl::GreenletBase::kSerialBits + 1)),
      inbox_(make_intrusive<impl::Inbox>(*loop_)) {
  if (current_hub) throw std::logic_error("verdin: this thread has a hub already");
  idle_workers_.reserve(options_.warm_workers);
  if (options_.report_stack_overflow) impl::install_overflow_report();
  watch_forks();
  record_ = std::make_unique<impl::HubRecord>(*this);
  if (options_.blocking_limit.count() > 0) impl::start_monitor();
  if (options_.measure_holds) observe(std::make_unique<impl::Observer>(true));
  kills_without_memory_.callback = &Hub::kill_without_memory;
  current_hub = this;
}

Hub::~Hub() {
  unwind_all();
  record_.reset();
  thread_pool_.reset();
  // What was accepted is run, and may leave something behind.
  inbox_->close();
  run_posted();
  if (all_) unwind_all();
  inbox_->let_go();
  while (impl::trim_objects()) {
  }
  current_hub = nullptr;
}

ThreadPool& Hub::thread_pool() {
  if (!thread_pool_) thread_pool_ = std::make_unique<ThreadPool>(options_.offload_threads);
  return *thread_pool_;
}

void Hub::post(UniqueFunction<void()> task) { inbox_->post(std::move(task), current_hub == this); }

void Hub::run_posted() {
  if (!inbox_->has_tasks()) return;
  constexpr std::size_t kKeptCapacity = 1024;  // a burst's memory is given back
  std::vector<impl::Inbox::Task> tasks = std::move(posted_);
  inbox_->take(tasks);
  const loop::ProcessMark begun;
  for (auto& task : tasks) {
    try {
      task();
    } catch (...) {
      report_error("posted task", std::current_exception());
    }
    if (begun.is_parents()) [[unlikely]] {  // the others are the parent's, and left undestroyed
      static_cast<void>(new auto(std::move(tasks)));
      return;
    }
    task = nullptr;
  }
  if (tasks.capacity() > kKeptCapacity) return;
  tasks.clear();
  posted_ = std::move(tasks);
}

namespace {

std::string error_text(std::string_view where, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return std::string(where) + ": " + printable(e.what());
  } catch (const TimeoutExpired&) {
    return std::string(where) + ": the time of a Timeout was over";
  } catch (...) {
    return std::string(where) + ": an exception that is no std::exception";
  }
}

void log_error(std::string_view where, const std::exception_ptr& error) noexcept {
  try {
    log(LogLevel::error, error_text(where, error));
  } catch (...) {  // no memory for more
    log(LogLevel::error, where);
  }
}

bool is_interrupt(const impl::GreenletBase& greenlet, const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Interrupt&) {
    return true;
  } catch (...) {
    return greenlet.was_thrown(error);
  }
}

bool is_fatal(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Fatal&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void Hub::report_error(std::string_view where, const std::exception_ptr& error) noexcept {
  try {
    if (main_ && running_ != main_ && is_fatal(error)) return throw_into_main(error);
    if (error_hook_) return error_hook_(where, error);
    log_error(where, error);
  } catch (...) {
    const std::exception_ptr thrown = std::current_exception();
    // Thrown into the greenlet while the hook blocked: it is not the hook's.
    try {
      if (running_ && is_interrupt(*running_, thrown)) return running_->throw_when_suspended(thrown);
    } catch (...) {  // no memory to keep it in
    }
    log_error("error hook", thrown);
  }
}

void Hub::report_error_of(std::string_view where, const std::exception_ptr& error) noexcept {
  if (Hub* hub = current_or_null()) return hub->report_error(where, error);
  log_error(where, error);
}

void Hub::throw_into_main(const std::exception_ptr& reason) {
  try {
    main_->throw_into(reason);
  } catch (const std::bad_alloc&) {
    fatal_without_memory_ = reason;
    make_ready(kills_without_memory_);
  }
}

bool Hub::end_main(impl::GreenletBase& greenlet, const std::exception_ptr& reason) {
  if (!main_ || main_ == &greenlet || main_->finished()) return false;
  throw_into_main(reason);
  return true;
}

/// While one lives, a greenlet that suspends or ends goes back to the hub.
struct Hub::Dispatching {
  explicit Dispatching(Hub& of) : hub(of), before(std::exchange(of.dispatching_, true)) {
    hub.through_hub_ = true;
  }
  Dispatching(const Dispatching&) = delete;
  Dispatching& operator=(const Dispatching&) = delete;
  ~Dispatching() {
    hub.dispatching_ = before;
    hub.through_hub_ = before || hub.observer_;
  }
  Hub& hub;
  bool before;
};

/// What there was no memory for, as one event; what is held off by a shield, and cannot be kept, comes again.
void Hub::kill_without_memory(impl::Runnable*) {
  Hub& hub = current();
  const Dispatching nothing_between(hub);
  bool again = false;
  for (impl::GreenletBase* each = hub.all_; each;) {
    const bool wanted = each->killed_without_memory_;
    if (!wanted || !each->room_for_throw()) {
      again |= wanted;
      each = each->all_next_;
      continue;
    }
    const impl::OnlookerPtr alive(*each);
    each->killed_without_memory_ = false;
    each->throw_now(nullptr);
    each = each->listed_ ? each->all_next_ : hub.all_;
  }
  if (hub.fatal_without_memory_ && hub.main_) {
    if (hub.main_->room_for_throw()) {
      hub.main_->throw_now(std::exchange(hub.fatal_without_memory_, nullptr));
    } else {
      again = true;
    }
  }
  if (again) hub.make_ready(hub.kills_without_memory_);
}

void Hub::start(impl::GreenletBase& greenlet) {
  if (greenlet.state_ != GreenletState::unstarted) return;
  remember(greenlet);
  make_ready(greenlet);
}

void Hub::start_at(impl::GreenletBase& greenlet, loop::Clock::time_point due) {
  if (greenlet.state_ != GreenletState::unstarted) return;
  greenlet.extras().starter = std::make_unique<impl::GreenletBase::Starter>(greenlet, due);
  remember(greenlet);
}

void Hub::remember(impl::GreenletBase& greenlet) noexcept {
  greenlet.add_ref();
  greenlet.listed_ = true;
  greenlet.state_ = GreenletState::pending;
  greenlet.all_next_ = all_;
  if (all_) all_->all_prev_ = &greenlet;
  all_ = &greenlet;
  ++greenlet_count_;
}

void Hub::forget(impl::GreenletBase& greenlet) noexcept {
  greenlet.listed_ = false;
  if (greenlet.id_ != 0) {
    lowest_free_number_ = std::min<std::size_t>(lowest_free_number_, greenlet.id_ - 1);
    numbered_[greenlet.id_ - 1] = nullptr;
  }
  (greenlet.all_prev_ ? greenlet.all_prev_->all_next_ : all_) = greenlet.all_next_;
  if (greenlet.all_next_) greenlet.all_next_->all_prev_ = greenlet.all_prev_;
  greenlet.all_next_ = greenlet.all_prev_ = nullptr;
  --greenlet_count_;
}

std::vector<impl::GreenletBase*> Hub::living() const {
  std::vector<impl::GreenletBase*> all;
  for (impl::GreenletBase* greenlet = all_; greenlet; greenlet = greenlet->all_next_) all.push_back(greenlet);
  std::reverse(all.begin(), all.end());  // in the order in which they were spawned
  return all;
}

Hub::Worker& Hub::take_worker(Task&& task, const char* name, SpawnPoint where) {
  Worker* worker = nullptr;
  if (idle_workers_.empty()) {
    worker = new Worker(*this);
    remember(*worker);
  } else {
    worker = idle_workers_.back();
    idle_workers_.pop_back();
  }
  worker->assign(std::move(task), name, where);
  return *worker;
}

void Hub::start_now(Task&& task, const char* name) {
  if (loop_->dropping() && in_hub()) {  // the parent does it
    static_cast<void>(new auto(std::move(task)));
    return;
  }
  Worker& worker = take_worker(std::move(task), name, {});
  if (!in_hub() || dispatching_) return make_ready(worker);
  const loop::ProcessMark begun;
  dispatching_ = through_hub_ = true;
  switch_into(worker);
  dispatching_ = false;
  through_hub_ = static_cast<bool>(observer_);
  if (begun.is_parents()) [[unlikely]]
    loop_->drop_rest_of_turn();
}

void Hub::observe(std::unique_ptr<impl::Observer> observer) noexcept {
  observer_ = std::move(observer);
  through_hub_ = dispatching_ || observer_;
}

void Hub::start_later(Task&& task, const char* name, SpawnPoint where) {
  make_ready(take_worker(std::move(task), name, where));
}

void Hub::run_item(impl::Runnable& item) {
  if (item.callback) {
    item.callback(&item);
  } else {
    switch_into(static_cast<impl::GreenletBase&>(item));
  }
}

void Hub::throw_into_each(std::vector<impl::OnlookerPtr>& targets, const std::exception_ptr& reason) {
  const Dispatching nothing_between(*this);
  std::size_t left = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (i + 2 < targets.size()) targets[i + 2]->prefetch_object();
    if (i + 1 < targets.size()) targets[i + 1]->prefetch_stack();
    impl::OnlookerPtr& target = targets[i];
    if (target->room_for_throw()) [[likely]] {
      target->throw_now(reason);
    } else {
      targets[left++] = std::move(target);
    }
  }
  targets.erase(targets.begin() + static_cast<std::ptrdiff_t>(left), targets.end());
}

void Hub::run_ready() {
  slice_over_ = false;
  slice_end_ = {};
  while (!ready_.empty() && !slice_over_) {
    impl::Runnable& item = ready_.front();
    item.unqueue();
    run_item(item);
    if (slice_is_over() || (main_ && main_->finished())) break;
  }
}

void Hub::turn(bool may_block) {
  count_switch();
  run_posted();
  run_ready();
  const bool nothing_ready = ready_.empty() && !inbox_->has_tasks();
  const bool trimmed = nothing_ready && (stacks_.trim() || impl::trim_objects());
  // With the last greenlet gone there is nothing to wait for.
  loop_->turn(may_block && all_ && nothing_ready && !trimmed);
}

bool Hub::anything_can_happen() const noexcept {
  return external_ > 0 || inbox_->has_tasks() || loop_->has_work();
}

void Hub::run_until_done(impl::GreenletBase& until) {
  main_ = &until;
  struct Forget {  // also if a callback of the loop throws: the greenlet may go before this hub does
    Hub& hub;
    ~Forget() { hub.main_ = nullptr; }
  } const forget{*this};
  bool told = false;  // that nothing can happen, since something last could
  const impl::Driving driving(record_.get());
  while (!main_->finished()) {  // not `until`: a fork may put another in its place
    count_switch();
    if (impl::monitor_is_lost() && options_.blocking_limit.count() > 0) impl::start_monitor();
    run_posted();
    run_ready();
    if (main_->finished()) break;
    const bool nothing_ready = ready_.empty() && !inbox_->has_tasks();
    if (nothing_ready && idle_.empty()) {
      if (!anything_can_happen()) {
        told = report_deadlock(told);
        continue;
      }
      told = false;
    }
    const bool trimmed = nothing_ready && (stacks_.trim() || impl::trim_objects());
    loop_->turn(nothing_ready && idle_.empty() && !trimmed);
    if (!idle_.empty() && ready_.empty() && !inbox_->has_tasks()) idle_.wake_all();
  }
}

/// `told`: it was logged already. True if it is now.
bool Hub::report_deadlock(bool told) {
  // Those who wait for exactly this are told first.
  if (!exhausted_.empty()) {
    exhausted_.wake_all();
    return told;
  }
  if (main_->suspended_unwinding_ || main_->full_shields_ > 0) {
    // Nothing can be thrown out of a destructor. Only another thread, a signal or what does not count may
    // help now.
    if (!told) log(LogLevel::error, impl::describe_waiters(living()));
    loop_->turn(true);
    return true;
  }
  // A shield holds off kills; this is no kill, and would otherwise never arrive.
  main_->thrown_ = std::make_exception_ptr(LoopExit(impl::describe_waiters(living())));
  main_->incoming_ = true;
  switch_into(*main_);
  return false;
}

}  // namespace verdin
