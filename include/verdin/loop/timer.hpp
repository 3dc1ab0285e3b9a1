// Timer: a one-shot timer on the loop's wheel, for what every connection has (heartbeats, idle limits).
//
// Starting, restarting and stopping cost a few instructions and no allocation, however many are pending. The
// price is precision: it fires up to one tick (kTimerTick) late, never early. Timeouts that want precision
// are DeadlineTimers. Threads: of its loop only. The callback runs in the loop, must not block or throw, and
// may start, stop or destroy any timer, this one too.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace verdin::loop {

class Loop;
class TimerWheel;

inline constexpr std::chrono::milliseconds kTimerTick{1};

/// Node of a circular list; the wheel's slots are lists of these.
struct TimerLink {
  TimerLink* next = nullptr;
  TimerLink* prev = nullptr;
};

class Timer : private TimerLink {
 public:
  using Callback = void (*)(void* owner);

  Timer(Loop& loop, Callback callback, void* owner) : loop_(&loop), callback_(callback), owner_(owner) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { stop(); }

  /// Fires once, `delay` from now; a pending one is moved.
  void start(std::chrono::milliseconds delay);
  void stop() noexcept {
    if (!next) return;
    next->prev = prev;
    prev->next = next;
    next = prev = nullptr;
  }
  Loop& loop() const noexcept { return *loop_; }
  bool active() const noexcept { return next != nullptr; }

 private:
  friend class TimerWheel;
  Loop* loop_;
  Callback callback_;
  void* owner_;
  std::uint64_t due_ = 0;  // in ticks
};

/// Binds a member function: `Timer timer_{loop, on_timer<&Session::heartbeat>, this};`
template <auto Member, typename T = void>
struct MemberCallback;
template <typename T, void (T::*Member)()>
struct MemberCallback<Member> {
  static void call(void* owner) { (static_cast<T*>(owner)->*Member)(); }
};
template <auto Member>
inline constexpr Timer::Callback on_timer = &MemberCallback<Member>::call;

}  // namespace verdin::loop
