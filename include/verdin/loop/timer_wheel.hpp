// TimerWheel: the loop's home of all Timers: four wheels of 256 slots, a tick of kTimerTick, ever coarser.
//
// Insertion and removal are O(1); a timer is moved to a finer wheel at most three times in its life. Threads:
// of its loop only. (The scheme is Varghese and Lauck's hashed hierarchical timing wheel, SOSP 1987.)
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/loop/fork_generation.hpp>
#include <verdin/loop/timer.hpp>

namespace verdin::loop {

class TimerWheel {
 public:
  explicit TimerWheel(Clock::time_point start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void insert(Timer& timer, Clock::time_point due);
  /// Fires every timer due at `now`. A timer started by a callback fires a tick later at the earliest.
  void fire(Clock::time_point now);
  /// In a child of fork(): the parent's timers do not ring here. Any call finds out by itself.
  void look_for_fork() noexcept {
    if (forks_.in_new_child()) [[unlikely]]
      stop_all();
  }
  /// When fire() has something to do next, rounded down to where a coarser wheel must be looked at; none if
  /// empty.
  std::optional<Clock::time_point> next_due() const noexcept;

 private:
  static constexpr std::size_t kBits = 8;
  static constexpr std::size_t kSlots = 1 << kBits;
  static constexpr std::size_t kLevels = 4;

  /// Which slots may hold timers. A bit may be stale (stop() does not know its slot); looking clears it.
  using Occupied = std::array<std::uint64_t, kSlots / 64>;

  void stop_all() noexcept;
  void place(Timer& timer) noexcept;
  void expire(std::uint64_t tick);
  void fire_rest();
  void cascade(std::size_t level, std::size_t slot) noexcept;
  std::optional<std::uint64_t> next_tick() const noexcept;
  std::size_t distance_to_occupied(std::size_t level, std::size_t from) const noexcept;

  std::array<std::array<TimerLink, kSlots>, kLevels> slots_;
  TimerLink firing_;  // those of the tick that is under way
  ForkMark forks_;
  mutable std::array<Occupied, kLevels> occupied_{};
  Clock::time_point start_;
  std::uint64_t tick_ = 0;  // every timer due at or before it has fired
};

}  // namespace verdin::loop
