#include <algorithm>
#include <bit>

#include <verdin/loop/loop.hpp>
#include <verdin/loop/timer_wheel.hpp>

namespace verdin::loop {
namespace {

void link_last(TimerLink& head, TimerLink& node) noexcept {
  node.prev = head.prev;
  node.next = &head;
  head.prev->next = &node;
  head.prev = &node;
}

bool is_empty(const TimerLink& head) noexcept { return head.next == &head; }

// As good as never; what is longer is not to overflow where it is added to a time.
constexpr std::chrono::milliseconds kLongestDelay = std::chrono::years(100);

/// Moves all of `head` to `to`, which must be empty.
void splice(TimerLink& head, TimerLink& to) noexcept {
  if (is_empty(head)) return;
  to.next = head.next;
  to.prev = head.prev;
  to.next->prev = &to;
  to.prev->next = &to;
  head.next = head.prev = &head;
}

}  // namespace

void Timer::start(std::chrono::milliseconds delay) {
  loop_->wheel().insert(*this, loop_->now() + std::clamp(delay, std::chrono::milliseconds(0), kLongestDelay));
}

TimerWheel::TimerWheel(Clock::time_point start) : start_(start) {
  for (auto& level : slots_) {
    for (TimerLink& head : level) head.next = head.prev = &head;
  }
  firing_.next = firing_.prev = &firing_;
}

void TimerWheel::stop_all() noexcept {
  const auto empty = [](TimerLink& head) {
    while (!is_empty(head)) static_cast<Timer&>(*head.next).stop();
  };
  empty(firing_);
  for (auto& level : slots_) {
    for (TimerLink& head : level) empty(head);
  }
}

void TimerWheel::insert(Timer& timer, Clock::time_point due) {
  look_for_fork();
  const auto since_start = std::max(due - start_, Clock::duration::zero());
  const auto tick = Clock::duration(kTimerTick);
  const auto ticks = static_cast<std::uint64_t>((since_start + tick - Clock::duration(1)) / tick);
  // Most are put off again and again and never fire: a later time is noted, and looked at when the earlier
  // has come.
  const bool stays = timer.active() && ticks >= timer.due_;
  timer.due_ = ticks;
  if (stays) return;
  timer.stop();
  place(timer);
}

void TimerWheel::place(Timer& timer) noexcept {
  // The farthest slot holds what is beyond the wheel (49 days); it is placed anew when its turn comes.
  constexpr std::uint64_t horizon = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  const std::uint64_t due = std::clamp(timer.due_, tick_ + 1, tick_ + horizon);
  const std::uint64_t delta = due - tick_;
  std::size_t level = 0;
  while (delta >> (kBits * (level + 1))) ++level;
  const std::size_t slot = (due >> (kBits * level)) % kSlots;
  link_last(slots_[level][slot], timer);
  occupied_[level][slot / 64] |= std::uint64_t{1} << (slot % 64);
}

/// How many slots ahead of `from` (1 to kSlots) the next one with timers lies; 0 if there is none.
std::size_t TimerWheel::distance_to_occupied(std::size_t level, std::size_t from) const noexcept {
  Occupied& bits = occupied_[level];
  std::size_t ahead = 1;
  while (ahead <= kSlots) {
    const std::size_t slot = (from + ahead) % kSlots;
    const std::uint64_t word = bits[slot / 64] >> (slot % 64);
    if (word == 0) {
      ahead += 64 - slot % 64;
      continue;
    }
    ahead += static_cast<std::size_t>(std::countr_zero(word));
    if (ahead > kSlots) return 0;
    const std::size_t found = (from + ahead) % kSlots;
    if (!is_empty(slots_[level][found])) return ahead;
    bits[found / 64] &= ~(std::uint64_t{1} << (found % 64));
  }
  return 0;
}

std::optional<std::uint64_t> TimerWheel::next_tick() const noexcept {
  std::optional<std::uint64_t> next;
  for (std::size_t level = 0; level < kLevels; ++level) {
    const std::uint64_t position = tick_ >> (kBits * level);
    const std::size_t ahead = distance_to_occupied(level, position % kSlots);
    if (ahead == 0) continue;
    const std::uint64_t tick = (position + ahead) << (kBits * level);
    next = next ? std::min(*next, tick) : tick;
  }
  return next;
}

std::optional<Clock::time_point> TimerWheel::next_due() const noexcept {
  const auto tick = is_empty(firing_) ? next_tick() : tick_;
  if (!tick) return std::nullopt;
  return start_ + static_cast<std::int64_t>(*tick) * Clock::duration(kTimerTick);
}

void TimerWheel::fire(Clock::time_point now) {
  look_for_fork();
  if (!is_empty(firing_)) fire_rest();  // a callback has thrown
  const auto target = static_cast<std::uint64_t>((now - start_) / Clock::duration(kTimerTick));
  while (tick_ < target) {
    const auto next = next_tick();
    if (!next || *next > target) {
      tick_ = target;
      return;
    }
    tick_ = *next;
    expire(tick_);
  }
}

void TimerWheel::expire(std::uint64_t tick) {
  for (std::size_t level = kLevels - 1; level > 0; --level) {
    const bool at_boundary = tick % (std::uint64_t{1} << (kBits * level)) == 0;
    if (at_boundary) cascade(level, (tick >> (kBits * level)) % kSlots);
  }
  splice(slots_[0][tick % kSlots], firing_);
  fire_rest();
}

/// Whatever a callback throws or forks, the others are still known.
void TimerWheel::fire_rest() {
  while (!is_empty(firing_)) {
    auto& timer = static_cast<Timer&>(*firing_.next);
    timer.stop();
    if (timer.due_ > tick_) {  // put off
      place(timer);
      continue;
    }
    timer.callback_(timer.owner_);
    look_for_fork();
  }
}

void TimerWheel::cascade(std::size_t level, std::size_t slot) noexcept {
  TimerLink moved;
  moved.next = moved.prev = &moved;
  splice(slots_[level][slot], moved);
  while (!is_empty(moved)) {
    auto& timer = static_cast<Timer&>(*moved.next);
    timer.stop();
    // What is due at this very tick goes to the slot that expires next in this call.
    if (timer.due_ <= tick_) {
      link_last(slots_[0][tick_ % kSlots], timer);
    } else {
      place(timer);
    }
  }
}

}  // namespace verdin::loop
