// run(): makes a hub on this thread, runs function() as its main greenlet and drives the loop until that
// ends.
//
//   int main() { return verdin::run([] { ...; return 0; }); }
//
// Returns what the function returns (0 if nothing), or throws what it throws. Greenlets that are left are
// killed and unwound first, so destructors run. Blocks the thread; one hub a thread (std::logic_error
// otherwise).
//
// In a child of fork() the greenlet that forked is the main one, and run() returns when it ends. If it is not
// the one that run() began with, there is nothing to be returned: run() throws GreenletKilled then (at once
// where the hub forked, and no greenlet). A child that does not go on with its parent's work calls _exit().
#pragma once

#include <type_traits>
#include <utility>

#include <verdin/runtime/greenlet.hpp>

namespace verdin {

namespace impl {

/// The part of run() that does not depend on the function: once for each type of result.
template <typename T>
std::conditional_t<std::is_void_v<T>, int, T> run_to_end(Hub& hub, Greenlet<T> main) {
  main.set_name("main");
  hub.run_until_done(main.base());
  hub.unwind_all();
  if constexpr (std::is_void_v<T>) {
    main.get();
    return 0;
  } else {
    return T(std::move(main.get()));
  }
}

}  // namespace impl

template <typename F>
auto run(HubOptions options, F&& function) {
  Hub hub(std::move(options));
  return impl::run_to_end(hub, spawn(std::forward<F>(function)));
}

template <typename F>
auto run(F&& function) {
  return run(HubOptions{}, std::forward<F>(function));
}

}  // namespace verdin
