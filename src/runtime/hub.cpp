#include <exception>

#include <verdin/base/log.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/thread_pool.hpp>

#include "runtime/overflow.hpp"
#include "runtime/worker.hpp"

namespace verdin {
namespace {

thread_local Hub* current_hub = nullptr;

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
      stacks_(options_.stack_size),
      inbox_(make_intrusive<impl::Inbox>(*loop_)) {
  if (current_hub) throw std::logic_error("verdin: this thread has a hub already");
  idle_workers_.reserve(options_.warm_workers);
  if (options_.report_stack_overflow) impl::install_overflow_report();
  current_hub = this;
}

Hub::~Hub() {
  unwind_all();
  thread_pool_.reset();
  // What was accepted is run, and may leave something behind.
  inbox_->close();
  run_posted();
  if (all_) unwind_all();
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
  for (auto& task : tasks) {
    try {
      task();
    } catch (...) {
      report_error("posted task", std::current_exception());
    }
    task = nullptr;
  }
  if (tasks.capacity() > kKeptCapacity) return;
  tasks.clear();
  posted_ = std::move(tasks);
}

void Hub::report_error(std::string_view where, const std::exception_ptr& error) noexcept {
  try {
    if (error_hook_) return error_hook_(where, error);
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    log(LogLevel::error, std::string(where) + ": " + printable(e.what()));
  } catch (...) {
    log(LogLevel::error, std::string(where) + ": an exception that is no std::exception");
  }
}

void Hub::start(impl::GreenletBase& greenlet) {
  remember(greenlet);
  make_ready(greenlet);
}

void Hub::remember(impl::GreenletBase& greenlet) noexcept {
  greenlet.add_ref();
  greenlet.listed_ = true;
  greenlet.all_next_ = all_;
  if (all_) all_->all_prev_ = &greenlet;
  all_ = &greenlet;
  ++greenlet_count_;
}

void Hub::forget(impl::GreenletBase& greenlet) noexcept {
  if (!greenlet.listed_) return;
  greenlet.listed_ = false;
  (greenlet.all_prev_ ? greenlet.all_prev_->all_next_ : all_) = greenlet.all_next_;
  if (greenlet.all_next_) greenlet.all_next_->all_prev_ = greenlet.all_prev_;
  greenlet.all_next_ = greenlet.all_prev_ = nullptr;
  --greenlet_count_;
}

Hub::Worker& Hub::take_worker(Task&& task, const char* name) {
  Worker* worker = nullptr;
  if (idle_workers_.empty()) {
    worker = new Worker(*this);
    remember(*worker);
  } else {
    worker = idle_workers_.back();
    idle_workers_.pop_back();
  }
  worker->assign(std::move(task), name);
  return *worker;
}

void Hub::start_now(Task&& task, const char* name) {
  Worker& worker = take_worker(std::move(task), name);
  if (!in_hub() || dispatching_) return make_ready(worker);
  dispatching_ = true;
  switch_into(worker);
  dispatching_ = false;
}

void Hub::run_ready() {
  slice_over_ = false;
  slice_end_ = {};
  while (!ready_.empty() && !slice_over_) {
    impl::Runnable& item = ready_.front();
    item.unqueue();
    if (item.callback) {
      item.callback(&item);
    } else {
      switch_into(static_cast<impl::GreenletBase&>(item));
    }
    if (slice_is_over() || (main_ && main_->finished())) break;
  }
}

void Hub::turn(bool may_block) {
  run_posted();
  run_ready();
  loop_->turn(may_block && ready_.empty() && !inbox_->has_tasks());
}

bool Hub::anything_can_happen() const noexcept {
  return external_ > 0 || inbox_->has_tasks() || loop_->has_work();
}

void Hub::run_until_done(impl::GreenletBase& until) {
  main_ = &until;
  while (!until.finished()) {
    run_posted();
    run_ready();
    if (until.finished()) break;
    const bool idle = ready_.empty() && !inbox_->has_tasks();
    if (idle && !anything_can_happen()) {
      report_deadlock(until);
      continue;
    }
    loop_->turn(idle);
  }
  main_ = nullptr;
}

void Hub::report_deadlock(impl::GreenletBase& main) {
  std::string message = "verdin: this would block for ever: nothing can wake the greenlets that wait:";
  for (impl::GreenletBase* greenlet = all_; greenlet; greenlet = greenlet->all_next_) {
    if (!static_cast<bool>(dynamic_cast<Worker*>(greenlet)) ||
        greenlet->state() != impl::GreenletBase::State::suspended) {
      message += " '" + std::string(greenlet->name()) + "'";
    }
  }
  main.throw_into(std::make_exception_ptr(LoopExit(message)));
}

void Hub::unwind_all() noexcept {
  // A greenlet may block while it cleans up, and may even swallow the kill: it is told again, a limited
  // number of times.
  constexpr int kAttempts = 10;
  constexpr std::chrono::seconds kPatience{1};
  ending_ = true;
  idle_workers_.clear();
  for (int attempt = 0; attempt < kAttempts && all_; ++attempt) {
    for (IntrusivePtr<impl::GreenletBase> greenlet(all_); greenlet;) {
      // Kept: what one that never ran was to use is destroyed here, and may end another.
      IntrusivePtr<impl::GreenletBase> next(greenlet->all_next_);
      greenlet->throw_into(std::make_exception_ptr(GreenletExit{}));
      greenlet = std::move(next);
    }
    const auto until = loop::Clock::now() + kPatience;
    turn(false);
    while (all_ && loop::Clock::now() < until && (!ready_.empty() || anything_can_happen()))
      turn(!loop_->deadlines().empty());
  }
  while (!ready_.empty()) run_ready();
  if (all_) log(LogLevel::error, "verdin: a greenlet would not die; its stack is lost");
}

}  // namespace verdin
