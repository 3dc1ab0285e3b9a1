// How often this process has been forked off: who finds another number than it has seen is in a child, where
// what it knows of the kernel, of threads and of greenlets is still the parent's. Any thread; costs a load.
//
// One rule for all that has a state which others see (connections, listeners, servers, channels): in a child,
// ending what the parent has made gives back what is this process's alone, its memory and the number of its
// descriptor, and says nothing to anybody: no FIN, no record, no path that goes, no reset.
#pragma once

#include <atomic>

namespace verdin::loop {

/// For fork_generation().
extern std::atomic<unsigned> forks_to_here;

inline unsigned fork_generation() noexcept { return forks_to_here.load(std::memory_order_relaxed); }

/// Knows in which process it was made.
class ProcessMark {
 public:
  ProcessMark() noexcept : generation_(fork_generation()) {}
  /// Was that before this process was forked off?
  bool is_parents() const noexcept { return generation_ != fork_generation(); }

 private:
  unsigned generation_;
};

/// A flag for who is at work in an object: down in a child, whoever has put it up in the parent, because that
/// one is not there.
class LocalFlag {
 public:
  explicit operator bool() const noexcept { return up_in_ == fork_generation() + 1; }
  LocalFlag& operator=(bool up) noexcept {
    up_in_ = up ? fork_generation() + 1 : 0;
    return *this;
  }

 private:
  unsigned up_in_ = 0;
};

/// Tells an object that it finds itself in a child of fork(), once.
class ForkMark {
 public:
  /// Is this the first call in a child?
  bool in_new_child() noexcept {
    const unsigned now = fork_generation();
    if (now == seen_) [[likely]]
      return false;
    seen_ = now;
    return true;
  }

 private:
  unsigned seen_ = fork_generation();
};

}  // namespace verdin::loop
