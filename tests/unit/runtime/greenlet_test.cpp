#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

using namespace std::chrono_literals;
using verdin::Greenlet;

namespace {

// ThreadSanitizer knows 8,000 fibers at most, and makes them slowly.
#if defined(__SANITIZE_THREAD__)
constexpr int kMany = 2'000;
constexpr int kManyAlive = 1'000;
#else
constexpr int kMany = 100'000;
constexpr int kManyAlive = 10'000;
#endif

TEST(Run, returns_what_the_function_returns) {
  EXPECT_EQ(verdin::run([] { return 42; }), 42);
  EXPECT_EQ(verdin::run([] {}), 0);
  EXPECT_EQ(*verdin::run([] { return std::make_unique<int>(7); }), 7);
}

TEST(Run, throws_what_the_function_throws) {
  EXPECT_THROW(verdin::run([] { throw std::out_of_range("x"); }), std::out_of_range);
}

TEST(Run, refuses_a_second_hub_on_the_thread) {
  verdin::run([] { EXPECT_THROW(verdin::run([] {}), std::logic_error); });
}

TEST(Run, calls_outside_a_hub_are_refused) {
  EXPECT_THROW(verdin::spawn([] {}), verdin::BlockingSwitchOutError);
  EXPECT_THROW(verdin::sleep(1ms), verdin::BlockingSwitchOutError);
}

TEST(Run, unwinds_what_is_left) {
  bool unwound = false;
  struct Guard {
    bool& flag;
    ~Guard() { flag = true; }
  };
  verdin::run([&] {
    verdin::spawn([&] {
      Guard guard{unwound};
      verdin::sleep(1h);
    });
    verdin::sleep(0s);
  });
  EXPECT_TRUE(unwound);
}

TEST(Run, cleanup_that_blocks_is_waited_for) {
  bool done = false;
  verdin::run([&] {
    verdin::spawn([&] {
      try {
        verdin::sleep(1h);
      } catch (const verdin::GreenletExit&) {
        verdin::sleep(5ms);
        done = true;
        throw;
      }
    });
    verdin::yield();
  });
  EXPECT_TRUE(done);
}

TEST(Run, a_greenlet_that_never_started_is_dropped_at_the_end) {
  bool ran = false;
  verdin::run([&] { verdin::spawn([&] { ran = true; }); });
  EXPECT_FALSE(ran);
}

TEST(Run, waiting_for_nothing_is_reported_to_the_main_greenlet) {
  verdin::run([] {
    verdin::Event never;
    EXPECT_THROW(never.wait(), verdin::LoopExit);
    auto stuck = verdin::spawn([&] { never.wait(); });
    stuck.set_name("stuck one");
    try {
      stuck.join();
      FAIL();
    } catch (const verdin::LoopExit& e) {
      EXPECT_NE(std::string(e.what()).find("'stuck one'"), std::string::npos) << e.what();
    }
    stuck.kill();
  });
}

TEST(Spawn, takes_functions_lambdas_arguments_and_returns_results) {
  verdin::run([] {
    auto sum = verdin::spawn([](int a, int b) { return a + b; }, 2, 3);
    auto text = verdin::spawn([](std::unique_ptr<std::string> s) { return *s + "!"; },
                              std::make_unique<std::string>("hi"));
    int counter = 0;
    auto by_reference = verdin::spawn([](int& c) { ++c; }, std::ref(counter));
    EXPECT_EQ(sum.get(), 5);
    EXPECT_EQ(text.get(), "hi!");
    by_reference.get();
    EXPECT_EQ(counter, 1);
    EXPECT_TRUE(sum.ready());
    EXPECT_TRUE(sum.successful());
  });
}

TEST(Spawn, never_switches_and_runs_in_order) {
  verdin::run([] {
    std::vector<int> order;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&order, i] {
        order.push_back(i);
        verdin::yield();
        order.push_back(10 + i);
      }));
    }
    EXPECT_TRUE(order.empty());
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 10, 11, 12}));
  });
}

TEST(Spawn, arguments_die_with_the_function_not_with_the_handle) {
  verdin::run([] {
    auto token = std::make_shared<int>(1);
    auto greenlet = verdin::spawn([](std::shared_ptr<int>) {}, token);
    greenlet.join();
    EXPECT_EQ(token.use_count(), 1);
  });
}

TEST(Spawn, a_hundred_thousand) {
  verdin::run([] {
    int sum = 0;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < kMany; ++i) all.push_back(verdin::spawn([&sum] { ++sum; }));
    verdin::join_all(all);
    EXPECT_EQ(sum, kMany);
  });
}

TEST(Spawn, ten_thousand_alive_at_once) {
  verdin::run([] {
    verdin::Event go;
    int sum = 0;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < kManyAlive; ++i) {
      all.push_back(verdin::spawn([&] {
        go.wait();
        ++sum;
      }));
    }
    verdin::yield();
    EXPECT_EQ(verdin::Hub::current().greenlet_count(), kManyAlive + 1u);
    go.set();
    verdin::join_all(all);
    EXPECT_EQ(sum, kManyAlive);
  });
}

TEST(Get, rethrows_the_same_exception_each_time) {
  verdin::run([] {
    auto failing = verdin::spawn([]() -> int { throw std::runtime_error("boom"); });
    failing.join();
    EXPECT_FALSE(failing.successful());
    const std::runtime_error* seen = nullptr;
    for (int i = 0; i < 2; ++i) {
      try {
        failing.get();
        FAIL();
      } catch (const std::runtime_error& error) {
        EXPECT_TRUE(!seen || seen == &error) << "another object";
        seen = &error;
      }
    }
    EXPECT_TRUE(failing.exception());
  });
}

TEST(Get, goes_on_when_its_handle_is_moved_while_it_waits) {
  verdin::run([] {
    verdin::Event go;
    std::vector<Greenlet<int>> all{verdin::spawn([&] {
      go.wait();
      return 1;
    })};
    auto gets = verdin::spawn([&] { return all[0].get(); });
    auto gets_in_time = verdin::spawn([&] { return *all[0].get_for(1h); });
    verdin::yield();
    while (all.size() < 100) all.push_back(verdin::spawn([] { return 2; }));
    go.set();
    EXPECT_EQ(gets.get(), 1);
    EXPECT_EQ(gets_in_time.get(), 1);
  });
}

TEST(JoinAll, goes_on_when_the_handles_go_meanwhile) {
  verdin::run([] {
    verdin::Event go;
    const auto work = [&] {
      go.wait();
      return std::string(100, 'x');
    };
    std::vector<Greenlet<std::string>> all;
    for (int i = 0; i < 3; ++i) all.push_back(verdin::spawn(work));
    verdin::spawn_detached([&] {
      all.clear();
      go.set();
    });
    std::vector<Greenlet<std::string>> ended = verdin::join_all(all);
    ASSERT_EQ(ended.size(), 3U);
    for (auto& greenlet : ended) EXPECT_EQ(greenlet.get().size(), 100U);
    go.clear();
    auto alone = std::make_unique<Greenlet<std::string>>(verdin::spawn(work));
    verdin::spawn_detached([&] {
      alone.reset();
      go.set();
    });
    EXPECT_TRUE(verdin::join_all(*alone));
  });
}

TEST(Get, for_a_very_long_time_waits) {
  constexpr auto kLongest = verdin::loop::Clock::duration::max();
  verdin::run([&] {
    auto greenlet = verdin::spawn([] {
      verdin::sleep(1ms);
      return 1;
    });
    EXPECT_TRUE(verdin::AnyGreenlet(greenlet).join_for(kLongest));
    greenlet = verdin::spawn([] {
      verdin::sleep(1ms);
      return 1;
    });
    EXPECT_TRUE(greenlet.join_for(kLongest));
    greenlet = verdin::spawn([] {
      verdin::sleep(1ms);
      return 1;
    });
    EXPECT_TRUE(verdin::join_all(kLongest, greenlet));
    greenlet = verdin::spawn([] {
      verdin::sleep(1ms);
      return 1;
    });
    EXPECT_TRUE(verdin::wait_for(kLongest, greenlet));
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { verdin::sleep(kLongest); }));
    auto never = verdin::spawn_after(kLongest, [] {});
    verdin::sleep(1ms);
    EXPECT_FALSE(never.ready());
    never.kill();
  });
}

TEST(Get, gives_up_after_its_limit) {
  verdin::run([] {
    auto slow = verdin::spawn([] {
      verdin::sleep(1h);
      return 1;
    });
    EXPECT_EQ(slow.get_for(1ms), nullptr);
    EXPECT_FALSE(slow.join_for(1ms));
    EXPECT_FALSE(slow.ready());
    slow.kill();
    EXPECT_TRUE(slow.join_for(1ms));
  });
}

TEST(Failure, of_a_detached_greenlet_reaches_the_hook) {
  std::vector<std::string> seen;
  verdin::run([&] {
    verdin::Hub::current().on_error([&](std::string_view where, std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        seen.push_back(std::string(where) + ": " + e.what());
      }
    });
    verdin::spawn([] { throw std::runtime_error("nobody looks"); }).set_name("lonely");
    verdin::yield();
    auto watched = verdin::spawn([] { throw std::runtime_error("somebody looks"); });
    EXPECT_THROW(watched.get(), std::runtime_error);
  });
  EXPECT_EQ(seen, std::vector<std::string>{"lonely: nobody looks"});
}

TEST(Kill, of_one_that_never_ran_is_immediate) {
  verdin::run([] {
    bool ran = false;
    bool others_ran = false;
    auto other = verdin::spawn([&] { others_ran = true; });
    auto greenlet = verdin::spawn([&] { ran = true; });
    auto second = verdin::spawn([&] { ran = true; });
    greenlet.kill_async();
    EXPECT_TRUE(greenlet.ready());
    second.kill();
    EXPECT_TRUE(second.killed());
    EXPECT_FALSE(others_ran) << "it has switched";
    EXPECT_TRUE(greenlet.killed());
    EXPECT_TRUE(greenlet.successful());
    verdin::yield();
    EXPECT_FALSE(ran);
    EXPECT_THROW(greenlet.get(), verdin::GreenletKilled);
  });
}

TEST(Kill, unwinds_and_waits_for_cleanup) {
  verdin::run([] {
    std::vector<int> steps;
    auto greenlet = verdin::spawn([&] {
      try {
        verdin::sleep(1h);
      } catch (const std::exception&) {
        steps.push_back(-1);
      } catch (const verdin::GreenletExit&) {
        steps.push_back(1);
        verdin::sleep(1ms);
        steps.push_back(2);
        throw;
      }
    });
    verdin::yield();
    greenlet.kill();
    EXPECT_EQ(steps, (std::vector<int>{1, 2}));
    EXPECT_TRUE(greenlet.killed());
  });
}

TEST(Kill, a_greenlet_already_woken_runs_first_and_dies_at_its_next_suspension) {
  verdin::run([] {
    std::vector<std::string> steps;
    verdin::Event event;
    auto greenlet = verdin::spawn([&] {
      event.wait();
      steps.push_back("woken");
      verdin::yield();
      steps.push_back("never");
    });
    verdin::yield();
    event.set();
    greenlet.kill();
    EXPECT_EQ(steps, std::vector<std::string>{"woken"});
  });
}

TEST(Kill, two_kills_are_delivered_one_after_the_other) {
  verdin::run([] {
    std::vector<std::string> caught;
    auto greenlet = verdin::spawn([&] {
      for (int i = 0; i < 2; ++i) {
        try {
          verdin::sleep(1h);
        } catch (const std::exception& e) {
          caught.push_back(e.what());
        }
      }
    });
    verdin::yield();
    greenlet.kill_async(std::make_exception_ptr(std::runtime_error("first")));
    greenlet.kill_async(std::make_exception_ptr(std::runtime_error("second")));
    greenlet.join();
    EXPECT_EQ(caught, (std::vector<std::string>{"first", "second"}));
  });
}

TEST(Kill, of_itself_raises_right_there) {
  verdin::run([] {
    Greenlet<> self;
    bool after = false;
    self = verdin::spawn([&] {
      self.kill();
      after = true;
    });
    self.join();
    EXPECT_TRUE(self.killed());
    EXPECT_FALSE(after);
  });
}

TEST(Kill, of_a_finished_one_does_nothing) {
  verdin::run([] {
    auto greenlet = verdin::spawn([] { return 3; });
    greenlet.join();
    greenlet.kill();
    EXPECT_EQ(greenlet.get(), 3);
  });
}

TEST(Kill, waits_behind_a_shield) {
  verdin::run([] {
    bool shielded_part_done = false;
    auto greenlet = verdin::spawn([&] {
      {
        verdin::Shield shield;
        verdin::sleep(2ms);
        shielded_part_done = true;
      }
      verdin::sleep(1h);
    });
    verdin::yield();
    greenlet.kill();
    EXPECT_TRUE(shielded_part_done);
    EXPECT_TRUE(greenlet.killed());
  });
}

TEST(Kill, is_not_thrown_out_of_a_destructor_of_an_unwinding_stack) {
  verdin::run([] {
    struct SleepsWhenDestroyed {
      bool& done;
      ~SleepsWhenDestroyed() {
        verdin::sleep(2ms);
        done = true;
      }
    };
    bool done = false;
    auto greenlet = verdin::spawn([&] {
      SleepsWhenDestroyed object{done};
      throw std::runtime_error("unwind");
    });
    verdin::yield();  // it now sleeps in the destructor
    greenlet.kill();
    EXPECT_TRUE(done);
    EXPECT_THROW(greenlet.get(), std::runtime_error);
  });
}

TEST(PerGreenlet, others_may_write_to_the_stack_of_a_suspended_one) {
  verdin::run([] {
    int* there = nullptr;
    verdin::Event written;
    auto reader = verdin::spawn([&] {
      int local = 1;
      there = &local;
      written.wait();
      return local;
    });
    verdin::yield();
    auto writer = verdin::spawn([&] {
      std::vector<int> deep(1000, 7);  // on another stack, as deep as that one
      *there = deep.back();
      written.set();
    });
    EXPECT_EQ(reader.get(), 7);
  });
}

TEST(PerGreenlet, errno_is_its_own) {
  verdin::run([] {
    auto other = verdin::spawn([] {
      errno = 99;
      verdin::yield();
      EXPECT_EQ(errno, 99);
    });
    errno = 7;
    verdin::yield();
    EXPECT_EQ(errno, 7);
    other.join();
    EXPECT_EQ(errno, 7);
  });
}

TEST(PerGreenlet, exceptions_being_handled_are_its_own) {
  verdin::run([] {
    std::vector<std::string> rethrown;
    const auto handle = [&](std::string text) {
      try {
        throw std::runtime_error(text);
      } catch (...) {
        verdin::yield();
        try {
          throw;
        } catch (const std::exception& e) {
          rethrown.push_back(e.what());
        }
      }
    };
    auto a = verdin::spawn(handle, "a");
    auto b = verdin::spawn(handle, "b");
    verdin::join_all(a, b);
    EXPECT_EQ(rethrown, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

TEST(PerGreenlet, a_switch_while_unwinding_leaves_others_alone) {
  verdin::run([] {
    struct YieldsWhenDestroyed {
      ~YieldsWhenDestroyed() {
        EXPECT_EQ(std::uncaught_exceptions(), 1);
        verdin::yield();
        EXPECT_EQ(std::uncaught_exceptions(), 1);
      }
    };
    auto unwinding = verdin::spawn([] {
      YieldsWhenDestroyed object;
      throw std::runtime_error("x");
    });
    auto other = verdin::spawn([] { EXPECT_EQ(std::uncaught_exceptions(), 0); });
    verdin::join_all(unwinding, other);
    EXPECT_THROW(unwinding.get(), std::runtime_error);
  });
}

TEST(JoinAll, answers_in_the_order_of_completion) {
  verdin::run([] {
    std::vector<Greenlet<int>> all;
    for (int i : {3, 1, 2}) {
      all.push_back(verdin::spawn([i] {
        for (int n = 0; n < i; ++n) verdin::yield();
        return i;
      }));
    }
    std::vector<int> order;
    for (auto& greenlet : verdin::join_all(all)) order.push_back(greenlet.get());
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  });
}

TEST(JoinAll, waits_once_for_one_that_is_named_twice) {
  verdin::run([] {
    auto greenlet = verdin::spawn([] { verdin::yield(); });
    EXPECT_TRUE(verdin::join_all(greenlet, greenlet));
    EXPECT_EQ(verdin::join_all(std::vector{greenlet, greenlet}).size(), 1u);
  });
}

TEST(JoinAll, stops_at_a_count_or_a_limit_and_raises_when_asked) {
  verdin::run([] {
    verdin::Event never;
    std::vector<Greenlet<>> all{verdin::spawn([] {}), verdin::spawn([&] { never.wait(); })};
    EXPECT_EQ(verdin::join_all(all, {.count = 1}).size(), 1u);
    EXPECT_EQ(verdin::join_all(all, {.limit = 1ms}).size(), 1u);
    EXPECT_FALSE(verdin::join_all(1ms, all[0], all[1]));
    all.push_back(verdin::spawn([] { throw std::runtime_error("x"); }));
    EXPECT_THROW(verdin::join_all(all, {.limit = 1s, .raise_error = true}), std::runtime_error);
    EXPECT_FALSE(all[1].ready());
    all[1].kill();
  });
}

TEST(StartNow, runs_at_once_from_the_hub_until_it_blocks) {
  verdin::run([] {
    verdin::Hub& hub = verdin::Hub::current();
    std::vector<int> order;
    verdin::Event done;
    hub.post([&] {
      hub.start_now([&] {
        order.push_back(1);
        verdin::yield();
        order.push_back(3);
        done.set();
      });
      order.push_back(2);
    });
    done.wait();
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  });
}

TEST(StartNow, a_task_that_throws_is_reported_and_the_worker_lives_on) {
  int errors = 0;
  int ran = 0;
  verdin::run([&] {
    verdin::Hub& hub = verdin::Hub::current();
    hub.on_error([&](std::string_view, std::exception_ptr) { ++errors; });
    for (int i = 0; i < 3; ++i) {
      hub.start_now([&] {
        ++ran;
        throw std::runtime_error("x");
      });
      verdin::yield();
    }
    EXPECT_LE(hub.greenlet_count(), 2u);
  });
  EXPECT_EQ(errors, 3);
  EXPECT_EQ(ran, 3);
}

TEST(Overflow, is_reported_with_the_name_of_the_greenlet) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer reports overflows itself";
#else
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto overflow = [] {
    verdin::run([] {
      auto deep = verdin::spawn([] {
        struct Recursion {
          static int go(int depth) {
            volatile char frame[512] = {};
            frame[0] = static_cast<char>(depth);
            return depth < 0 ? 0 : go(depth + 1) + frame[0];
          }
        };
        Recursion::go(1);
      });
      deep.set_name("deep one");
      deep.join();
    });
  };
  EXPECT_DEATH(overflow(), "stack overflow in greenlet 'deep one'");
#endif
}

}  // namespace
