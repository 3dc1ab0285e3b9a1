// Internal. ForkMark: tells an object that it finds itself in a child of fork(). Those who waited at it in
// the parent are not there: what it knows of them is to be forgotten before anybody else waits.
#pragma once

#include <atomic>

namespace verdin::impl {

/// How often this process has been forked off.
extern std::atomic<unsigned> fork_count;

class ForkMark {
 public:
  /// Is this the first call in a child?
  bool in_new_child() noexcept {
    const unsigned now = fork_count.load(std::memory_order_relaxed);
    if (now == seen_) [[likely]]
      return false;
    seen_ = now;
    return true;
  }

 private:
  unsigned seen_ = fork_count.load(std::memory_order_relaxed);
};

}  // namespace verdin::impl
