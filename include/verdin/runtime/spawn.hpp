// spawn(): queues a function on a new greenlet of this thread's hub. Never switches; throws
// BlockingSwitchOutError where there is no hub.
//
//   spawn(f, args...)              a handle on it: Greenlet<T>
//   spawn_after(200ms, f, args...) starts it later; it can be killed before
//   spawn_detached(f, args...)     no handle and no result: the cheapest (a warm greenlet runs it)
//   make_greenlet(f, args...)      a handle; start() queues it
//
// Arguments are moved or copied into the greenlet; pass std::ref for a reference. What escapes from a
// detached function goes to the hub's error hook. The place of the call is kept for reports.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <verdin/runtime/greenlet.hpp>

namespace verdin {

/// A delay, and where it was written.
struct After {
  template <typename Rep, typename Period>
  After(std::chrono::duration<Rep, Period> time, SpawnPoint here = SpawnPoint::here())
      : delay(std::chrono::duration_cast<loop::Clock::duration>(time)), where(here) {}
  loop::Clock::duration delay;
  SpawnPoint where;
};

namespace impl {

// spawn() is called so often that what each call costs the compiler shows: results are named, so that no body
// is looked at to find them, and the checks are made once, by whoever calls this.
template <typename F, typename... Args>
using ResultOf = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;

template <typename F, typename... Args>
GreenletWithResult<ResultOf<F, Args...>>* new_greenlet(SpawnPoint where, F&& function, Args&&... args) {
  using T = ResultOf<F, Args...>;
  static_assert(!std::is_reference_v<T>, "a greenlet cannot return a reference: return a pointer or a value");
  return new GreenletOf<T, std::decay_t<F>, std::decay_t<Args>...>(
      Hub::current(), where, std::forward<F>(function), std::forward<Args>(args)...);
}

template <typename T>
Greenlet<T> handle_on(GreenletWithResult<T>* greenlet) {
  return Greenlet<T>(IntrusivePtr<GreenletWithResult<T>>(greenlet));
}

template <typename T>
Greenlet<T> start(GreenletWithResult<T>* greenlet) {
  Greenlet<T> handle = handle_on(greenlet);
  handle.start();
  return handle;
}

}  // namespace impl

/// As make_greenlet(), for those who know the place themselves.
template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...> Greenlet<impl::ResultOf<F, Args...>>
make_greenlet_at(SpawnPoint where, F&& function, Args&&... args) {
  return impl::handle_on(impl::new_greenlet(where, std::forward<F>(function), std::forward<Args>(args)...));
}

template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...> Greenlet<impl::ResultOf<F, Args...>> spawn_at(
    SpawnPoint where, F&& function, Args&&... args) {
  return impl::start(impl::new_greenlet(where, std::forward<F>(function), std::forward<Args>(args)...));
}

/// Whoever makes it must keep a handle until start().
template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...> Greenlet<impl::ResultOf<F, Args...>>
make_greenlet(F&& function, Args&&... args) {
  return make_greenlet_at({}, std::forward<F>(function), std::forward<Args>(args)...);
}

// A default argument cannot follow a parameter pack: the overloads for up to five arguments know where they
// are called, that for more does not.
template <typename F>
requires std::invocable<std::decay_t<F>> Greenlet<impl::ResultOf<F>> spawn(
    F&& function, SpawnPoint where = SpawnPoint::here()) {
  return impl::start(impl::new_greenlet(where, std::forward<F>(function)));
}
template <typename F, typename A>
requires std::invocable<std::decay_t<F>, std::decay_t<A>> Greenlet<impl::ResultOf<F, A>> spawn(
    F&& function, A&& a, SpawnPoint where = SpawnPoint::here()) {
  return impl::start(impl::new_greenlet(where, std::forward<F>(function), std::forward<A>(a)));
}
template <typename F, typename A, typename B>
requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>> Greenlet<impl::ResultOf<F, A, B>>
spawn(F&& function, A&& a, B&& b, SpawnPoint where = SpawnPoint::here()) {
  return impl::start(
      impl::new_greenlet(where, std::forward<F>(function), std::forward<A>(a), std::forward<B>(b)));
}
template <typename F, typename A, typename B, typename C>
requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>>
    Greenlet<impl::ResultOf<F, A, B, C>> spawn(F&& function, A&& a, B&& b, C&& c,
                                               SpawnPoint where = SpawnPoint::here()) {
  return impl::start(impl::new_greenlet(where, std::forward<F>(function), std::forward<A>(a),
                                        std::forward<B>(b), std::forward<C>(c)));
}
template <typename F, typename A, typename B, typename C, typename D>
requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>, std::decay_t<D>>
    Greenlet<impl::ResultOf<F, A, B, C, D>> spawn(F&& function, A&& a, B&& b, C&& c, D&& d,
                                                  SpawnPoint where = SpawnPoint::here()) {
  return impl::start(impl::new_greenlet(where, std::forward<F>(function), std::forward<A>(a),
                                        std::forward<B>(b), std::forward<C>(c), std::forward<D>(d)));
}
template <typename F, typename A, typename B, typename C, typename D, typename E>
requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>, std::decay_t<D>,
                        std::decay_t<E>>
    Greenlet<impl::ResultOf<F, A, B, C, D, E>> spawn(F&& function, A&& a, B&& b, C&& c, D&& d, E&& e,
                                                     SpawnPoint where = SpawnPoint::here()) {
  return impl::start(impl::new_greenlet(where, std::forward<F>(function), std::forward<A>(a),
                                        std::forward<B>(b), std::forward<C>(c), std::forward<D>(d),
                                        std::forward<E>(e)));
}
template <typename F, typename A, typename B, typename C, typename D, typename E, typename G,
          typename... More>
requires std::invocable<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>, std::decay_t<D>,
                        std::decay_t<E>, std::decay_t<G>, std::decay_t<More>...>
    Greenlet<impl::ResultOf<F, A, B, C, D, E, G, More...>> spawn(F&& function, A&& a, B&& b, C&& c, D&& d,
                                                                 E&& e, G&& g, More&&... more) {
  return impl::start(impl::new_greenlet(SpawnPoint{}, std::forward<F>(function), std::forward<A>(a),
                                        std::forward<B>(b), std::forward<C>(c), std::forward<D>(d),
                                        std::forward<E>(e), std::forward<G>(g), std::forward<More>(more)...));
}

/// Starts it `after` so long; kill() before that cancels it.
template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn_after(After after, F&& function, Args&&... args) {
  auto greenlet = make_greenlet_at(after.where, std::forward<F>(function), std::forward<Args>(args)...);
  greenlet.start_after(after.delay);
  return greenlet;
}

/// `name` must outlive the greenlet (a literal).
template <typename F>
requires std::invocable < std::decay_t<F>
& > void spawn_detached(F&& function, const char* name = "detached", SpawnPoint where = SpawnPoint::here()) {
  Hub::current().start_later(Hub::Task(std::forward<F>(function)), name, where);
}

/// With arguments, for those who know the place themselves.
template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
void spawn_detached_at(SpawnPoint where, F&& function, Args&&... args) {
  spawn_detached(
      [call = std::tuple<std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(function),
                                                                 std::forward<Args>(args)...)]() mutable {
        std::apply([](auto& f, auto&... a) { std::invoke(std::move(f), std::move(a)...); }, call);
      },
      "detached", where);
}

namespace impl {
/// What can be called as it is has a name behind it, not arguments.
template <typename F, typename... Args>
concept NeedsArguments =
    !std::invocable<std::decay_t<F>&> && std::invocable<std::decay_t<F>, std::decay_t<Args>...>;
}  // namespace impl

template <typename F, typename A>
requires impl::NeedsArguments<F, A>
void spawn_detached(F&& function, A&& a, SpawnPoint where = SpawnPoint::here()) {
  spawn_detached_at(where, std::forward<F>(function), std::forward<A>(a));
}
template <typename F, typename A, typename B>
requires impl::NeedsArguments<F, A, B>
void spawn_detached(F&& function, A&& a, B&& b, SpawnPoint where = SpawnPoint::here()) {
  spawn_detached_at(where, std::forward<F>(function), std::forward<A>(a), std::forward<B>(b));
}
template <typename F, typename A, typename B, typename C>
requires impl::NeedsArguments<F, A, B, C>
void spawn_detached(F&& function, A&& a, B&& b, C&& c, SpawnPoint where = SpawnPoint::here()) {
  spawn_detached_at(where, std::forward<F>(function), std::forward<A>(a), std::forward<B>(b),
                    std::forward<C>(c));
}

}  // namespace verdin
