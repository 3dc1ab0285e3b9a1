// In debug builds a greenlet that suspends with a mutex locked is told.
#include <mutex>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

namespace {

#ifdef VERDIN_MUTEX_WATCH
TEST(MutexWatch, a_switch_with_a_mutex_held_is_refused) {
  verdin::run([] {
    std::mutex mutex;
    {
      std::scoped_lock lock(mutex);
      EXPECT_THROW(verdin::yield(), std::logic_error);
    }
    verdin::yield();
    EXPECT_TRUE(mutex.try_lock());
    EXPECT_THROW(verdin::sleep(std::chrono::milliseconds(1)), std::logic_error);
    mutex.unlock();
    verdin::sleep(std::chrono::milliseconds(1));
  });
}
#else
TEST(MutexWatch, costs_nothing_elsewhere) {
  verdin::run([] {
    std::mutex mutex;
    std::scoped_lock lock(mutex);
    verdin::yield();
  });
}
#endif

}  // namespace
