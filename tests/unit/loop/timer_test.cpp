#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/loop/loop.hpp>

using namespace std::chrono_literals;
using namespace verdin::loop;

namespace {

/// Timers on a wheel of their own, so that the test decides what time it is.
class WheelTest : public testing::Test {
 protected:
  struct Entry {
    Entry(Loop& loop, WheelTest& t) : timer(loop, &Entry::fired, this), test(t) {}
    static void fired(void* self) {
      auto& entry = *static_cast<Entry*>(self);
      entry.fired_at = entry.test.now;
      if (entry.then) entry.then();
    }
    Timer timer;
    WheelTest& test;
    Clock::time_point due{};
    Clock::time_point fired_at{};
    std::function<void()> then;
  };

  std::unique_ptr<Loop> loop = Loop::make();
  const Clock::time_point start{};
  Clock::time_point now = start;
  TimerWheel wheel{start};

  void advance(Clock::duration by) {
    now += by;
    wheel.fire(now);
  }
};

TEST_F(WheelTest, fires_each_timer_once_never_early_and_at_most_a_tick_late) {
  std::mt19937_64 random(7);
  std::vector<std::unique_ptr<Entry>> entries;
  for (int i = 0; i < 3000; ++i) {
    auto entry = std::make_unique<Entry>(*loop, *this);
    const auto magnitude = std::uniform_int_distribution<int>(0, 30)(random);
    entry->due = start + std::chrono::microseconds(
                             std::uniform_int_distribution<std::int64_t>(0, 1LL << (magnitude + 5))(random));
    wheel.insert(entry->timer, entry->due);
    entries.push_back(std::move(entry));
  }
  // The wheel says itself when it wants to be looked at.
  int looks = 0;
  while (const auto next = wheel.next_due()) {
    ASSERT_GE(*next, now);
    now = *next;
    wheel.fire(now);
    ASSERT_LT(++looks, 20'000);
  }
  for (const auto& entry : entries) {
    EXPECT_GE(entry->fired_at, entry->due);
    EXPECT_LE(entry->fired_at, std::max(entry->due, start + kTimerTick) + kTimerTick);
  }
}

TEST_F(WheelTest, a_stopped_timer_does_not_fire_and_leaves_the_wheel_empty) {
  Entry entry(*loop, *this);
  wheel.insert(entry.timer, start + 1h);
  EXPECT_TRUE(entry.timer.active());
  entry.timer.stop();
  EXPECT_FALSE(wheel.next_due());
  advance(2h);
  EXPECT_EQ(entry.fired_at, Clock::time_point{});
}

TEST_F(WheelTest, a_callback_may_destroy_and_restart_timers) {
  auto victim = std::make_unique<Entry>(*loop, *this);
  Entry killer(*loop, *this);
  Entry again(*loop, *this);
  int rounds = 0;
  killer.then = [&] { victim.reset(); };
  again.then = [&] {
    if (++rounds < 5) wheel.insert(again.timer, now);
  };
  wheel.insert(killer.timer, start + 8ms);
  wheel.insert(victim->timer, start + 8ms);
  wheel.insert(again.timer, start + 8ms);
  advance(12ms);
  EXPECT_EQ(victim, nullptr);
  EXPECT_EQ(rounds, 2) << "one that is started with no delay waits for the next tick";
  for (int i = 0; i < 3; ++i) advance(kTimerTick);
  EXPECT_EQ(rounds, 5);
}

TEST_F(WheelTest, one_that_is_put_off_or_brought_forward_fires_once_when_it_is_due) {
  Entry later(*loop, *this);
  Entry sooner(*loop, *this);
  wheel.insert(later.timer, start + 40ms);
  wheel.insert(later.timer, start + 400ms);  // twice: the second leaves it where the first has put it
  wheel.insert(later.timer, start + 4000ms);
  wheel.insert(sooner.timer, start + 4000ms);
  wheel.insert(sooner.timer, start + 8000ms);
  wheel.insert(sooner.timer, start + 20ms);
  while (now < start + 3990ms) advance(10ms);
  EXPECT_EQ(later.fired_at, Clock::time_point{});
  EXPECT_TRUE(later.timer.active());
  EXPECT_GE(sooner.fired_at, start + 20ms);
  EXPECT_LE(sooner.fired_at, start + 30ms + kTimerTick);
  EXPECT_FALSE(sooner.timer.active());
  const auto first = std::exchange(sooner.fired_at, {});
  EXPECT_NE(first, Clock::time_point{});
  while (now < start + 9000ms) advance(10ms);
  EXPECT_GE(later.fired_at, start + 4000ms);
  EXPECT_LE(later.fired_at, start + 4010ms + kTimerTick);
  EXPECT_EQ(sooner.fired_at, Clock::time_point{}) << "twice";
}

TEST_F(WheelTest, one_that_is_put_off_while_its_tick_fires_waits) {
  Entry first(*loop, *this);
  Entry second(*loop, *this);
  first.then = [&] { wheel.insert(second.timer, start + 100ms); };
  wheel.insert(first.timer, start + 8ms);
  wheel.insert(second.timer, start + 8ms);
  advance(20ms);
  EXPECT_NE(first.fired_at, Clock::time_point{});
  EXPECT_EQ(second.fired_at, Clock::time_point{});
  while (now < start + 120ms) advance(10ms);
  EXPECT_GE(second.fired_at, start + 100ms);
}

TEST_F(WheelTest, jumps_over_long_silence) {
  Entry entry(*loop, *this);
  wheel.insert(entry.timer, start + 24h * 100);
  advance(24h * 101);
  EXPECT_NE(entry.fired_at, Clock::time_point{});
}

TEST(TimerTest, with_the_longest_of_delays_waits) {
  const std::unique_ptr<Loop> loop = Loop::make();
  bool fired = false;
  bool late = false;
  Timer never(
      *loop, [](void* flag) { *static_cast<bool*>(flag) = true; }, &fired);
  Timer soon(
      *loop, [](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  never.start(std::chrono::milliseconds::max());
  soon.start(2ms);
  while (!late) loop->turn(true);
  EXPECT_FALSE(fired);
}

TEST(DeadlineHeapTest, fires_in_order_and_equal_deadlines_in_order_of_start) {
  auto loop = Loop::make();
  std::vector<int> fired;
  struct Entry {
    Entry(Loop& loop, std::vector<int>& f, int i) : timer(loop, &Entry::fire, this), fired(f), id(i) {}
    static void fire(void* self) {
      static_cast<Entry*>(self)->fired.push_back(static_cast<Entry*>(self)->id);
    }
    DeadlineTimer timer;
    std::vector<int>& fired;
    int id;
  };
  std::mt19937 random(3);
  const auto now = Clock::now();
  std::vector<std::unique_ptr<Entry>> entries;
  std::vector<std::pair<Clock::time_point, int>> expected;
  for (int i = 0; i < 2000; ++i) {
    entries.push_back(std::make_unique<Entry>(*loop, fired, i));
    const auto due = now + std::chrono::microseconds(random() % 100);
    entries.back()->timer.start(due);
    if (random() % 3 == 0) {
      entries.back()->timer.stop();
    } else {
      expected.emplace_back(due, i);
    }
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  loop->deadlines().fire(now + 1ms);
  std::vector<int> ids;
  for (const auto& entry : expected) ids.push_back(entry.second);
  EXPECT_EQ(fired, ids);
  EXPECT_TRUE(loop->deadlines().empty());
}

TEST(DeadlineHeapTest, does_as_a_sorted_list_does_under_random_starts_and_stops) {
  const auto loop = Loop::make();
  const Clock::time_point start = Clock::now();
  struct Owned {
    Owned(verdin::loop::Loop& l, std::vector<int>& f, int n)
        : fired(f), number(n), timer(l, &Owned::on_due, this) {}
    static void on_due(void* self) {
      auto& owned = *static_cast<Owned*>(self);
      owned.fired.push_back(owned.number);
    }
    std::vector<int>& fired;
    int number;
    DeadlineTimer timer;
  };
  std::vector<int> fired;
  std::vector<std::unique_ptr<Owned>> all;
  for (int i = 0; i < 60; ++i) all.push_back(std::make_unique<Owned>(*loop, fired, i));
  std::vector<std::pair<int, int>> pending;  // when (in ms), who; by time, then by order of start
  std::minstd_rand random(7);
  int now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const int who = static_cast<int>(random() % all.size());
    const auto is_who = [who](const auto& entry) { return entry.second == who; };
    if (const auto action = random() % 10; action < 5) {
      std::erase_if(pending, is_who);
      const int due = now + static_cast<int>(random() % 50);
      all[static_cast<std::size_t>(who)]->timer.start(start + std::chrono::milliseconds(due));
      const auto after = std::find_if(pending.begin(), pending.end(), [&](auto& e) { return e.first > due; });
      pending.insert(after, {due, who});
    } else if (action < 9) {
      std::erase_if(pending, is_who);
      all[static_cast<std::size_t>(who)]->timer.stop();
    } else {
      now += static_cast<int>(random() % 20);
      std::vector<int> expected;
      while (!pending.empty() && pending.front().first <= now) {
        expected.push_back(pending.front().second);
        pending.erase(pending.begin());
      }
      fired.clear();
      loop->deadlines().fire(start + std::chrono::milliseconds(now));
      ASSERT_EQ(fired, expected) << "step " << step;
    }
    ASSERT_EQ(loop->deadlines().size(), pending.size()) << "step " << step;
    ASSERT_EQ(loop->deadlines().empty(), pending.empty()) << "step " << step;
    if (!pending.empty()) {
      ASSERT_LE(loop->deadlines().next_due(), start + std::chrono::milliseconds(pending.front().first));
    }
  }
}

}  // namespace
