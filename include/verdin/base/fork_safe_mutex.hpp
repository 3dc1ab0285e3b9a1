// ForkSafeMutex: a mutex that a child of fork() never finds locked by a thread that is not there.
//
// Whoever forks holds all of them meanwhile, by pthread_atfork(). So they are for short locks of the process,
// under which nothing is called that could fork, or lock another of them. They live as long as the process
// (static, or never destroyed). Any thread; lock() blocks the thread.
#pragma once

#include <atomic>
#include <mutex>

namespace verdin {

class ForkSafeMutex {
 public:
  constexpr ForkSafeMutex() noexcept = default;
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  void lock() {
    if (!known_.load(std::memory_order_acquire)) [[unlikely]]
      make_known();
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

  /// Whoever forks holds them from now on: so it is from the program's start, unless this is called by what
  /// starts earlier. Handlers given to pthread_atfork() behind it lock before them, and unlock behind them.
  static void watch_forks();

 private:
  struct AtFork;
  void make_known();

  std::mutex mutex_{};
  std::atomic<bool> known_{false};
  ForkSafeMutex* next_ = nullptr;
};

}  // namespace verdin
