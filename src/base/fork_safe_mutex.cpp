#include <pthread.h>

#include <verdin/base/fork_safe_mutex.hpp>

namespace verdin {

struct ForkSafeMutex::AtFork {
  static void lock_all() {
    making_known.lock();
    for (ForkSafeMutex* each = first; each; each = each->next_) each->mutex_.lock();
  }
  static void unlock_all() {
    for (ForkSafeMutex* each = first; each; each = each->next_) each->mutex_.unlock();
    making_known.unlock();
  }

  static constinit std::mutex making_known;
  static ForkSafeMutex* first;
};

constinit std::mutex ForkSafeMutex::AtFork::making_known;
constinit ForkSafeMutex* ForkSafeMutex::AtFork::first = nullptr;

void ForkSafeMutex::watch_forks() {
  static const int watched = ::pthread_atfork(&AtFork::lock_all, &AtFork::unlock_all, &AtFork::unlock_all);
  static_cast<void>(watched);
}

namespace {
// With the program: who forks while the first of all is made known leaves the child `making_known` locked.
[[maybe_unused]] const bool watches = (ForkSafeMutex::watch_forks(), true);
}  // namespace

void ForkSafeMutex::make_known() {
  const std::scoped_lock lock(AtFork::making_known);
  if (known_.load(std::memory_order_relaxed)) return;
  next_ = AtFork::first;
  AtFork::first = this;
  known_.store(true, std::memory_order_release);
}

}  // namespace verdin
