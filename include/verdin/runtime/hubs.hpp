// run(n, f): a hub on each of n threads. spawn_on(): a greenlet on another hub.
//
//   verdin::run(4, [](std::size_t index) { serve(index); });
//   verdin::run(4, [](std::size_t index, std::span<const verdin::HubRef> hubs) {
//     if (index == 0) sum = verdin::spawn_on(hubs[1], count, "lines").get();
//   });
//
// run() calls f(index), or f(index, hubs), as the main greenlet of n hubs: the first on the calling thread,
// the others on threads of their own; f must bear being called by all of them at once. No call begins before
// all hubs are there. It returns when all have ended: a vector of what they returned, or 0 if that is
// nothing. If one fails, the main greenlets of the others are killed, or not begun, and what the first threw
// is thrown when all have ended. Blocks the thread; std::logic_error where there is a hub already.
//
// A greenlet never leaves its thread; hubs send each other tasks (HubRef::post), greenlets to make
// (spawn_on) and what cross-thread queues carry. While other hubs of the team live, one that has nothing to
// do waits for them; only the last is told that it would wait for ever (LoopExit).
//
// spawn_on() queues function(args...) for a new greenlet of `hub`, and gives a ThreadTask for this hub: its
// get() parks the calling greenlet until the other has ended. It throws what the function threw,
// GreenletKilled if the other hub ended meanwhile, ThreadTaskDropped if it had ended before. Never blocks.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/runtime/hub_ref.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/thread_pool.hpp>

namespace verdin {

struct HubsOptions {
  HubOptions hub{};  ///< of each
  bool pin = false;  ///< each thread stays on a processor of its own (round the allowed ones)
};

namespace impl {

using HubMain = std::function<void(std::size_t index, std::span<const HubRef> hubs)>;
void run_hubs(std::size_t count, const HubsOptions& options, const HubMain& main);

template <typename F>
decltype(auto) call_hub_main(F& function, std::size_t index, std::span<const HubRef> hubs) {
  if constexpr (std::invocable<F&, std::size_t, std::span<const HubRef>>) {
    return std::invoke(function, index, hubs);
  } else {
    return std::invoke(function, index);
  }
}

}  // namespace impl

template <typename F>
auto run(std::size_t count, const HubsOptions& options, F&& function) {
  using T = std::decay_t<decltype(impl::call_hub_main(function, 0, {}))>;
  if constexpr (std::is_void_v<T>) {
    impl::run_hubs(count, options, [&](std::size_t index, std::span<const HubRef> hubs) {
      impl::call_hub_main(function, index, hubs);
    });
    return 0;
  } else {
    std::vector<std::optional<T>> results(count);
    impl::run_hubs(count, options, [&](std::size_t index, std::span<const HubRef> hubs) {
      results[index].emplace(impl::call_hub_main(function, index, hubs));
    });
    std::vector<T> values;
    for (auto& result : results) values.push_back(std::move(*result));
    return values;
  }
}

template <typename F>
auto run(std::size_t count, F&& function) {
  return run(count, HubsOptions{}, std::forward<F>(function));
}

template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn_on(const HubRef& hub, F&& function, Args&&... args) {
  using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  using Job = impl::ThreadJob<T, std::decay_t<F>, std::decay_t<Args>...>;
  auto result = make_intrusive<impl::ThreadResult<T>>();
  auto job = std::make_unique<Job>(make_intrusive<impl::ThreadDesk>(Hub::current().ref()), result,
                                   std::forward<F>(function), std::forward<Args>(args)...);
  hub.post([job = std::move(job)]() mutable { spawn([job = std::move(job)] { job->run(); }); });
  return ThreadTask<T>(std::move(result));
}

}  // namespace verdin
