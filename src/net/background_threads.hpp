// BackgroundThreads: a few threads of the process for calls that block in the kernel, shared by its hubs.
//
// A greenlet that waits for a job may be killed or time out: a job that has not begun is dropped then, one
// that has goes on to its end and is destroyed there, so it owns what it uses. Threads are made when a job
// finds none idle, take no signals, end when they had nothing to do for 5 seconds, and are never waited for:
// one that hangs on a dead server does not keep the process from ending. A forked child begins without any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub_ref.hpp>

namespace verdin::impl {

class BackgroundJob : public SharedRefCounted<BackgroundJob> {
 public:
  BackgroundJob() = default;
  BackgroundJob(const BackgroundJob&) = delete;
  BackgroundJob& operator=(const BackgroundJob&) = delete;
  virtual ~BackgroundJob() = default;

 protected:
  /// On a thread.
  virtual void work() noexcept = 0;
  /// In the hub, afterwards. Not if that has ended.
  virtual void finish() { done_.set(); }
  /// Of a job whose greenlet has given up: has a thread begun it? Then finish() is still to come, if done_ is
  /// not set.
  bool stray() const noexcept { return stray_; }
  Event done_;  // of the hub's thread

 private:
  friend class BackgroundThreads;
  HubRef hub_;
  bool stray_ = false;
};

class BackgroundThreads {
 public:
  /// For objects that are there before main() and never destroyed: made at its first use it would be waited
  /// for for ever in a child that was forked meanwhile.
  constexpr explicit BackgroundThreads(std::size_t most) noexcept : most_(most) {}
  BackgroundThreads(const BackgroundThreads&) = delete;
  BackgroundThreads& operator=(const BackgroundThreads&) = delete;

  /// Suspends the greenlet until `job` is done. std::system_error if there can be no thread.
  void run(const IntrusivePtr<BackgroundJob>& job);
  /// Nobody waits for it. Any thread.
  void start(IntrusivePtr<BackgroundJob> job);
  /// Suspends the greenlet until a thread has called function(): its value, or what it threw.
  template <typename F>
  auto call(F function);

  std::size_t thread_count() const;

 private:
  struct Crew {
    Crew(unsigned in_generation, Crew* the_parents) : generation(in_generation), parents(the_parents) {}
    const unsigned generation;  // of forks
    Crew* const parents;        // whose mutex may be locked for ever; kept reachable
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<IntrusivePtr<BackgroundJob>> jobs;
    std::size_t threads = 0;
    std::size_t idle = 0;
  };

  Crew& crew() const;
  /// False: it has begun.
  bool withdraw(const BackgroundJob& job) noexcept;
  static void report(BackgroundJob& job) noexcept;
  static void work_off(Crew& crew) noexcept;

  const std::size_t most_;
  mutable std::atomic<Crew*> crew_{nullptr};  // null: nobody has asked for it
};

/// For files. Lives as long as the process.
BackgroundThreads& file_threads() noexcept;

template <typename F>
auto BackgroundThreads::call(F function) {
  using T = std::invoke_result_t<F&>;
  using Value = std::conditional_t<std::is_void_v<T>, bool, T>;
  struct Call final : BackgroundJob {
    explicit Call(F f) : call(std::move(f)) {}
    void work() noexcept override {
      try {
        if constexpr (std::is_void_v<T>) {
          call();
          value = true;
        } else {
          value.emplace(call());
        }
      } catch (...) {
        error = std::current_exception();
      }
    }
    F call;
    std::optional<Value> value;
    std::exception_ptr error;
  };
  const IntrusivePtr<Call> job(new Call(std::move(function)));
  run(job);
  if (job->error) std::rethrow_exception(job->error);
  if constexpr (!std::is_void_v<T>) return T(std::move(*job->value));
}

}  // namespace verdin::impl
