// ThreadPool: threads for code that blocks or computes, and the greenlets that wait for it.
//
//   verdin::ThreadPool disk(4);
//   auto file = disk.spawn(read_file, path);   // ThreadTask<std::string>; runs on one of four threads
//   auto text = file.get();                    // parks this greenlet: the value, or what it threw
//   disk.apply(write_file, path, text);        // spawn and get
//
// A pool belongs to the hub it was made on: everything but submit() is for greenlets of that hub (WrongThread
// elsewhere). Tasks begin in the order in which they came. Threads are made when a task finds none idle, up
// to max_threads, and end when they had nothing to do for idle_time. spawn() blocks while max_waiting tasks
// wait for a thread.
//
// Nothing interrupts a task: a greenlet that is killed or times out stops waiting, and the task goes on to
// its end. It must own what it uses (or outlive the greenlet); its function is destroyed on the thread before
// anybody learns that it has ended. An exception that nobody asks for goes to the hub's error hook. apply()
// and map() on a thread of the same pool run in place, so tasks may nest. There is no Hub on a pool's
// threads: what a task wants of the hub it posts (HubRef).
//
// In a forked child a pool begins anew, without the tasks that it had: those end in the parent only.
//
// The destructor waits for all tasks, those that have not begun included: it parks a greenlet, and blocks the
// thread elsewhere. A greenlet that waits in spawn() until then gets DestroyedWhileWaiting.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/fork_mark.hpp>
#include <verdin/runtime/impl/thread_job.hpp>

namespace verdin {

struct ThreadPoolOptions {
  std::size_t max_threads = 10;
  std::size_t max_waiting = 1024;  ///< tasks that wait for a thread; spawn() blocks when there are more
  std::chrono::milliseconds idle_time{5000};  ///< then a thread without a task ends
};

/// What a pool's task will give. A cheap handle; of its pool's hub.
template <typename T = void>
class ThreadTask {
 public:
  ThreadTask() = default;
  explicit ThreadTask(IntrusivePtr<impl::ThreadResult<T>> state) : state_(std::move(state)) {}

  bool valid() const noexcept { return static_cast<bool>(state_); }
  bool ready() const noexcept { return state_->done.is_set(); }
  /// Blocks until the task has ended. Its value (a reference, valid while a handle lives), or what it threw;
  /// ThreadTaskDropped if it was never begun.
  std::add_lvalue_reference_t<T> get() {
    const IntrusivePtr<impl::ThreadResult<T>> alive(state_);  // this handle may be moved while it waits
    wait();
    return alive->result();
  }
  /// As get(), but gives up after `limit`: null (or false, for void) then.
  auto get_for(loop::Clock::duration limit) {
    const IntrusivePtr<impl::ThreadResult<T>> alive(state_);
    const bool done = wait_for(limit);
    if constexpr (std::is_void_v<T>) {
      if (done) alive->result();
      return done;
    } else {
      return done ? &alive->result() : nullptr;
    }
  }
  void wait() {
    if (!ready()) state_->done.wait();
  }
  bool wait_for(loop::Clock::duration limit) { return ready() || state_->done.wait_for(limit); }

  /// For wait() over several objects: see linkable.hpp.
  void add_link(impl::Link& link) const { state_->done.add_link(link); }

 private:
  IntrusivePtr<impl::ThreadResult<T>> state_;
};

class ThreadPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options = {});
  explicit ThreadPool(std::size_t max_threads) : ThreadPool(ThreadPoolOptions{.max_threads = max_threads}) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Queues function(args...). Blocks while too many wait.
  template <typename F, typename... Args>
  auto spawn(F&& function, Args&&... args) {
    wait_for_room();
    return start(std::forward<F>(function), std::forward<Args>(args)...);
  }
  /// As spawn(), without blocking: nullopt if too many wait.
  template <typename F, typename... Args>
  auto try_spawn(F&& function, Args&&... args) {
    using Task = decltype(start(std::forward<F>(function), std::forward<Args>(args)...));
    if (!has_room()) return std::optional<Task>();
    return std::optional<Task>(start(std::forward<F>(function), std::forward<Args>(args)...));
  }
  /// Runs function(args...) on a thread and parks the greenlet meanwhile: its value, or what it threw.
  template <typename F, typename... Args>
  auto apply(F&& function, Args&&... args) {
    using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    if (on_worker()) return T(std::invoke(std::forward<F>(function), std::forward<Args>(args)...));
    auto task = spawn(std::forward<F>(function), std::forward<Args>(args)...);
    if constexpr (std::is_void_v<T>) {
      task.get();
    } else {
      return T(std::move(task.get()));
    }
  }
  /// function(item) for each item (copied to the thread): the values in the order of the items. The function
  /// is called by several threads at once. If some throw, what the first of them threw, when all have ended.
  template <typename F, typename Range>
  auto map(F&& function, Range&& range);

  /// Runs `task`, which must not throw, on a thread of the pool. Any thread; never blocks; not waited for by
  /// join().
  void submit(UniqueFunction<void()> task);

  /// Waits until no task of this hub is queued or runs.
  void join();
  bool join_for(loop::Clock::duration limit);
  /// Drops the tasks that have not begun (those who wait for them get ThreadTaskDropped), and waits for the
  /// others. The pool can be used on.
  void kill();

  /// Threads beyond a smaller limit end with the task they are at. At least one.
  void set_max_threads(std::size_t max_threads);
  std::size_t max_threads() const;
  std::size_t thread_count() const;
  /// Threads that wait for a task.
  std::size_t idle_thread_count() const;
  /// Tasks of this hub that are queued or run.
  std::size_t size() const {
    check_fork();
    return desk_->in_flight;
  }
  /// Is this one of its threads?
  bool on_worker() const noexcept { return of_this_thread() == this; }
  /// Whose thread is this? Null for others.
  static const ThreadPool* of_this_thread() noexcept;

  // ---- For the runtime itself.

  /// spawn() without the limit on what waits.
  template <typename F, typename... Args>
  auto start(F&& function, Args&&... args) {
    using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    static_assert(!std::is_reference_v<T>, "a task cannot return a reference: return a pointer or a value");
    using Job = impl::ThreadJob<T, std::decay_t<F>, std::decay_t<Args>...>;
    check_hub();
    auto result = make_intrusive<impl::ThreadResult<T>>();
    auto job = std::make_unique<Job>(desk_, result, std::forward<F>(function), std::forward<Args>(args)...);
    submit([job = std::move(job)] { job->run(); });
    return ThreadTask<T>(std::move(result));
  }

 private:
  void check_hub() const;
  void check_fork() const;
  void begin_anew();
  bool has_room() const;
  void wait_for_room();
  void work();
  bool add_thread() noexcept;
  void retire();
  void reap(std::unique_lock<std::mutex>& lock);

  ThreadPoolOptions options_;
  IntrusivePtr<impl::ThreadDesk> desk_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<UniqueFunction<void()>> tasks_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  mutable impl::ForkMark forks_;
  std::list<std::thread> threads_;
  std::list<std::thread> ended_;  // to be joined
};

template <typename F, typename Range>
auto ThreadPool::map(F&& function, Range&& range) {
  using Item = std::decay_t<decltype(*std::begin(range))>;
  using T = std::invoke_result_t<std::decay_t<F>&, Item>;
  const auto shared = std::make_shared<std::decay_t<F>>(std::forward<F>(function));
  const auto call = [shared](Item& item) -> T { return std::invoke(*shared, std::move(item)); };
  std::vector<ThreadTask<T>> tasks;
  std::vector<std::conditional_t<std::is_void_v<T>, std::monostate, T>> values;
  for (auto&& item : range) {
    if (on_worker()) {
      Item copy(item);
      if constexpr (std::is_void_v<T>) {
        call(copy);
      } else {
        values.push_back(call(copy));
      }
    } else {
      tasks.push_back(spawn([call, item = Item(item)]() mutable -> T { return call(item); }));
    }
  }
  for (auto& task : tasks) task.wait();
  for (auto& task : tasks) {
    if constexpr (std::is_void_v<T>) {
      task.get();
    } else {
      values.push_back(std::move(task.get()));
    }
  }
  if constexpr (!std::is_void_v<T>) return values;
}

}  // namespace verdin
