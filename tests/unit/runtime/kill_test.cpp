// Kills beyond the plain case (greenlet_test.cpp): deadlines, reasons, one's own, and many at once.
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/local.hpp>
#include <verdin/verdin.hpp>

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Greenlet;

namespace {

struct Reason : verdin::GreenletExit {
  explicit Reason(int n) : number(n) {}
  int number;
};

#if defined(__SANITIZE_THREAD__)
constexpr int kMany = 300;
#else
constexpr int kMany = 5'000;
#endif

TEST(Kill, with_a_limit_gives_up_silently_and_the_greenlet_lives_on) {
  verdin::run([] {
    bool cleaned = false;
    auto stubborn = verdin::spawn([&] {
      try {
        verdin::sleep(1h);
      } catch (const verdin::GreenletExit&) {
        verdin::sleep(5ms);
        cleaned = true;
        throw;
      }
    });
    verdin::yield();
    EXPECT_FALSE(stubborn.kill_for(1ms));
    EXPECT_FALSE(stubborn.ready());
    stubborn.join();
    EXPECT_TRUE(cleaned);
    EXPECT_TRUE(stubborn.kill_for(1ms));
  });
}

TEST(Kill, with_a_limit_lets_an_outer_timeout_pass) {
  verdin::run([] {
    verdin::Event never;
    auto stubborn = verdin::spawn([&] {
      for (int kills = 0; kills < 2; ++kills) {
        try {
          never.wait();
        } catch (const verdin::GreenletExit&) {
        }
      }
    });
    verdin::yield();
    verdin::Timeout outer(1ms);
    try {
      stubborn.kill_for(1h);
      FAIL();
    } catch (const verdin::TimeoutExpired& e) {
      EXPECT_TRUE(outer.is(e));
    }
    EXPECT_TRUE(stubborn.kill_for(1h));
  });
}

TEST(Kill, an_exit_of_an_applications_own_is_a_normal_end_and_kept) {
  verdin::run([] {
    auto greenlet = verdin::spawn([] { verdin::sleep(1h); });
    verdin::yield();
    greenlet.kill(std::make_exception_ptr(Reason(7)));
    EXPECT_TRUE(greenlet.successful());
    EXPECT_TRUE(greenlet.killed());
    EXPECT_FALSE(greenlet.exception());
    try {
      std::rethrow_exception(greenlet.exit_reason());
    } catch (const Reason& reason) {
      EXPECT_EQ(reason.number, 7);
    }
    auto by_itself = verdin::spawn([] { throw Reason(8); });
    by_itself.join();
    EXPECT_TRUE(by_itself.killed());
  });
}

TEST(Kill, leaves_a_plain_exit_as_the_reason) {
  verdin::run([] {
    auto started = verdin::spawn([] { verdin::sleep(1h); });
    auto leaves = verdin::spawn([] { throw verdin::GreenletExit(); });
    auto ends = verdin::spawn([] {});
    verdin::yield();
    auto never_ran = verdin::make_greenlet([] {});
    started.kill();
    never_ran.kill();
    for (auto& greenlet : {started, leaves, never_ran}) {
      EXPECT_TRUE(greenlet.killed());
      EXPECT_FALSE(greenlet.exception());
      EXPECT_THROW(std::rethrow_exception(greenlet.exit_reason()), verdin::GreenletExit);
    }
    EXPECT_FALSE(ends.exit_reason());
    auto told_why = verdin::spawn([] { verdin::sleep(1h); });
    verdin::yield();
    const auto reason = std::make_exception_ptr(verdin::GreenletExit());
    told_why.kill(reason);
    EXPECT_EQ(told_why.exit_reason(), reason);
  });
}

TEST(Kill, shows_nothing_of_how_it_ends_before_it_has_ended) {
  verdin::run([] {
    struct Waits {
      ~Waits() { verdin::sleep(1ms); }
    };
    verdin::Local<Waits> slow;
    auto fails = verdin::spawn([&] {
      static_cast<void>(*slow);
      throw std::runtime_error("enough");
    });
    auto leaves = verdin::spawn([&] {
      static_cast<void>(*slow);
      throw verdin::GreenletExit();
    });
    verdin::yield();
    EXPECT_FALSE(fails.ready());
    EXPECT_FALSE(fails.exception());
    EXPECT_FALSE(leaves.ready());
    EXPECT_FALSE(leaves.exit_reason());
    EXPECT_THROW(fails.get(), std::runtime_error);
    leaves.join();
    EXPECT_TRUE(leaves.exit_reason());
  });
}

TEST(Kill, gives_each_greenlet_an_exit_of_its_own) {
  verdin::run([] {
    std::vector<const void*> caught;
    Event never;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&] {
        try {
          never.wait();
        } catch (const verdin::GreenletExit& exit) {
          caught.push_back(&exit);
          verdin::yield();  // all are alive at once
          throw;
        }
      }));
    }
    verdin::yield();
    verdin::kill_all(all);
    ASSERT_EQ(caught.size(), 3u);
    EXPECT_NE(caught[0], caught[1]);
    EXPECT_NE(caught[1], caught[2]);
    EXPECT_NE(caught[0], caught[2]);
  });
}

TEST(Kill, with_another_exception_is_a_failure) {
  verdin::run([] {
    const auto reason = std::make_exception_ptr(std::runtime_error("enough"));
    auto started = verdin::spawn([] { verdin::sleep(1h); });
    verdin::yield();
    auto never_ran = verdin::make_greenlet([] {});
    started.kill(reason);
    never_ran.kill(reason);
    EXPECT_THROW(started.get(), std::runtime_error);
    EXPECT_THROW(never_ran.get(), std::runtime_error);
    EXPECT_FALSE(never_ran.successful());
  });
}

TEST(Kill, one_that_never_switches_again_gets_none) {
  verdin::run([] {
    auto greenlet = verdin::spawn([] {
      verdin::yield();
      return 1;
    });
    verdin::yield();  // it is queued to go on
    greenlet.kill();
    EXPECT_FALSE(greenlet.killed());
    EXPECT_EQ(greenlet.get(), 1);
  });
}

TEST(Kill, of_itself_inside_a_shield_is_thrown_all_the_same) {
  verdin::run([] {
    Greenlet<> self;
    self = verdin::spawn([&] {
      const verdin::Shield shield;
      self.kill();
    });
    self.join();
    EXPECT_TRUE(self.killed());
  });
}

TEST(Kill, of_itself_without_waiting_comes_at_the_next_switch) {
  verdin::run([] {
    std::vector<std::string> steps;
    Greenlet<> self;
    self = verdin::spawn([&] {
      self.kill_async();
      steps.push_back("goes on");
      verdin::sleep(1h);
      steps.push_back("never");
    });
    self.join();
    EXPECT_EQ(steps, std::vector<std::string>{"goes on"});
    EXPECT_TRUE(self.killed());
    Greenlet<int> ends;
    ends = verdin::spawn([&] {
      ends.kill_async();
      return 2;
    });
    EXPECT_EQ(ends.get(), 2);
  });
}

TEST(Kill, several_wait_in_order_behind_a_shield) {
  verdin::run([] {
    std::vector<std::string> caught;
    auto greenlet = verdin::spawn([&] {
      {
        const verdin::Shield shield;
        verdin::sleep(2ms);
      }
      for (int i = 0; i < 2; ++i) {
        try {
          verdin::sleep(1h);
        } catch (const std::exception& e) {
          caught.emplace_back(e.what());
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

TEST(Kill, and_timeouts_wait_for_a_destructor_with_a_shield) {
  verdin::run([] {
    verdin::Event flushed;
    struct Flush {
      ~Flush() {
        const verdin::Shield shield;
        done.wait();
      }
      verdin::Event& done;
    };
    bool went_on = false;
    auto greenlet = verdin::spawn([&] {
      const bool in_time = verdin::with_timeout(1ms, [&] {
        { const Flush flush{flushed}; }
        verdin::yield();
        went_on = true;
      });
      EXPECT_FALSE(in_time);
      flushed.clear();
      { const Flush flush{flushed}; }
      verdin::yield();
      went_on = true;
    });
    verdin::sleep(5ms);
    flushed.set();
    while (flushed.is_set()) verdin::yield();
    greenlet.kill_async();
    verdin::yield();
    EXPECT_FALSE(greenlet.ready());
    flushed.set();
    greenlet.join();
    EXPECT_TRUE(greenlet.killed());
    EXPECT_FALSE(went_on);
  });
}

TEST(KillAll, cancels_at_once_what_never_ran_and_unwinds_the_rest_in_order) {
  verdin::run([] {
    std::vector<int> unwound;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&unwound, i] {
        try {
          verdin::sleep(1h);
        } catch (const verdin::GreenletExit&) {
          unwound.push_back(i);
          verdin::yield();
          unwound.push_back(10 + i);
          throw;
        }
      }));
    }
    verdin::yield();
    bool ran = false;
    all.push_back(verdin::spawn([&] { ran = true; }));
    verdin::spawn_detached([&] { unwound.push_back(100); });  // queued before the kills
    verdin::kill_all(all, {.wait = false});
    EXPECT_TRUE(all.back().ready());
    EXPECT_TRUE(unwound.empty());
    verdin::spawn_detached([&] { unwound.push_back(200); });  // after them
    verdin::join_all(all);
    EXPECT_EQ(unwound, (std::vector<int>{100, 0, 1, 2, 200, 10, 11, 12}));
    EXPECT_FALSE(ran);
  });
}

TEST(KillAll, throws_when_its_limit_is_over_unlike_kill) {
  verdin::run([] {
    std::vector<Greenlet<>> all{verdin::spawn([] {
      const verdin::Shield shield;
      verdin::sleep(20ms);
    })};
    verdin::yield();
    try {
      verdin::kill_all(all, {.limit = 1ms});
      FAIL();
    } catch (const verdin::TimeoutExpired& e) {
      EXPECT_EQ(e.scope, nullptr);
    }
    all[0].join();
  });
}

TEST(KillAll, of_nothing_and_of_the_dead_returns_at_once) {
  verdin::run([] {
    bool other_ran = false;
    verdin::spawn_detached([&] { other_ran = true; });
    verdin::kill_all(std::vector<Greenlet<>>{});
    auto unstarted = verdin::make_greenlet([] {});
    verdin::kill_all(unstarted);
    EXPECT_TRUE(unstarted.killed());
    EXPECT_FALSE(other_ran);
  });
}

TEST(KillAll, of_many) {
  verdin::run([] {
    verdin::Event never;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < kMany; ++i) all.push_back(verdin::spawn([&] { never.wait(); }));
    verdin::yield();
    verdin::kill_all(all, {.reason = std::make_exception_ptr(Reason(1))});
    for (const auto& greenlet : all) ASSERT_TRUE(greenlet.killed());
    EXPECT_EQ(verdin::Hub::current().greenlet_count(), 1u);
  });
}

}  // namespace
