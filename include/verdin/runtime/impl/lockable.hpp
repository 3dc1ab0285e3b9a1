// Internal. TimedLock: the names by which the standard's locks know a lock (std::unique_lock and others), for
// a class that has acquire_until(), try_acquire() and release().
#pragma once

#include <chrono>

#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

/// `limit` in the loop's clock, rounded up; a very long one becomes the longest there is.
template <typename Rep, typename Period>
loop::Clock::duration to_loop_duration(const std::chrono::duration<Rep, Period>& limit) {
  using Limit = std::chrono::duration<long double>;
  if (Limit(limit) >= Limit(loop::Clock::duration::max())) return loop::Clock::duration::max();
  return std::chrono::ceil<loop::Clock::duration>(limit);
}

template <typename Lock>
class TimedLock {
 public:
  void lock() { self().acquire_until(std::nullopt); }
  bool try_lock() { return self().try_acquire(); }
  template <typename Rep, typename Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& limit) {
    return self().acquire_until(due_in(to_loop_duration(limit)));
  }
  template <typename OtherClock, typename Duration>
  bool try_lock_until(const std::chrono::time_point<OtherClock, Duration>& due) {
    const auto now = OtherClock::now();  // which a time long past may be too far from
    return due > now ? try_lock_for(due - now) : self().try_acquire();
  }
  void unlock() { self().release(); }

 private:
  friend Lock;
  TimedLock() = default;
  Lock& self() { return static_cast<Lock&>(*this); }
};

}  // namespace verdin::impl
