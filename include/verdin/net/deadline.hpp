// Deadline: until when a call may take. What every call of a socket has as its last parameter.
//
//   socket.recv(buffer);                     // as the socket is set: set_timeout(), without a limit at first
//   socket.recv(buffer, 5s);                 // 5 seconds from now, in all
//   socket.recv(buffer, due);                // until a time
//   socket.recv(buffer, Deadline::never());
//   socket.recv(buffer, 0s);                 // only what is there now: never suspends
//
// It limits the whole call, however many waits that takes. When it is over the call fails with
// net::TimedOut, and the socket stays as it is. A Timeout scope around the call works as everywhere. A value.
#pragma once

#include <chrono>
#include <optional>

#include <verdin/loop/deadline_timer.hpp>

namespace verdin::net {

class Deadline {
 public:
  using Clock = loop::Clock;

  /// What the socket is set to.
  constexpr Deadline() noexcept = default;
  constexpr Deadline(Clock::time_point due) noexcept : due_(due) {}
  template <typename Rep, typename Period>
  Deadline(std::chrono::duration<Rep, Period> limit) : due_(in(limit)) {}

  static constexpr Deadline never() noexcept { return Clock::time_point::max(); }

  /// This, or now and `timeout` if this is what the socket is set to.
  Deadline or_in(std::optional<Clock::duration> timeout) const {
    if (due_ != kUnset) return *this;
    return timeout ? Deadline(*timeout) : never();
  }
  bool limited() const noexcept { return due_ != Clock::time_point::max() && due_ != kUnset; }
  bool passed() const noexcept { return limited() && due_ <= Clock::now(); }
  /// nullopt: never.
  std::optional<Clock::time_point> due() const noexcept {
    return limited() ? std::optional(due_) : std::nullopt;
  }
  Deadline earlier(Clock::time_point other) const noexcept {
    return limited() && due_ < other ? *this : Deadline(other);
  }

 private:
  static constexpr Clock::time_point kUnset = Clock::time_point::min();

  template <typename Rep, typename Period>
  static Clock::time_point in(std::chrono::duration<Rep, Period> limit) {
    const auto now = Clock::now();
    // Compared in the caller's unit, which may reach further than ours.
    if (limit >=
        std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(Clock::time_point::max() - now))
      return Clock::time_point::max();
    if (limit <= limit.zero()) return Clock::time_point{};
    return now + std::chrono::ceil<Clock::duration>(limit);
  }

  Clock::time_point due_ = kUnset;
};

}  // namespace verdin::net
