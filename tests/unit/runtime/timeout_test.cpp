// Timeout scopes beyond the plain case (waiting_test.cpp).
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/mutex.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/runtime/wait.hpp>

using namespace std::chrono_literals;
using verdin::Timeout;
using verdin::TimeoutExpired;
using verdin::loop::Clock;

namespace {

struct TooSlow : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(Timeout, throws_an_exception_of_the_applications_own) {
  verdin::run([] {
    Timeout limit(1ms, TooSlow("upstream"));
    EXPECT_THROW(verdin::sleep(1h), TooSlow);
    EXPECT_TRUE(limit.expired());
  });
}

TEST(Timeout, of_ones_own_exception_is_forgotten_with_its_scope_behind_a_shield) {
  verdin::run([] {
    {
      const verdin::Shield shield;
      Timeout limit(1ms, TooSlow("x"));
      while (!limit.expired()) verdin::sleep(1ms);
    }
    EXPECT_NO_THROW(verdin::sleep(1ms));
  });
}

TEST(Timeout, none_never_fires) {
  verdin::run([] {
    Timeout none(std::nullopt);
    EXPECT_EQ(verdin::deadline(), std::nullopt);
    verdin::sleep(2ms);
    EXPECT_FALSE(none.expired());
    EXPECT_EQ(verdin::with_timeout(std::nullopt, [] { return 1; }), 1);
  });
}

TEST(Timeout, of_nothing_fires_at_the_next_poll_so_that_a_yield_passes) {
  verdin::run([] {
    for (const auto limit : {0ms, -5ms}) {
      Timeout timeout(limit);
      EXPECT_NO_THROW(verdin::sleep(0ms));
      try {
        verdin::sleep(1h);
        FAIL();
      } catch (const TimeoutExpired& e) {
        EXPECT_TRUE(timeout.is(e));
      }
    }
  });
}

TEST(Timeout, of_years_does_not_overflow) {
  verdin::run([] {
    Timeout limit(Clock::duration::max());
    verdin::sleep(1ms);
    EXPECT_FALSE(limit.expired());
  });
}

TEST(Timeout, with_equal_deadlines_the_outer_one_fires) {
  verdin::run([] {
    for (const auto limit : {0ms, 1ms}) {
      Timeout outer(limit);
      Timeout inner(limit);
      while (verdin::time_left() > 0ns) {
      }
      const auto both_are_due = verdin::loop::Clock::now() + 1ms;
      while (verdin::loop::Clock::now() < both_are_due) {
      }
      try {
        verdin::sleep(1h);
        FAIL();
      } catch (const TimeoutExpired& e) {
        EXPECT_TRUE(outer.is(e));
      }
      EXPECT_TRUE(outer.expired());
      EXPECT_FALSE(inner.expired());
    }
  });
}

TEST(Timeout, an_inner_one_leaves_the_outer_to_fire_later) {
  verdin::run([] {
    Timeout outer(10ms);
    EXPECT_FALSE(verdin::with_timeout(1ms, [] { verdin::sleep(1h); }));
    try {
      verdin::sleep(1h);
      FAIL();
    } catch (const TimeoutExpired& e) {
      EXPECT_TRUE(outer.is(e));
    }
  });
}

TEST(Timeout, a_timed_wait_swallows_only_its_own) {
  verdin::run([] {
    verdin::Event never;
    verdin::Queue<int> queue(1);
    auto endless = verdin::spawn([&] { never.wait(); });
    const std::vector<std::function<void()>> waits{
        [&] { never.wait_for(1h); },          [&] { queue.get_for(1h); },
        [&] { endless.join_for(1h); },        [&] { endless.get_for(1h); },
        [&] { verdin::wait_for(1h, never); }, [&] { verdin::join_all(1h, endless); }};
    for (const auto& wait : waits) {
      Timeout outer(1ms);
      try {
        wait();
        ADD_FAILURE();
      } catch (const TimeoutExpired& e) {
        EXPECT_TRUE(outer.is(e));
      }
    }
    queue.put(3);
    EXPECT_EQ(queue.get(), 3);  // no stale waiter took it
    endless.kill();
  });
}

TEST(Timeout, what_is_ready_in_the_same_turn_beats_it) {
  verdin::run([] {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    verdin::Event readable;
    auto watch =
        verdin::Hub::current().loop().watch(pipe[0], verdin::loop::Interest::read, [&] { readable.set(); });
    {
      Timeout limit(1ms);
      ASSERT_EQ(::write(pipe[1], "x", 1), 1);
      const auto until = Clock::now() + 2ms;
      while (Clock::now() < until) {
      }
      EXPECT_NO_THROW(readable.wait());  // the next poll finds both
    }
    watch.reset();
    ::close(pipe[0]);
    ::close(pipe[1]);
  });
}

TEST(Timeout, with_a_default_gives_that) {
  verdin::run([] {
    EXPECT_EQ(verdin::with_timeout(
                  1ms, [] { return verdin::sleep(1h), 1; }, 9),
              9);
    EXPECT_EQ(verdin::with_timeout(
                  1h, [] { return 1; }, 9),
              1);
  });
}

TEST(Deadline, is_the_nearest_of_the_scopes_and_of_this_greenlet_only) {
  EXPECT_EQ(verdin::deadline(), std::nullopt);
  verdin::run([] {
    EXPECT_EQ(verdin::time_left(), std::nullopt);
    const auto now = Clock::now();
    Timeout outer(1h);
    {
      Timeout longer(2h);
      EXPECT_LT(*verdin::deadline(), now + 90min);
      Timeout inner(1min);
      EXPECT_LT(*verdin::deadline(), now + 2min);
      EXPECT_LE(*verdin::time_left(), Clock::duration(1min));
      inner.cancel();
      EXPECT_GT(*verdin::deadline(), now + 30min);
    }
    EXPECT_GE(*verdin::deadline(), now + 1h);
    verdin::spawn([] { EXPECT_EQ(verdin::deadline(), std::nullopt); }).get();
    // Scopes in objects that end in another order.
    auto first = std::make_unique<Timeout>(1min);
    auto second = std::make_unique<Timeout>(2min);
    first.reset();
    EXPECT_GT(*verdin::deadline(), now + 90s);
    second.reset();
    EXPECT_GE(*verdin::deadline(), now + 1h);
  });
}

TEST(Limits, that_no_clock_can_tell_the_distance_to_are_over) {
  using Clock = verdin::loop::Clock;
  static constexpr auto kLeast = Clock::duration::min();
  verdin::run([] {
    auto other = verdin::spawn([] { verdin::sleep(1h); });
    EXPECT_EQ(verdin::spawn_after(kLeast, [] { return 1; }).get(), 1);
    verdin::sleep_until(Clock::time_point::min());
    EXPECT_FALSE(verdin::with_timeout(kLeast, [] { verdin::sleep(1h); }));
    verdin::Event event;
    EXPECT_FALSE(event.wait_for(kLeast));
    verdin::Queue<int> queue;
    EXPECT_EQ(queue.get_for(kLeast), std::nullopt);
    EXPECT_FALSE(other.join_for(kLeast));
    EXPECT_FALSE(verdin::join_all(kLeast, other));
    verdin::Group group;
    group.add(other);
    EXPECT_FALSE(group.join_for(kLeast));
    verdin::Mutex mutex;
    mutex.lock();
    EXPECT_FALSE(verdin::spawn([&] {
                   return mutex.try_lock_until(std::chrono::system_clock::time_point::min()) ||
                          mutex.try_lock_for(kLeast);
                 }).get());
    mutex.unlock();
    EXPECT_TRUE(mutex.try_lock_until(std::chrono::system_clock::time_point::min()));
    mutex.unlock();
    other.kill();
  });
}

}  // namespace
