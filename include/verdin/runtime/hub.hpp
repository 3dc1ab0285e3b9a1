// Hub: the scheduler of one thread. It owns the loop, the ready queue and every greenlet of its thread.
//
// An application meets it through run(), spawn() and sleep(); code that lives in the loop (servers,
// transports) uses it directly. Order: ready greenlets run first come, first served; every 5 ms at the latest
// the loop is polled, so greenlets that keep yielding starve neither timers nor sockets.
//
// Threads: everything belongs to the hub's thread except post(), which any thread may call while the hub
// lives (ref() is for those who may outlive it). "In the hub" means on no greenlet: callbacks of the loop run
// there, and must not block (BlockingSwitchOutError).
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <verdin/base/unique_function.hpp>
#include <verdin/fiber/stack.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/hub_ref.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin {

class ThreadPool;

namespace impl {
class HubRecord;
class IfLost;
class Observer;
class SharedWaiter;
struct HubInspector;
struct LocalKey;
}  // namespace impl

struct HubOptions {
  std::size_t stack_size =
      fiber::StackPool::kDefaultSize;  ///< octets of address space for each greenlet, guard included
  std::string loop_backend{};          ///< see loop::Loop::make
  std::size_t warm_workers = 64;       ///< started handler greenlets kept for the next handler
  std::size_t offload_threads = 10;    ///< most threads of offload()
  /// How long the end of the hub waits for greenlets that block while they are unwound, or will not die;
  /// each is killed ten times meanwhile. What is left then is reported and never runs again.
  std::chrono::milliseconds unwind_limit{10'000};
  bool report_stack_overflow =
      true;  ///< a SIGSEGV handler that names the greenlet (not under AddressSanitizer)
  std::chrono::nanoseconds blocking_limit =
      std::chrono::milliseconds(100);  ///< who holds the hub longer is reported; 0: nobody. See blocking.hpp
  int sample_signal = SIGURG;          ///< stops the thread of a blocked hub to copy its stack; 0: no stacks
  bool measure_holds = false;          ///< how long greenlets hold the hub: see observe.hpp for what it costs
};

class Hub {
 public:
  /// The hub of this thread. Throws BlockingSwitchOutError outside run().
  static Hub& current();
  static Hub* current_or_null() noexcept;

  explicit Hub(HubOptions options = {});
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  /// Kills and unwinds every greenlet that is left.
  ~Hub();

  loop::Loop& loop() noexcept { return *loop_; }
  const HubOptions& options() const noexcept { return options_; }

  /// Runs `task` in the hub, soon. Any thread; the only thread-safe member.
  void post(UniqueFunction<void()> task);
  /// A reference that may outlive the hub, for other threads.
  HubRef ref() const noexcept { return HubRef(inbox_); }

  /// A handler's task: as much as eight words are kept without an allocation.
  using Task = UniqueFunction<void(), 8>;
  /// Runs `task` on a warm greenlet. From the hub it runs at once, until it ends or first blocks; from a
  /// greenlet it is queued, as spawn() does. An exception that escapes goes to the error hook. `name` must
  /// outlive the task.
  void start_now(Task&& task, const char* name = "handler");

  /// Called for exceptions that nobody is there to get: of detached greenlets and of loop callbacks' tasks.
  /// Default: verdin::log(error).
  using ErrorHook = std::function<void(std::string_view where, std::exception_ptr error)>;
  void on_error(ErrorHook hook) { error_hook_ = std::move(hook); }
  void report_error(std::string_view where, const std::exception_ptr& error) noexcept;
  /// The same where no hub may be left: the log then.
  static void report_error_of(std::string_view where, const std::exception_ptr& error) noexcept;

  /// The running greenlet; null in the hub.
  impl::GreenletBase* running() const noexcept { return running_; }
  bool in_hub() const noexcept { return running_ == nullptr; }
  /// Who is told of greenlets that come and go; null if nobody is. See observe.hpp.
  impl::Observer* observer() const noexcept { return observer_.get(); }
  void observe(std::unique_ptr<impl::Observer> observer) noexcept;
  std::size_t greenlet_count() const noexcept { return greenlet_count_; }
  /// Those of greenlets that have started, and have not ended.
  std::size_t stacks_in_use() const noexcept { return stacks_.in_use(); }

  ThreadPool& thread_pool();
  /// Tells that an answer from outside the loop is on its way (a task on another thread).
  void expect_external(int change) noexcept { external_ += change; }

  // ---- For the runtime itself.

  /// Queues a greenlet that was just made, and owns it until it ends.
  void start(impl::GreenletBase& greenlet);
  void start_at(impl::GreenletBase& greenlet, loop::Clock::time_point due);
  /// Runs `task` on a warm greenlet, in its turn.
  void start_later(Task&& task, const char* name, SpawnPoint where);
  void make_ready(impl::GreenletBase& greenlet) noexcept {
    if (!greenlet.queued()) ready_.push_back(greenlet);
  }
  void make_ready(impl::Runnable& call) noexcept {
    if (!call.queued()) ready_.push_back(call);
  }
  /// As make_ready(), before everything else.
  void make_ready_first(impl::Runnable& call) noexcept {
    if (!call.queued()) ready_.push_front(call);
  }
  /// Tells `link`; what that makes ready is the next to run. For light callbacks. False: there is nothing.
  bool tell_next(impl::Link& link) noexcept;
  /// Destroys its greenlets' values of a Local that dies.
  void drop_local(impl::LocalKey key) noexcept;
  impl::Inbox& inbox() const noexcept { return *inbox_; }
  /// The first of those who wait for what other threads share.
  impl::SharedWaiter*& parked() noexcept { return parked_; }
  /// The first of those who leave something to be undone; see IfLost.
  impl::IfLost*& if_lost() noexcept { return if_lost_; }
  /// Never the same twice: see GreenletBase::mark().
  std::uint64_t new_mark() noexcept { return ++last_mark_; }
  /// Suspends the running greenlet until something makes it ready. Throws what was thrown into it. Reports
  /// show `what` (a literal) as the call that waits.
  void suspend(const char* what = "a wait") {
    if (suspend_quietly(what)) [[unlikely]]
      throw_incoming();
  }
  /// As suspend(), but leaves it to the caller to throw what was thrown into the greenlet (true: there is
  /// something) by throw_incoming(): when nothing is left to be destroyed on the way.
  [[nodiscard]] bool suspend_quietly(const char* what);
  /// Is it a GreenletExit that nobody has made yet? Then it is taken, and the caller throws one.
  bool take_exit() noexcept;
  [[noreturn]] void throw_incoming();
  /// Lets everything that is ready now run first.
  void yield();
  /// Throws `reason` (null: to each a GreenletExit of its own) into each of `targets`, in order, before
  /// anything else runs. In the hub. Left in `targets` are those that are shielded, and cannot keep it for
  /// want of memory.
  void throw_into_each(std::vector<impl::OnlookerPtr>& targets, const std::exception_ptr& reason);
  /// What escaped from `greenlet` ends the main greenlet; false if it is that itself.
  void throw_into_main(const std::exception_ptr& reason);
  bool end_main(impl::GreenletBase& greenlet, const std::exception_ptr& reason);
  /// Every greenlet that was started and has not ended, in the order of their starts. For reports.
  std::vector<impl::GreenletBase*> living() const;
  static bool is_idle_worker(const impl::GreenletBase& greenlet) noexcept;
  /// Those who wait until there is nothing else to do; and those until nothing can happen any more.
  impl::WaitList& idle_waiters() noexcept { return idle_; }
  impl::WaitList& exhausted_waiters() noexcept { return exhausted_; }
  /// What suspends the code that runs now.
  fiber::Context& running_context() noexcept { return running_ ? running_->context_ : context_; }
  /// Is everything being killed?
  bool ending() const noexcept { return ending_; }
  /// Drives the hub until `until`, its main greenlet, has ended.
  void run_until_done(impl::GreenletBase& until);
  /// Kills every greenlet and runs the hub until they are gone.
  void unwind_all() noexcept;

 private:
  friend class impl::GreenletBase;
  friend struct impl::HubInspector;
  friend class Shield;
  class Worker;
  struct Dispatching;

  void switch_into(impl::GreenletBase& greenlet);
  void enter(impl::GreenletBase& greenlet);
  void switch_away(impl::GreenletBase& from);
  [[noreturn]] void leave(impl::GreenletBase& ended);
  impl::GreenletBase* next_greenlet() noexcept;
  bool time_is_up() noexcept;
  bool slice_is_over() noexcept;
  void look_at_clock() noexcept;
  void prefetch_next_start() noexcept;
  bool prepare(impl::GreenletBase& greenlet) noexcept;
  bool give_stack(impl::GreenletBase& greenlet) noexcept;
  void bury() noexcept;
  void bury_ended() noexcept;
  [[noreturn]] void refuse_to_suspend();
  bool take_deferred(impl::GreenletBase& self) noexcept;
  void run_ready();
  void run_posted();
  std::uint32_t count_switch() noexcept {
    const std::uint32_t count = switches_.load(std::memory_order_relaxed) + 1;
    switches_.store(count, std::memory_order_relaxed);
    return count;
  }
  void turn(bool may_block);
  void kill_everything();
  static void kill_without_memory(impl::Runnable*);
  static void watch_forks();
  void after_fork() noexcept;
  void keep_after_fork(impl::GreenletBase* kept) noexcept;
  void settle(loop::Clock::time_point until);
  void abandon(impl::GreenletBase& greenlet) noexcept;
  void give_up_rest() noexcept;
  static void leave_links(impl::GreenletBase& gone) noexcept;
  static void tell_who_counts(impl::GreenletBase& gone) noexcept;
  bool anything_can_happen() const noexcept;
  void run_item(impl::Runnable& item);
  bool report_deadlock(bool told);
  Worker& take_worker(Task&& task, const char* name, SpawnPoint where);
  void remember(impl::GreenletBase& greenlet) noexcept;
  void forget(impl::GreenletBase& greenlet) noexcept;

  HubOptions options_;
  std::unique_ptr<loop::Loop> loop_;
  fiber::StackPool stacks_;
  fiber::Context context_;
  const fiber::ThreadState& thread_ = fiber::ThreadState::of_this_thread();
  impl::ReadyQueue ready_;
  impl::GreenletBase* running_ = nullptr;
  impl::GreenletBase* main_ = nullptr;      // when it ends, so does the hub's run
  impl::GreenletBase* ended_ = nullptr;     // left its stack for good; freed by whoever runs next
  bool dispatching_ = false;                // the hub waits for a task it started: a block returns to it
  bool through_hub_ = false;                // that, or it is observed: greenlets do not switch to each other
  std::atomic<std::uint32_t> switches_{0};  // written here only; the monitor looks whether it moves
  bool slice_over_ = false;
  bool ending_ = false;
  loop::Clock::time_point slice_end_{};
  impl::GreenletBase* all_ = nullptr;
  std::size_t greenlet_count_ = 0;
  impl::WaitList idle_;
  impl::WaitList exhausted_;
  std::uint64_t last_serial_;  // begins with the hub's own number: see GreenletBase::kSerialBits
  std::vector<impl::GreenletBase*> numbered_;  // by their ids; see run_info.hpp
  std::size_t lowest_free_number_ = 0;
  std::vector<Worker*> idle_workers_;
  impl::Runnable kills_without_memory_;      // queued while there are such
  std::exception_ptr fatal_without_memory_;  // what ends the main greenlet then
  int external_ = 0;
  std::uint64_t last_mark_ = last_serial_;  // one hub's are not another's
  std::exception_ptr no_stack_;             // of those that found no stack since the last one that did
  ErrorHook error_hook_;
  IntrusivePtr<impl::Inbox> inbox_;
  std::vector<impl::Inbox::Task> posted_;  // taken from the inbox; kept for its memory
  impl::SharedWaiter* parked_ = nullptr;
  impl::IfLost* if_lost_ = nullptr;
  std::unique_ptr<ThreadPool> thread_pool_;
  std::unique_ptr<impl::HubRecord> record_;
  std::unique_ptr<impl::Observer> observer_;
};

/// While one is alive, nothing is thrown into the greenlet that made it: kills and timeouts wait until it has
/// gone. For cleanup code that blocks; every destructor that blocks needs one, or a FullShield (see
/// errors.hpp).
class Shield {
 public:
  Shield();
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;
  ~Shield();

 private:
  friend class FullShield;
  impl::GreenletBase* greenlet_ = nullptr;
};

/// A Shield that holds off LoopExit as well: where the main greenlet would wait for ever, that is logged as
/// an error (once, until something can happen again), and it waits on. For destructors, which can throw
/// nothing.
class FullShield {
 public:
  FullShield();
  FullShield(const FullShield&) = delete;
  FullShield& operator=(const FullShield&) = delete;
  ~FullShield();

 private:
  Shield shield_;
};

}  // namespace verdin
