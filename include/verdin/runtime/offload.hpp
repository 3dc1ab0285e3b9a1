// offload(): runs blocking or CPU-bound code on a thread, and parks the calling greenlet until it is done.
//
//   auto rows = verdin::offload([&] { return store.history(room); });
//   auto found = verdin::offload([=](std::stop_token stop) { return search(index, stop); });
//
// Returns what the function returns, or throws what it throws. A greenlet that is killed or times out
// meanwhile stops waiting; the function goes on to its end and its result is dropped, so it must own what it
// uses (or outlive the greenlet). One that takes a std::stop_token is asked to stop then.
//
// The threads are the hub's own pool (Hub::thread_pool(), HubOptions::offload_threads at most): make a
// ThreadPool for work that must not queue behind others'. Tasks beyond wait, first come first served. Inside
// another task of a pool the function runs in place.
#pragma once

#include <stop_token>
#include <type_traits>
#include <utility>

#include <verdin/runtime/stop_token.hpp>
#include <verdin/runtime/thread_pool.hpp>

namespace verdin {

template <typename F>
auto offload(F&& function) {
  using Function = std::decay_t<F>;
  if constexpr (std::is_invocable_v<Function&>) {
    using T = std::invoke_result_t<Function&>;
    if (ThreadPool::of_this_thread() && !Hub::current_or_null()) return T(function());
    auto task = Hub::current().thread_pool().start(
        [function = Function(std::forward<F>(function))]() mutable -> T { return function(); });
    if constexpr (std::is_void_v<T>) {
      task.get();
    } else {
      return T(std::move(task.get()));
    }
  } else {
    static_assert(std::is_invocable_v<Function&, std::stop_token>,
                  "offload() calls function() or function(std::stop_token)");
    const StopScope stop;
    return offload([function = Function(std::forward<F>(function)), token = stop.token()]() mutable {
      return function(std::move(token));
    });
  }
}

}  // namespace verdin
