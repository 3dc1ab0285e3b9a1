// The raw layer: fibers that are switched to by hand.
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/fiber.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::Fiber;
using Payload = std::any;

namespace {

struct Unwound {
  bool& flag;
  ~Unwound() { flag = true; }
};

int number(const Payload& payload) { return std::any_cast<int>(payload); }
bool is_exit(const Payload& payload) { return payload.type() == typeid(verdin::GreenletExit); }

TEST(Fiber, passes_values_there_and_back_and_its_result_to_its_parent) {
  Fiber fiber([](Payload first) {
    const Payload second = Fiber::switch_out(number(first) + 1);
    return number(second) * 10;
  });
  EXPECT_FALSE(fiber.started());
  EXPECT_EQ(number(fiber.switch_to(1)), 2);
  EXPECT_TRUE(fiber.active());
  EXPECT_EQ(number(fiber.switch_to(5)), 50);
  EXPECT_TRUE(fiber.dead());
  EXPECT_FALSE(fiber.active());
}

TEST(Fiber, what_it_throws_goes_to_its_parent) {
  Fiber fiber([] { throw std::runtime_error("x"); });
  EXPECT_THROW(fiber.switch_to(), std::runtime_error);
  EXPECT_TRUE(fiber.dead());
}

TEST(Fiber, an_exit_that_escapes_is_a_value_for_the_parent) {
  Fiber fiber([] { throw verdin::GreenletExit(); });
  EXPECT_TRUE(is_exit(fiber.switch_to()));
  Fiber suspended([] { Fiber::switch_out(); });
  suspended.switch_to();
  EXPECT_TRUE(is_exit(suspended.throw_into()));
  EXPECT_TRUE(suspended.dead());
}

TEST(Fiber, a_throw_into_a_suspended_one_arrives_where_it_is_suspended) {
  Fiber fiber([](Payload) -> Payload {
    try {
      Fiber::switch_out();
    } catch (const std::out_of_range& e) {
      return std::string(e.what());
    }
    return {};
  });
  fiber.switch_to();
  const Payload result = fiber.throw_into(std::make_exception_ptr(std::out_of_range("here")));
  EXPECT_EQ(std::any_cast<std::string>(result), "here");
  EXPECT_TRUE(fiber.dead());
}

TEST(Fiber, a_throw_into_one_that_has_not_started_never_runs_it) {
  bool ran = false;
  Fiber fiber([&] { ran = true; });
  EXPECT_THROW(fiber.throw_into(std::make_exception_ptr(std::runtime_error("x"))), std::runtime_error);
  EXPECT_TRUE(fiber.dead());
  Fiber other([&] { ran = true; });
  EXPECT_TRUE(is_exit(other.throw_into()));
  EXPECT_FALSE(ran);
}

TEST(Fiber, a_throw_into_a_dead_one_comes_back_to_the_caller) {
  Fiber fiber([] {});
  fiber.switch_to();
  EXPECT_THROW(fiber.throw_into(std::make_exception_ptr(std::runtime_error("x"))), std::runtime_error);
  EXPECT_TRUE(is_exit(fiber.throw_into()));
}

TEST(Fiber, a_switch_to_a_dead_one_reaches_its_nearest_living_ancestor) {
  Fiber outer([](Payload) {
    Fiber inner([] {});
    inner.switch_to();
    EXPECT_TRUE(inner.dead());
    return Fiber::switch_out(inner);
  });
  const Fiber inner = std::any_cast<Fiber>(outer.switch_to());
  // Its parent is suspended, and gets this; that ends with it.
  EXPECT_EQ(number(inner.switch_to(4)), 4);
  EXPECT_TRUE(outer.dead());
  EXPECT_EQ(number(inner.switch_to(5)), 5);  // now it is the root itself
}

TEST(Fiber, a_parent_can_be_set_but_no_cycle) {
  std::vector<std::string> log;
  Fiber first([&] { log.emplace_back("first"); });
  Fiber second([&] { log.emplace_back("second"); });
  second.set_parent(first);
  EXPECT_EQ(second.parent(), first);
  EXPECT_THROW(first.set_parent(second), std::invalid_argument);
  EXPECT_THROW(first.set_parent(first), std::invalid_argument);
  EXPECT_THROW(Fiber::current().set_parent(first), std::logic_error);
  second.switch_to();  // its end starts its parent, whose end comes back
  EXPECT_EQ(log, (std::vector<std::string>{"second", "first"}));
  EXPECT_TRUE(first.dead());
}

TEST(Fiber, of_another_thread_is_refused) {
  Fiber fiber([] {});
  std::thread([&fiber] {
    EXPECT_THROW(fiber.switch_to(), verdin::InvalidSwitchError);
    Fiber own([] {});
    EXPECT_THROW(own.set_parent(fiber), verdin::InvalidSwitchError);
  }).join();
  fiber.switch_to();
  EXPECT_TRUE(fiber.dead());
}

TEST(Fiber, is_unwound_when_nobody_holds_it_any_more) {
  bool unwound = false;
  {
    Fiber fiber([&] {
      const Unwound guard{unwound};
      Fiber::switch_out();
    });
    fiber.switch_to();
    EXPECT_FALSE(unwound);
  }
  EXPECT_TRUE(unwound);
}

TEST(Fiber, that_nobody_holds_is_unwound_as_soon_as_it_switches_away) {
  bool unwound = false;
  Fiber([&] {
    const Unwound guard{unwound};
    Fiber::switch_out();
  }).switch_to();
  EXPECT_TRUE(unwound);
}

TEST(Fiber, keeps_the_exceptions_it_handles_to_itself) {
  Fiber fiber([] {
    try {
      throw std::runtime_error("inner");
    } catch (...) {
      Fiber::switch_out();
      try {
        throw;
      } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "inner");
      }
    }
  });
  try {
    throw std::out_of_range("outer");
  } catch (const std::out_of_range&) {
    fiber.switch_to();
    EXPECT_THROW(throw, std::out_of_range);
  }
  fiber.switch_to();
  EXPECT_TRUE(fiber.dead());
}

TEST(Fiber, many_in_a_chain) {
  Fiber last([](Payload p) { return p; });
  std::vector<Fiber> chain{last};
  for (int i = 0; i < 200; ++i) {
    chain.push_back(Fiber([next = chain.back()](Payload p) { return next.switch_to(number(p) + 1); }));
  }
  EXPECT_EQ(number(chain.back().switch_to(0)), 200);
}

TEST(FiberTrace, tells_of_switches_and_throws_in_the_targets_context) {
  std::vector<std::string> log;
  const Fiber root = Fiber::current();
  Fiber fiber([] {
    try {
      Fiber::switch_out();
    } catch (const std::runtime_error&) {
    }
  });
  const auto before = verdin::set_trace([&](const verdin::FiberEvent& event) {
    EXPECT_EQ(Fiber::current(), event.target);
    const std::string kind = event.kind == verdin::FiberEvent::Kind::switched ? "switch" : "throw";
    log.push_back(kind + (event.target == fiber ? " in" : " out"));
  });
  EXPECT_FALSE(before);
  fiber.switch_to();
  fiber.throw_into(std::make_exception_ptr(std::runtime_error("x")));
  EXPECT_TRUE(verdin::set_trace(nullptr));
  EXPECT_EQ(log, (std::vector<std::string>{"switch in", "switch out", "throw in", "switch out"}));
}

TEST(FiberTrace, one_that_throws_is_removed_and_its_exception_arrives_instead) {
  Fiber fiber([] { Fiber::switch_out(1); });
  fiber.switch_to();
  verdin::set_trace([](const verdin::FiberEvent&) { throw std::out_of_range("tracer"); });
  EXPECT_THROW(fiber.switch_to(), std::out_of_range);  // thrown in the fiber, and passed on by its death
  EXPECT_FALSE(verdin::set_trace(nullptr));
}

TEST(FiberInHub, a_call_that_blocks_suspends_the_greenlet_with_its_fiber) {
  verdin::run([] {
    std::vector<std::string> log;
    auto other = verdin::spawn([&] { log.emplace_back("other"); });
    Fiber fiber([&] {
      log.emplace_back("fiber");
      verdin::sleep(1ms);
      log.emplace_back("slept");
      return Fiber::switch_out(1);
    });
    EXPECT_EQ(number(fiber.switch_to()), 1);
    verdin::yield();
    fiber.switch_to(2);
    EXPECT_EQ(log, (std::vector<std::string>{"fiber", "other", "slept"}));
    other.join();
  });
}

TEST(FiberInHub, each_greenlet_is_a_root_of_its_own) {
  verdin::run([] {
    Fiber fiber([] {});
    const Fiber here = Fiber::current();
    EXPECT_FALSE(here.parent());
    auto other = verdin::spawn([&] {
      EXPECT_NE(Fiber::current(), here);
      EXPECT_THROW(fiber.switch_to(), verdin::InvalidSwitchError);
      Fiber own([] { verdin::yield(); });
      own.switch_to();
    });
    Fiber busy([] { verdin::yield(); });
    busy.switch_to();
    other.join();
    EXPECT_TRUE(busy.dead());
  });
}

TEST(FiberInHub, a_kill_of_the_greenlet_goes_through_its_fibers) {
  verdin::run([] {
    bool inner = false;
    bool outer = false;
    auto greenlet = verdin::spawn([&] {
      const Unwound outer_guard{outer};
      Fiber fiber([&] {
        const Unwound inner_guard{inner};
        verdin::sleep(1h);
      });
      fiber.switch_to();
      ADD_FAILURE() << "the kill was taken for the fiber's alone";
    });
    verdin::yield();
    greenlet.kill();
    EXPECT_TRUE(greenlet.killed());
    EXPECT_TRUE(inner);
    EXPECT_TRUE(outer);
  });
}

TEST(FiberInHub, one_that_outlives_its_greenlet_is_unwound_by_whoever_holds_it_last) {
  verdin::run([] {
    bool unwound = false;
    Fiber fiber;
    auto greenlet = verdin::spawn([&] {
      fiber = Fiber([&] {
        const Unwound guard{unwound};
        Fiber::switch_out();
      });
      fiber.switch_to();
    });
    greenlet.join();
    EXPECT_THROW(fiber.switch_to(), verdin::InvalidSwitchError);
    fiber = Fiber();
    EXPECT_TRUE(unwound);
  });
}

}  // namespace
