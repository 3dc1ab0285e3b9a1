// DeadlineTimer: a one-shot timer of the clock's own precision, for sleep() and Timeout.
//
// Kept in a heap of the loop: starting and stopping cost O(log n) and no allocation but the heap's own
// growth. Threads: of its loop only. The callback runs in the loop, must not block or throw, and may start,
// stop or destroy any timer, this one too. Timers with the same deadline fire in the order they were started.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace verdin::loop {

using Clock = std::chrono::steady_clock;

/// Zero if that is over, however long.
inline Clock::duration time_until(Clock::time_point due) noexcept {
  const auto now = Clock::now();
  return due > now ? due - now : Clock::duration::zero();
}

class Loop;
class DeadlineHeap;

class DeadlineTimer {
 public:
  using Callback = void (*)(void* owner);

  DeadlineTimer(Loop& loop, Callback callback, void* owner)
      : loop_(&loop), callback_(callback), owner_(owner) {}
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;
  ~DeadlineTimer() { stop(); }

  void start(Clock::time_point due);
  void stop() noexcept;
  /// Whom it calls.
  Callback target() const noexcept { return callback_; }
  void* owner() const noexcept { return owner_; }
  bool active() const noexcept { return index_ != kIdle; }
  /// False: waiting for it alone is waiting for nothing (Loop::has_work()). Before start().
  void set_ref(bool ref) noexcept { ref_ = ref; }

 private:
  friend class DeadlineHeap;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);
  Loop* loop_;
  Callback callback_;
  void* owner_;
  std::size_t index_ = kIdle;
  bool ref_ = true;
};

class DeadlineHeap {
 public:
  void insert(DeadlineTimer& timer, Clock::time_point due);
  void remove(DeadlineTimer& timer) noexcept;
  bool empty() const noexcept { return size() == 0; }
  /// Of a heap that is not empty: when fire() is to be called, or a little too early.
  Clock::time_point next_due() const noexcept { return entries_.front().due; }
  std::size_t size() const noexcept { return entries_.size() - (hole_ == kNone ? 0 : 1); }
  /// Is any pending that is worth waiting for?
  bool any_ref() const noexcept { return size() > without_ref_; }
  /// Stops the timers that `unwanted` names.
  void stop_if(bool (*unwanted)(const DeadlineTimer& timer, const void* context), const void* context);
  /// Fires what is due at `now`; timers started by the callbacks wait for the next call.
  void fire(Clock::time_point now);

 private:
  // The key lies in the heap itself, so that sifting touches no timer but to store its index.
  struct Entry {
    Clock::time_point due;
    std::uint64_t sequence;
    DeadlineTimer* timer;  // null: the hole
    bool before(const Entry& other) const noexcept {
      return due != other.due ? due < other.due : sequence < other.sequence;
    }
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void place(std::size_t at, const Entry& entry) noexcept;
  void settle(std::size_t at, const Entry& entry) noexcept;
  void take_out(std::size_t at) noexcept;
  void sift_up(std::size_t at, Entry entry) noexcept;
  void sift_down(std::size_t at, Entry entry) noexcept;

  std::vector<Entry> entries_;
  std::uint64_t next_sequence_ = 0;
  std::size_t without_ref_ = 0;
  // Where the timer stood that was stopped last, unless another has taken the place: timers are mostly
  // stopped to be started again, and this way it is one move in the heap, not two.
  std::size_t hole_ = kNone;
};

}  // namespace verdin::loop
