// Internal. What Mutex and shared::Mutex have in common. See mutex.hpp.
#pragma once

#include <atomic>

#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/impl/basic_semaphore.hpp>
#include <verdin/runtime/impl/lockable.hpp>

namespace verdin::impl {

template <typename Sync>
class BasicMutex : public TimedLock<BasicMutex<Sync>> {
 public:
  BasicMutex() = default;

  bool locked() const { return free_.count() == 0; }
  /// Does the caller hold it?
  bool mine() const { return owner_.load(std::memory_order_relaxed) == Sync::self(); }

  // What TimedLock is made of.
  bool try_acquire() { return own(free_.try_acquire()); }
  bool acquire_until(const Due& due) {
    if (mine()) throw LockMisuse("verdin: a mutex is locked again by its holder");
    return own(free_.acquire_until(due));
  }
  void release() {
    if (!mine()) throw LockMisuse("verdin: a mutex is unlocked by one that does not hold it");
    owner_.store(nullptr, std::memory_order_relaxed);
    free_.release();
  }

 private:
  bool own(bool taken) {
    if (taken) owner_.store(Sync::self(), std::memory_order_relaxed);
    return taken;
  }

  BasicSemaphore<Sync> free_{1};
  std::atomic<const void*> owner_{nullptr};  // relaxed: only the holder finds itself in it
};

}  // namespace verdin::impl
