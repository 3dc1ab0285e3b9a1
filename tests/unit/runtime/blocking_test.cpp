#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/blocking.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::BlockedReport;

namespace {

/// Has somebody, the monitor, begun to wait for longer than any loop does?
std::atomic<bool> sleeps_for_long{false};

}  // namespace

/// Stands before libc's.
extern "C" int poll(pollfd* descriptors, nfds_t count, int limit) {
  static const auto real = reinterpret_cast<int (*)(pollfd*, nfds_t, int)>(::dlsym(RTLD_NEXT, "poll"));
  constexpr int kLong = 10 * 60 * 1000;
  if (limit >= kLong) sleeps_for_long = true;
  return real(descriptors, count, limit);
}

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kSignalsInterrupt = false;
#else
constexpr bool kSignalsInterrupt = true;
#endif

constexpr auto kLimit = 10ms;
const verdin::HubOptions kOptions{.blocking_limit = kLimit};

/// Collects reports instead of logging them.
class Reports {
 public:
  Reports() {
    verdin::on_blocked([this](BlockedReport& report) {
      const std::scoped_lock lock(mutex_);
      report.silent = true;
      last_ = report;
      ++count_;
    });
  }
  ~Reports() { verdin::on_blocked({}); }

  int count() const {
    const std::scoped_lock lock(mutex_);
    return count_;
  }
  std::optional<BlockedReport> last() const {
    const std::scoped_lock lock(mutex_);
    return last_;
  }
  /// Blocks the thread until it was reported.
  [[gnu::noinline]] void hold_until_reported(int wanted = 1) const {
    while (count() < wanted) std::this_thread::sleep_for(1ms);
  }

 private:
  mutable std::mutex mutex_;
  std::optional<BlockedReport> last_;
  int count_ = 0;
};

TEST(Blocking, a_greenlet_that_holds_the_hub_is_reported_with_its_name_and_stack) {
  const Reports reports;
  verdin::run(kOptions, [&] {
    auto culprit = verdin::spawn([&] { reports.hold_until_reported(); });
    culprit.set_name("culprit");
    culprit.join();
  });
  const auto report = reports.last();
  ASSERT_TRUE(report);
  EXPECT_GE(report->duration, kLimit);
  EXPECT_EQ(report->hub, 1u);
  if (!kSignalsInterrupt) return;
  EXPECT_EQ(report->greenlet, "culprit");
  EXPECT_NE(report->text.find("greenlet 'culprit'"), std::string::npos) << report->text;
#if defined(__x86_64__)
  EXPECT_NE(report->text.find("hold_until_reported"), std::string::npos) << report->text;
#endif
}

TEST(Blocking, is_found_in_a_hub_that_comes_after_a_time_without_any) {
  const Reports reports;
  sleeps_for_long = false;
  verdin::run(kOptions, [] {});
  while (!sleeps_for_long) std::this_thread::sleep_for(1ms);  // the monitor has seen that there is none
  verdin::run(kOptions, [&] {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    while (reports.count() == 0 && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(1ms);
    }
  });
  EXPECT_GT(reports.count(), 0);
}

TEST(Blocking, a_callback_in_the_hub_is_reported_too) {
  const Reports reports;
  verdin::run(kOptions, [&] {
    bool ran = false;
    verdin::Hub::current().post([&] {
      reports.hold_until_reported();
      ran = true;
    });
    while (!ran) verdin::yield();
  });
  const auto report = reports.last();
  ASSERT_TRUE(report);
  if (kSignalsInterrupt) {
    EXPECT_NE(report->text.find("a callback in the hub"), std::string::npos) << report->text;
  }
}

TEST(Blocking, is_reported_once_for_each_block) {
  const Reports reports;
  verdin::run(kOptions, [&] {
    reports.hold_until_reported(1);
    std::this_thread::sleep_for(5 * kLimit);
    EXPECT_EQ(reports.count(), 1);
    verdin::sleep(1ms);
    reports.hold_until_reported(2);
  });
  EXPECT_EQ(reports.count(), 2);
}

TEST(Blocking, waiting_for_events_is_not_blocking) {
  const Reports reports;
  // Long enough that a busy machine does not look like a busy greenlet.
  verdin::run({.blocking_limit = 300ms}, [&] { verdin::sleep(700ms); });
  EXPECT_EQ(reports.count(), 0);
}

TEST(Blocking, without_a_hook_it_is_logged) {
  std::mutex mutex;
  std::string logged;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view message) {
    const std::scoped_lock lock(mutex);
    logged = message;
  });
  verdin::run(kOptions, [&] {
    for (;;) {
      std::this_thread::sleep_for(1ms);
      const std::scoped_lock lock(mutex);
      if (!logged.empty()) break;
    }
  });
  verdin::set_log_sink({});
  EXPECT_EQ(logged.find("verdin: hub 1 (thread "), 0u) << logged;
}

TEST(Blocking, a_forked_child_is_looked_after_again) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer starts no threads in a forked child";
#else
  const Reports reports;
  int status = -1;
  verdin::run(kOptions, [&] {
    reports.hold_until_reported(1);  // the monitor runs
    const pid_t child = ::fork();
    if (child == 0) {
      verdin::sleep(1ms);  // the hub turns, and asks for a new monitor
      reports.hold_until_reported(2);
      ::_exit(reports.last()->thread == ::gettid() ? 42 : 43);
    }
    ::waitpid(child, &status, 0);
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
#endif
}

TEST(AssertSwitches, is_content_with_a_scope_that_suspends) {
  verdin::run([] {
    EXPECT_NO_THROW({
      const auto scope = verdin::assert_switches();
      verdin::yield();
      verdin::sleep(1ms);
    });
  });
}

TEST(AssertSwitches, refuses_one_that_does_not) {
  verdin::run([] { EXPECT_THROW({ const auto scope = verdin::assert_switches(); }, std::logic_error); });
}

TEST(AssertSwitches, refuses_one_in_which_the_hub_is_held) {
  verdin::run({.blocking_limit = 0ns}, [] {
    const auto hold = [] {
      const auto scope = verdin::assert_switches(10ms);
      verdin::sleep(1ms);
      std::this_thread::sleep_for(400ms);
      verdin::sleep(1ms);
    };
    EXPECT_THROW(hold(), std::logic_error);
    const auto behave = [] {
      const auto scope = verdin::assert_switches(5s);
      std::this_thread::sleep_for(20ms);
      verdin::sleep(1ms);
    };
    EXPECT_NO_THROW(behave());
  });
}

TEST(AssertSwitches, is_silent_while_another_exception_passes) {
  verdin::run([] {
    const auto fail = [] {
      const auto scope = verdin::assert_switches();
      throw std::runtime_error("mine");
    };
    EXPECT_THROW(fail(), std::runtime_error);
  });
}

}  // namespace
