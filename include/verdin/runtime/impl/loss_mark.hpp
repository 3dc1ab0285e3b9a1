// Internal. LossMark: tells an object of a hub that greenlets have gone without having left it: those who
// were not taken along into a child of fork(), or whom their hub gave up when it ended. What the object knows
// of them is to be forgotten before anybody else waits.
#pragma once

#include <atomic>
#include <utility>

#include <verdin/runtime/impl/fork_mark.hpp>

namespace verdin::impl {

/// How often a hub of this process has given up its greenlets.
extern std::atomic<unsigned> losses;
/// The hub of this thread has. Then it has none but those who come later.
void count_loss() noexcept;
/// Has the hub of this thread since that number?
bool lost_since(unsigned number) noexcept;

class LossMark {
 public:
  /// Is this the first call since? None of those whom the object knew is there then.
  bool lost_all() noexcept {
    const bool forked = forks_.in_new_child();
    const unsigned now = losses.load(std::memory_order_relaxed);
    if (now == seen_) [[likely]]
      return forked;
    return lost_since(std::exchange(seen_, now)) || forked;
  }

 private:
  ForkMark forks_;
  unsigned seen_ = losses.load(std::memory_order_relaxed);
};

}  // namespace verdin::impl
