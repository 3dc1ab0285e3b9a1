#include <csignal>
#include <optional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/signal.hpp>
#include <verdin/runtime/sleep.hpp>

#include "support/forks.hpp"

using namespace std::chrono_literals;

namespace {

TEST(Signals, a_handler_may_block_and_wake_others) {
  verdin::run([] {
    verdin::Event handled;
    const auto watch = verdin::on_signal(SIGUSR1, [&] {
      verdin::sleep(1ms);
      handled.set();
    });
    ::raise(SIGUSR1);
    EXPECT_TRUE(handled.wait_for(60s));
  });
}

TEST(Signals, a_handler_does_not_hide_that_nothing_else_can_happen) {
  verdin::run([] {
    const auto watch = verdin::on_signal(SIGUSR1, [] {});
    verdin::Event never;
    EXPECT_THROW(never.wait(), verdin::LoopExit);
  });
}

TEST(Signals, several_handlers_of_one_hub_all_run) {
  verdin::run([] {
    int first = 0;
    int second = 0;
    const auto one = verdin::on_signal(SIGUSR1, [&] { ++first; });
    const auto two = verdin::on_signal(SIGUSR1, [&] { ++second; });
    ::raise(SIGUSR1);
    while (first == 0 || second == 0) verdin::sleep(1ms);
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 1);
  });
}

TEST(Signals, belong_to_one_hub_until_it_lets_go) {
  verdin::run([] {
    std::optional<verdin::loop::WatchPtr> watch = verdin::on_signal(SIGUSR1, [] {});
    const auto try_elsewhere = [] {
      bool refused = false;
      std::thread([&] {
        verdin::run([&] {
          try {
            const auto second = verdin::on_signal(SIGUSR1, [] {});
          } catch (const std::logic_error&) {
            refused = true;
          }
        });
      }).join();
      return refused;
    };
    EXPECT_TRUE(try_elsewhere());
    watch.reset();
    EXPECT_FALSE(try_elsewhere());
    EXPECT_THROW(verdin::on_signal(0, [] {}), std::invalid_argument);
    EXPECT_THROW(verdin::on_signal(NSIG, [] {}), std::invalid_argument);
  });
}

#if !defined(__SANITIZE_THREAD__)

TEST(Signals, come_to_a_child_whose_loop_got_other_descriptors) {
  verdin::run([] {
    std::vector<int> low;
    for (int i = 0; i < 3; ++i) low.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::thread([&] {
      verdin::run([&] {
        int delivered = 0;
        const auto watch = verdin::on_signal(SIGUSR1, [&] { ++delivered; });
        verdin::sleep(1ms);
        for (const int fd : low) ::close(fd);  // what the child makes anew gets these numbers
        verdin::test::await_monitor();
        const pid_t child = ::fork();
        if (child == 0) {
          ::alarm(60);
          verdin::sleep(1ms);
          ::kill(::getpid(), SIGUSR1);
          while (delivered == 0) verdin::sleep(1ms);
          ::_exit(0);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
      });
    }).join();
  });
}

#endif

TEST(Signals, a_registration_may_outlive_its_hub) {
  verdin::loop::WatchPtr watch;
  verdin::run([&] { watch = verdin::on_signal(SIGUSR1, [] {}); });
  watch->set_ref(true);
  watch.reset();
  verdin::run([&] { watch = verdin::on_signal(SIGUSR1, [] {}); });
}

}  // namespace
