// offload(): runs blocking or CPU-bound code on a thread, and parks the calling greenlet until it is done.
//
//   auto rows = verdin::offload([&] { return store.history(room); });
//
// Returns what the function returns, or throws what it throws. A greenlet that is killed or times out
// meanwhile stops waiting; the function goes on to its end and its result is dropped, so it must own what it
// uses (or outlive the greenlet). Threads are made on demand, HubOptions::offload_threads at most for each
// hub; tasks beyond wait, first come first served.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin {

/// The threads of one hub. Its destructor waits for the tasks that run.
class ThreadPool {
 public:
  explicit ThreadPool(std::size_t most_threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Runs `task`, which must not throw, on a thread of the pool. Any thread.
  void submit(UniqueFunction<void()> task);

 private:
  void work();

  std::size_t most_threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<UniqueFunction<void()>> tasks_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

namespace impl {

template <typename T>
struct OffloadState {
  Event done;
  std::optional<T> value;
  std::exception_ptr error;
};
template <>
struct OffloadState<void> {
  Event done;
  std::exception_ptr error;
};

}  // namespace impl

template <typename F>
auto offload(F&& function) {
  using T = std::invoke_result_t<std::decay_t<F>&>;
  Hub& hub = Hub::current();
  // Shared: the task may outlive the greenlet. The hub's thread alone touches the event.
  auto state = std::make_shared<impl::OffloadState<T>>();
  hub.expect_external(1);
  hub.thread_pool().submit([&hub, state, function = std::decay_t<F>(std::forward<F>(function))]() mutable {
    try {
      if constexpr (std::is_void_v<T>) {
        function();
      } else {
        state->value.emplace(function());
      }
    } catch (...) {
      state->error = std::current_exception();
    }
    hub.post([&hub, state = std::move(state)] {
      hub.expect_external(-1);
      state->done.set();
    });
  });
  state->done.wait();
  if (state->error) std::rethrow_exception(state->error);
  if constexpr (!std::is_void_v<T>) return T(std::move(*state->value));
}

}  // namespace verdin
