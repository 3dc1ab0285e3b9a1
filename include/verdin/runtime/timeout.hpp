// Timeout: a limit on the time that a block of code of one greenlet may take.
//
//   verdin::Timeout limit{5s};
//   try { fetch(url); } catch (const verdin::TimeoutExpired& e) { if (!limit.is(e)) throw; ... }
//
// When it is over, TimeoutExpired is thrown where the greenlet is suspended, or at its next suspension.
// Scopes nest; each exception carries the scope it belongs to, and a scope that is left in time never fires.
// Data that is ready in the same turn of the loop wins over the timeout. Costs no allocation. Greenlets only;
// the scope must be left on the greenlet that entered it.
#pragma once

#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin {

class Timeout : private impl::Runnable {
 public:
  explicit Timeout(loop::Clock::duration limit);
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;
  ~Timeout() { cancel(); }

  /// Is this the exception of this very scope?
  bool is(const TimeoutExpired& error) const noexcept { return error.scope == this; }
  bool expired() const noexcept { return expired_; }
  /// It will not fire any more.
  void cancel() noexcept;

 private:
  static void on_due(void* self);
  static void throw_it(impl::Runnable* self);

  IntrusivePtr<impl::GreenletBase> greenlet_;
  loop::DeadlineTimer timer_;
  bool expired_ = false;
  bool put_off_ = false;  // once, for a greenlet that was woken before
};

/// Runs function() for at most `limit`: its value, or nullopt (false, if it returns nothing) when the time
/// was over.
template <typename F>
auto with_timeout(loop::Clock::duration limit, F&& function) {
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

}  // namespace verdin
