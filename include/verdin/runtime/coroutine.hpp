// The bridge to C++20 coroutines: co_await a greenlet, and await() a coroutine's result from a greenlet.
//
//   Task<int> total() { co_return co_await verdin::spawn(count, "a") + co_await verdin::spawn(count, "b"); }
//   int n = verdin::await(total());   // parks this greenlet until it is there
//
// co_await greenlet: for a coroutine that runs on the greenlet's thread. It is resumed on a warm greenlet of
// its own (never in the hub), so that it may block like any other code. Gives what get() gives: a reference
// to the value of a greenlet that is held elsewhere, the value itself of a temporary; or throws what the
// greenlet threw (GreenletKilled if it was killed). A coroutine that is destroyed while it waits leaves
// nothing behind.
//
// await(awaitable): anything that can be co_awaited. What of it runs at once runs on the calling greenlet; it
// may complete on any thread, which then only posts the result. A greenlet that is killed or times out stops
// waiting: an awaitable that was passed as an rvalue is kept until it completes, one that was passed as an
// lvalue must live until then. While something is awaited the hub does not think that nothing can happen.
// Where the hub has ended before, the result is dropped.
//
// Greenlets only. Empty where the compiler has no coroutines (__cpp_impl_coroutine): gcc 12 and clang 14 do.
#pragma once

#ifdef __cpp_impl_coroutine

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>

namespace verdin {
namespace impl {

template <typename T, bool kTake>
class GreenletAwaiter : private Link, private Runnable {
 public:
  explicit GreenletAwaiter(Greenlet<T> greenlet)
      : Link(&GreenletAwaiter::on_end, false), greenlet_(std::move(greenlet)) {
    Runnable::callback = &GreenletAwaiter::resume;
  }
  ~GreenletAwaiter() { Runnable::unqueue(); }
  GreenletAwaiter(const GreenletAwaiter&) = delete;
  GreenletAwaiter& operator=(const GreenletAwaiter&) = delete;

  bool await_ready() const noexcept { return greenlet_.ready(); }
  void await_suspend(std::coroutine_handle<> coroutine) {
    coroutine_ = coroutine;
    greenlet_.add_link(*this);
  }
  std::conditional_t<kTake, T, std::add_lvalue_reference_t<T>> await_resume() {
    if constexpr (std::is_void_v<T>) {
      greenlet_.get();
    } else if constexpr (kTake) {
      return T(std::move(greenlet_.get()));
    } else {
      return greenlet_.get();
    }
  }

 private:
  static void on_end(Link& link) noexcept {
    auto& self = static_cast<GreenletAwaiter&>(link);
    self.greenlet_.base().hub().make_ready(static_cast<Runnable&>(self));
  }
  /// In the hub. `self` goes when the coroutine runs on.
  static void resume(Runnable* runnable) {
    auto& self = *static_cast<GreenletAwaiter*>(runnable);
    self.greenlet_.base().hub().start_now([coroutine = self.coroutine_] { coroutine.resume(); }, "coroutine");
  }

  Greenlet<T> greenlet_;
  std::coroutine_handle<> coroutine_;
};

/// Where the result of await() is put: by any thread, before the hub is told.
template <typename R>
struct AwaitState : SharedRefCounted<AwaitState<R>> {
  using Stored = std::conditional_t<
      std::is_void_v<R>, bool,
      std::conditional_t<std::is_reference_v<R>, std::add_pointer_t<R>, std::remove_cv_t<R>>>;

  explicit AwaitState(HubRef h) : hub(std::move(h)) {}

  void finish() {
    if (hub.is_current()) return done.set();
    hub.post([self = IntrusivePtr<AwaitState>(this)] { self->done.set(); });
  }
  R result() {
    if (error) std::rethrow_exception(error);
    if constexpr (std::is_reference_v<R>) {
      return static_cast<R>(**value);
    } else if constexpr (!std::is_void_v<R>) {
      return R(std::move(*value));
    }
  }

  HubRef hub;
  Event done;  // of the hub's thread
  std::optional<Stored> value;
  std::exception_ptr error;
};

/// A coroutine that nobody owns: it ends when what it awaits has completed.
struct AwaitDriver {
  struct promise_type {
    static AwaitDriver get_return_object() noexcept { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() noexcept {}
    static void unhandled_exception() noexcept {}  // there is none: see drive()
  };
};

template <typename A, typename R>
AwaitDriver drive(A awaitable, IntrusivePtr<AwaitState<R>> state) {
  try {
    if constexpr (std::is_void_v<R>) {
      co_await std::forward<A>(awaitable);
    } else if constexpr (std::is_reference_v<R>) {
      R value = co_await std::forward<A>(awaitable);
      state->value.emplace(std::addressof(value));
    } else {
      state->value.emplace(co_await std::forward<A>(awaitable));
    }
  } catch (...) {
    state->error = std::current_exception();
  }
  state->finish();
}

template <typename A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return std::forward<A>(awaitable);
  }
}

template <typename A>
using AwaitResult = decltype(awaiter_of(std::declval<A>()).await_resume());

/// Something outside the loop will wake the greenlet.
class External {
 public:
  explicit External(Hub& hub) : hub_(hub) { hub_.expect_external(1); }
  External(const External&) = delete;
  External& operator=(const External&) = delete;
  ~External() { hub_.expect_external(-1); }

 private:
  Hub& hub_;
};

}  // namespace impl

template <typename T>
auto operator co_await(const Greenlet<T>& greenlet) {
  return impl::GreenletAwaiter<T, false>(greenlet);
}
template <typename T>
auto operator co_await(Greenlet<T>& greenlet) {
  return impl::GreenletAwaiter<T, false>(greenlet);
}
template <typename T>
auto operator co_await(Greenlet<T>&& greenlet) {
  return impl::GreenletAwaiter<T, true>(std::move(greenlet));
}

/// Parks the greenlet until `awaitable` has completed: what co_await would give, or throw.
template <typename A>
impl::AwaitResult<A> await(A&& awaitable) {
  using R = impl::AwaitResult<A>;
  Hub& hub = Hub::current();
  auto state = make_intrusive<impl::AwaitState<R>>(hub.ref());
  const impl::External external(hub);
  impl::drive<A, R>(std::forward<A>(awaitable), state);
  if (!state->done.is_set()) state->done.wait();
  return state->result();
}

}  // namespace verdin

#endif
