// What the process makes once, at its first use: a child that is forked just then, by another thread, makes
// it itself, or finds it; it does not wait for a thread that it does not have.
// ThreadSanitizer starts no threads in a forked child; locks of AddressSanitizer's allocator are as they
// were.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

#include <atomic>
#include <csignal>
#include <functional>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/runtime/blocking.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/run_info.hpp>

namespace {

/// In a process that has used nothing yet (ctest gives each test one) a thread calls `use` for the first
/// time, and another one forks; the child calls it, too. Again and again, a little later each time.
void forks_at_the_first(const std::function<void()>& use) {
  for (int delay = 0; delay < 60; ++delay) {
    const pid_t fresh = ::fork();
    if (fresh == 0) {
      ::alarm(30);
      std::atomic<bool> go{false};
      std::thread other([&] {
        while (!go.load()) {
        }
        use();
      });
      go.store(true);
      for (std::atomic<int> i{0}; i < 100 * delay; ++i) {
      }
      const pid_t child = ::fork();
      if (child == 0) {
        ::alarm(10);
        use();
        ::_exit(0);
      }
      other.join();
      int status = -1;
      ::waitpid(child, &status, 0);
      ::_exit(status == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(fresh, &status, 0), fresh);
    ASSERT_EQ(status, 0) << "delay " << delay;
  }
}

TEST(ForkRace, the_hooks_of_what_blocks) {
  forks_at_the_first([] { verdin::on_blocked([](verdin::BlockedReport&) {}); });
}

TEST(ForkRace, the_reports_on_signals) {
  forks_at_the_first([] { verdin::print_run_info_on(SIGUSR1, [](std::string_view) {}); });
}

TEST(ForkRace, the_list_of_hubs) {
  forks_at_the_first([] { verdin::run([] {}); });
}

TEST(ForkRace, what_is_known_of_the_ring) {
  forks_at_the_first([] { verdin::loop::Loop::make("uring"); });
}

}  // namespace

#endif
