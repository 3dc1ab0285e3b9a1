// Timeout: a limit on the time that a block of code of one greenlet may take.
//
//   verdin::Timeout limit{5s};
//   try { fetch(url); } catch (const verdin::TimeoutExpired& e) { if (!limit.is(e)) throw; ... }
//
//   verdin::Timeout limit{5s, TooSlow("the upstream server")};    // throws that instead
//   auto page = verdin::with_timeout(5s, [&] { return fetch(url); }, fallback);   // throws nothing
//
// When it is over, TimeoutExpired is thrown where the greenlet is suspended, or at its next suspension.
// Scopes nest; each exception carries the scope it belongs to, and a scope that is left in time never fires,
// however late. With equal limits the outer scope fires. Data that is ready in the same turn of the loop wins
// over the timeout. A limit of zero or less fires when the loop is next polled, so sleep(0) may pass;
// nullopt never fires. Costs no allocation.
//
// Greenlets only (BlockingSwitchOutError in the hub); the scope must be left on the greenlet that entered it.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin {

class Timeout : private impl::Runnable {
 public:
  explicit Timeout(std::optional<loop::Clock::duration> limit);
  /// Throws `error` when the time is over.
  template <typename E>
  Timeout(std::optional<loop::Clock::duration> limit, E error)
      : Timeout(limit, std::make_exception_ptr(std::move(error))) {}
  Timeout(std::optional<loop::Clock::duration> limit, std::exception_ptr error);
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;
  ~Timeout();

  /// Is this the exception of this very scope?
  bool is(const TimeoutExpired& error) const noexcept { return error.scope == this; }
  bool expired() const noexcept { return expired_; }
  /// It will not fire any more.
  void cancel() noexcept;

 private:
  friend class Hub;
  friend std::optional<loop::Clock::time_point> deadline() noexcept;

  static void on_due(void* self);
  static void throw_it(impl::Runnable* self);
  static bool is_of(const impl::Runnable& item, const impl::GreenletBase* greenlet) noexcept;
  static bool is_of_another(const loop::DeadlineTimer& timer, const impl::GreenletBase* greenlet) noexcept;
  bool pending() const noexcept { return timer_.active() || queued(); }

  IntrusivePtr<impl::GreenletBase> greenlet_;
  Timeout* outer_;
  loop::Clock::time_point due_{};
  loop::DeadlineTimer timer_;
  std::exception_ptr error_;  // null: a TimeoutExpired, made when it is due
  bool expired_ = false;
  bool put_off_ = false;  // once, for a greenlet that was woken before
};

/// The nearest deadline of the Timeout scopes that the running greenlet is in; nullopt if there is none. For
/// calls that cannot be interrupted by an exception and must limit themselves: foreign C code, a request to
/// another machine.
std::optional<loop::Clock::time_point> deadline() noexcept;
/// What is left until deadline(), at least zero.
std::optional<loop::Clock::duration> time_left() noexcept;

/// Runs function() for at most `limit`: its value, or nullopt (false, if it returns nothing) when the time
/// was over.
template <typename F>
auto with_timeout(std::optional<loop::Clock::duration> limit, F&& function) {
  using T = std::invoke_result_t<F>;
  Timeout timeout(limit);
  try {
    if constexpr (std::is_void_v<T>) {
      std::forward<F>(function)();
      return true;
    } else {
      return std::optional<T>(std::forward<F>(function)());
    }
  } catch (const TimeoutExpired& error) {
    if (!timeout.is(error)) throw;
  }
  if constexpr (std::is_void_v<T>) {
    return false;
  } else {
    return std::optional<T>();
  }
}

/// The same with a value for when the time was over.
template <typename F, typename D>
auto with_timeout(std::optional<loop::Clock::duration> limit, F&& function, D&& fallback)
    -> std::invoke_result_t<F> {
  auto result = with_timeout(limit, std::forward<F>(function));
  if (result) return std::move(*result);
  return std::forward<D>(fallback);
}

}  // namespace verdin
