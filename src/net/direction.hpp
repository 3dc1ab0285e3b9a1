// Direction: one of the two ways through a descriptor, and the greenlet that waits for it.
//
// The registration with the loop is made at the first wait and kept: see loop/readiness.hpp.
#pragma once

#include <cstdint>
#include <system_error>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/net/deadline.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::net {

class Direction {
 public:
  explicit Direction(loop::Interest interest) noexcept : interest_(interest) {}
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;

  /// Suspends until `fd` is ready or somebody nudges (no error, either), or until `limit`. Throws
  /// WrongThread on another hub than before.
  std::error_code wait(int fd, Deadline limit, const char* what);
  /// Whoever waits is woken, and looks again.
  void nudge() noexcept {
    if (waiter_) waiter_->wake();
  }
  /// Before its descriptor is closed.
  void forget() noexcept;
  /// Before each attempt: who never has to wait lets others run now and then.
  void count_attempt() {
    if (++attempts_ >= kAttempts) [[unlikely]]
      let_others_run();
  }

 private:
  friend class Claim;
  static constexpr std::uint8_t kAttempts = 64;

  void let_others_run();
  void bind(int fd);
  static void lose_waiter(void* self) noexcept;
  static void on_ready(void* self) { static_cast<Direction*>(self)->nudge(); }

  loop::ReadinessPtr readiness_;
  verdin::impl::Waiter* waiter_ = nullptr;
  loop::Interest interest_;
  std::uint8_t attempts_ = 0;
  loop::LocalFlag claimed_;
};

/// Keeps a direction for one call. Throws ConcurrentUse if another has it. In a child of fork() nobody has.
class Claim {
 public:
  Claim(Direction& direction, const char* what) : direction_(direction) {
    if (direction.claimed_) [[unlikely]]
      refuse(what);
    direction.claimed_ = true;
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { direction_.claimed_ = false; }

 private:
  [[noreturn]] static void refuse(const char* what);
  Direction& direction_;
};

}  // namespace verdin::net
