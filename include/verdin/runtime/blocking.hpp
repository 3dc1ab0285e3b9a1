// Blocking detection: a greenlet (or a callback of the loop) that holds its hub for longer than
// HubOptions::blocking_limit is reported, with its name, where it was spawned, and where it is.
//
// One thread of the process looks at all hubs every half limit. A hub whose counter of switches has not moved
// and that does not wait for events is held by somebody; the thread is then stopped by a signal
// (HubOptions::sample_signal) for as long as it takes to copy its stack. What a switch costs is one addition;
// who does not block is never interrupted. A call that a signal interrupts with EINTR whatever SA_RESTART
// says (poll, nanosleep) returns early then: it blocks the hub, and should not be there.
//
// A block is reported once, between one and one and a half limits after it began: first to on_blocked()'s
// hook, which may change the report or silence it, then to verdin::log (warning).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <verdin/runtime/run_info.hpp>

namespace verdin {

struct BlockedReport {
  unsigned hub = 0;
  long thread = 0;         ///< the kernel's number
  std::string greenlet{};  ///< its name; empty if a callback in the hub blocks
  std::string spawned_at{};
  loop::Clock::duration duration{};  ///< up to now
  loop::Clock::duration cpu{};       ///< of it on a processor: far less means that it sleeps in a system call
  std::vector<StackFrame> stack{};   ///< empty where the thread could not be stopped
  std::string text{};                ///< what is logged
  bool silent = false;               ///< set by a hook: not to be logged
};

/// Replaces the hook; an empty one takes it away. It is called on Verdin's monitor thread, and must not call
/// run_info() on a hub it keeps waiting.
void on_blocked(std::function<void(BlockedReport&)> hook);

/// For tests: a scope in which the greenlet must suspend at least once, and in which nothing may hold the hub
/// for `limit`. What broke the rule is thrown when the scope ends (std::logic_error; not while another
/// exception passes). A hold is certain to be noticed from one and a half limits on.
class AssertSwitches {
 public:
  explicit AssertSwitches(std::optional<loop::Clock::duration> limit = std::nullopt);
  AssertSwitches(const AssertSwitches&) = delete;
  AssertSwitches& operator=(const AssertSwitches&) = delete;
  ~AssertSwitches() noexcept(false);

 private:
  std::optional<loop::Clock::duration> limit_;
  std::uint64_t switches_;
  loop::Clock::time_point start_;
  std::int64_t outer_limit_ = 0;
  std::int64_t outer_longest_ = 0;
  int exceptions_;
};

[[nodiscard]] inline AssertSwitches assert_switches(
    std::optional<loop::Clock::duration> limit = std::nullopt) {
  return AssertSwitches(limit);
}

}  // namespace verdin
