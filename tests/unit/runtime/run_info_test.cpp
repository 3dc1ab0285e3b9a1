#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/run_info.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::GreenletInfo;
using verdin::HubInfo;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kSignalsInterrupt = false;  // ThreadSanitizer keeps them back until the next system call
#else
constexpr bool kSignalsInterrupt = true;
#endif
#if defined(__x86_64__)
constexpr bool kHasStacks = true;
#else
constexpr bool kHasStacks = false;
#endif

[[gnu::noinline]] void innermost_function_of_the_test(verdin::Event& event) {
  event.wait();
  asm volatile("");  // no tail call
}
[[gnu::noinline]] void outer_function_of_the_test(verdin::Event& event) {
  innermost_function_of_the_test(event);
  asm volatile("");
}

const GreenletInfo* find(const HubInfo& hub, const std::string& name) {
  const auto at = std::find_if(hub.greenlets.begin(), hub.greenlets.end(),
                               [&](const GreenletInfo& each) { return each.name == name; });
  return at == hub.greenlets.end() ? nullptr : &*at;
}

/// Where in the stack it is; its size if it is not.
std::size_t position(const std::vector<verdin::StackFrame>& stack, const std::string& function) {
  const auto at = std::find_if(stack.begin(), stack.end(), [&](const verdin::StackFrame& frame) {
    return frame.function.find(function) != std::string::npos;
  });
  return static_cast<std::size_t>(at - stack.begin());
}

TEST(RunInfo, names_states_and_stacks_of_suspended_greenlets) {
  verdin::run([] {
    verdin::Event event;
    auto waiting = verdin::spawn(outer_function_of_the_test, std::ref(event));
    waiting.set_name("the one that waits");
    verdin::yield();
    auto pending = verdin::spawn([] {});
    pending.set_name("the one to come");

    const verdin::RunInfo info = verdin::run_info();
    ASSERT_EQ(info.hubs.size(), 1u);
    const HubInfo& hub = info.hubs[0];
    EXPECT_EQ(hub.state, "running");
    EXPECT_EQ(hub.greenlet_count, 3u);
    const GreenletInfo* const main = find(hub, "main");
    const GreenletInfo* const waits = find(hub, "the one that waits");
    const GreenletInfo* const to_come = find(hub, "the one to come");
    ASSERT_TRUE(main && waits && to_come);
    EXPECT_EQ(main->state, "running");
    EXPECT_EQ(waits->state, "suspended");
    EXPECT_EQ(to_come->state, "pending");
    EXPECT_TRUE(to_come->stack.empty());
    EXPECT_EQ(main->spawned_by, 0u);
    EXPECT_EQ(waits->spawned_by, main->serial);
    if (kHasStacks) {
      const std::size_t inner = position(waits->stack, "innermost_function_of_the_test");
      const std::size_t outer = position(waits->stack, "outer_function_of_the_test");
      EXPECT_EQ(outer, inner + 1) << verdin::format_stack(waits->stack, "");
      EXPECT_LT(outer, waits->stack.size());
      EXPECT_LT(position(waits->stack, "suspend"), inner);
      EXPECT_LT(position(main->stack, "run_info"), main->stack.size());
    }
    event.set();
    verdin::join_all(waiting, pending);
  });
}

TEST(RunInfo, ids_are_the_smallest_that_are_free) {
  verdin::run([] {
    verdin::Event event;
    const auto wait = [&event] { event.wait(); };
    auto first = verdin::spawn(wait);
    auto second = verdin::spawn(wait);
    first.set_name("first");
    second.set_name("second");
    verdin::yield();
    auto info = verdin::run_info();
    EXPECT_EQ(find(info.hubs.at(0), "main")->id, 1u);
    EXPECT_EQ(find(info.hubs.at(0), "first")->id, 2u);
    EXPECT_EQ(find(info.hubs.at(0), "second")->id, 3u);
    first.kill();
    auto third = verdin::spawn(wait);
    third.set_name("third");
    info = verdin::run_info();
    EXPECT_EQ(find(info.hubs.at(0), "second")->id, 3u);
    EXPECT_EQ(find(info.hubs.at(0), "third")->id, 2u);
    EXPECT_EQ(find(info.hubs.at(0), "first"), nullptr);
    event.set();
    verdin::join_all(second, third);
  });
}

TEST(RunInfo, the_text_is_a_tree_by_spawner) {
  verdin::run([] {
    verdin::Event event;
    auto parent = verdin::spawn([&] {
      auto child = verdin::spawn([&event] { event.wait(); });
      child.set_name("child\nwith a line break");
      child.join();
    });
    parent.set_name("parent");
    verdin::yield();
    verdin::yield();
    const std::string text = verdin::format_run_info(verdin::run_info({.stacks = false}));
    const auto at_main = text.find("\n  [1] 'main' running");
    const auto at_parent = text.find("\n    [2] 'parent' suspended");
    const auto at_child = text.find("\n      [3] 'child\\x0awith a line break' suspended");
    EXPECT_NE(at_main, std::string::npos) << text;
    EXPECT_NE(at_parent, std::string::npos) << text;
    EXPECT_NE(at_child, std::string::npos) << text;
    EXPECT_LT(at_main, at_parent);
    EXPECT_LT(at_parent, at_child);
    event.set();
    parent.join();
  });
}

TEST(RunInfo, one_whose_parent_has_ended_stands_at_the_top) {
  verdin::run([] {
    verdin::Event event;
    auto parent = verdin::spawn([&] { verdin::spawn([&event] { event.wait(); }).set_name("orphan"); });
    parent.join();
    verdin::yield();
    const std::string text = verdin::format_run_info(verdin::run_info({.stacks = false}));
    const auto at = text.find("'orphan'");
    ASSERT_NE(at, std::string::npos);
    EXPECT_NE(text.find("by one that has ended", at), std::string::npos) << text;
    event.set();
  });
}

TEST(RunInfo, lists_no_more_than_it_is_asked_for) {
  verdin::run([] {
    verdin::Event event;
    for (int i = 0; i < 20; ++i) verdin::spawn([&event] { event.wait(); });
    const auto info = verdin::run_info({.max_greenlets = 5});
    EXPECT_EQ(info.hubs.at(0).greenlets.size(), 5u);
    EXPECT_EQ(info.hubs.at(0).greenlet_count, 21u);
    EXPECT_NE(verdin::format_run_info(info).find("and 16 more"), std::string::npos);
    event.set();
  });
}

TEST(RunInfo, outside_of_hubs_there_is_nothing) {
  EXPECT_TRUE(verdin::run_info().hubs.empty());
  EXPECT_EQ(verdin::format_run_info({}), "no hubs\n");
}

/// A hub on a thread of its own, and a way to end it.
class OtherHub {
 public:
  explicit OtherHub(bool blocks)
      : thread_([this, blocks] {
          verdin::run({.blocking_limit = 0ns}, [this, blocks] {
            auto guest = verdin::spawn([this] { over_.wait(); });
            guest.set_name("guest");
            verdin::yield();
            verdin::Hub::current().expect_external(1);  // its end is told from outside
            hub_.store(&verdin::Hub::current());
            if (blocks) {
              while (!released_.load()) std::this_thread::sleep_for(1ms);  // not verdin::sleep()
            }
            over_.wait();
          });
        }) {
    while (!hub_.load()) std::this_thread::yield();
  }
  ~OtherHub() {
    released_.store(true);
    hub_.load()->post([this] { over_.set(); });
    thread_.join();
  }
  void unblock() { released_.store(true); }

 private:
  verdin::Event over_;
  std::atomic<verdin::Hub*> hub_{nullptr};
  std::atomic<bool> released_{false};
  std::thread thread_;
};

TEST(RunInfo, other_threads_hubs_answer_a_plain_thread) {
  const OtherHub other(false);
  const auto info = verdin::run_info({.limit = 60s});
  ASSERT_EQ(info.hubs.size(), 1u);
  ASSERT_NE(find(info.hubs[0], "guest"), nullptr);
  EXPECT_EQ(find(info.hubs[0], "guest")->state, "suspended");
  EXPECT_NE(info.hubs[0].thread, ::gettid());
}

TEST(RunInfo, other_threads_hubs_answer_a_greenlet_that_waits_suspended) {
  OtherHub other(true);
  verdin::run([&] {
    int turns = 0;
    bool done = false;
    auto beside = verdin::spawn([&] {
      while (!done) {
        verdin::yield();
        ++turns;
        other.unblock();  // so that no answer is there before this one had its turn
      }
    });
    const auto info = verdin::run_info({.limit = 60s});
    done = true;
    ASSERT_EQ(info.hubs.size(), 2u);
    EXPECT_NE(find(info.hubs[0], "guest"), nullptr);
    EXPECT_NE(find(info.hubs[1], "main"), nullptr);
    EXPECT_GT(turns, 0);
    beside.join();
  });
}

TEST(RunInfo, a_hub_that_does_not_answer_is_blocked_and_by_whom) {
  const OtherHub other(true);
  const auto info = verdin::run_info({.limit = 20ms});
  ASSERT_EQ(info.hubs.size(), 1u);
  EXPECT_EQ(info.hubs[0].state, "blocked");
  if (!kSignalsInterrupt) return;
  EXPECT_EQ(info.hubs[0].blocked_by.find("greenlet 'main', spawned at "), 0u) << info.hubs[0].blocked_by;
  if (kHasStacks) {
    EXPECT_FALSE(info.hubs[0].stack.empty());
  }
}

TEST(RunInfo, a_signal_prints_it_even_when_the_hub_is_blocked) {
  std::mutex mutex;
  std::string text;
  verdin::print_run_info_on(SIGUSR2, [&](std::string_view report) {
    const std::scoped_lock lock(mutex);
    text = report;
  });
  verdin::run({.blocking_limit = 0ns}, [&] {
    ::kill(::getpid(), SIGUSR2);
    for (;;) {
      std::this_thread::sleep_for(1ms);
      const std::scoped_lock lock(mutex);
      if (!text.empty()) break;
    }
  });
  ::signal(SIGUSR2, SIG_DFL);
  EXPECT_NE(text.find("hub 1, thread "), std::string::npos) << text;
  if (kSignalsInterrupt) {
    EXPECT_NE(text.find("blocked by greenlet 'main'"), std::string::npos) << text;
  }
}

TEST(RunInfo, terminate_lists_names_and_states) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto die = [] {
    verdin::report_on_terminate(STDERR_FILENO);
    verdin::run([] {
      verdin::Event event;
      verdin::spawn([&event] { event.wait(); }).set_name("bystander");
      verdin::yield();
      std::terminate();
    });
  };
  EXPECT_DEATH(die(), "hub 1, thread [0-9]+:\n  'bystander' suspended\n  'main' running");
}

}  // namespace
