#include <atomic>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hubs.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Hub;
using verdin::HubRef;
using Hubs = std::span<const HubRef>;

namespace {

TEST(Hubs, run_calls_the_function_once_on_each_of_several_threads) {
  const auto here = std::this_thread::get_id();
  std::atomic<int> calls = 0;
  const auto threads = verdin::run(3, [&](std::size_t index) {
    ++calls;
    EXPECT_EQ(std::this_thread::get_id() == here, index == 0);
    verdin::spawn([] { verdin::yield(); }).join();
    return std::this_thread::get_id();
  });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(std::set(threads.begin(), threads.end()).size(), 3u);
  EXPECT_EQ(verdin::run(1, [](std::size_t) {}), 0);
}

TEST(Hubs, all_are_there_before_any_call_begins) {
  verdin::run(3, [](std::size_t index, Hubs hubs) {
    ASSERT_EQ(hubs.size(), 3u);
    EXPECT_TRUE(hubs[index].is_current());
    for (std::size_t i = 0; i < hubs.size(); ++i) EXPECT_EQ(hubs[i].is_current(), i == index);
  });
}

/// What gevent's monitor thread does by functions of its own, a hub may do that has nothing else to do.
TEST(Hubs, one_looks_around_while_another_is_held) {
  std::atomic<int> looks = 0;
  std::atomic<bool> over = false;
  verdin::run(2, [&](std::size_t index) {
    if (index == 0) {
      while (looks < 3) std::this_thread::yield();  // and suspends never
      over = true;
    } else {
      for (; !over; verdin::sleep(1ms)) ++looks;
    }
  });
  EXPECT_GE(looks, 3);
}

TEST(Hubs, the_first_failure_is_thrown_and_stops_the_others) {
  std::atomic<int> alive = 0;
  struct Count {
    explicit Count(std::atomic<int>& count) : n(count) { ++n; }
    ~Count() { --n; }
    std::atomic<int>& n;
  };
  try {
    verdin::run(3, [&](std::size_t index) {
      const Count count(alive);
      if (index == 1) throw std::runtime_error("one");
      Event().wait();
    });
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "one");
  }
  EXPECT_EQ(alive, 0);
}

TEST(Hubs, the_last_one_is_told_that_it_would_wait_for_ever) {
  EXPECT_THROW(verdin::run(2,
                           [](std::size_t index) {
                             if (index == 1) Event().wait();
                           }),
               verdin::LoopExit);
}

TEST(Hubs, are_refused_where_there_is_one_and_in_no_number) {
  EXPECT_THROW(verdin::run(0, [](std::size_t) {}), std::invalid_argument);
  verdin::run([] { EXPECT_THROW(verdin::run(2, [](std::size_t) {}), std::logic_error); });
}

TEST(Hubs, can_be_pinned) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  verdin::HubsOptions options;
  options.pin = true;
  const auto counts = verdin::run(2, options, [](std::size_t) {
    cpu_set_t mine;
    ::sched_getaffinity(0, sizeof(mine), &mine);
    return CPU_COUNT(&mine);
  });
  EXPECT_EQ(counts, (std::vector{1, 1}));
  cpu_set_t after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(Hubs, post_to_each_other) {
  constexpr int kRounds = 200;
  verdin::run(2, [](std::size_t index, Hubs hubs) {
    // A ball that goes back and forth; each side counts.
    thread_local int count;
    thread_local Event* done;
    count = 0;
    Event event;
    done = &event;
    struct Ball {
      static void bounce(Hubs all, std::size_t at) {
        all[at].post([all, at] {
          if (++count < kRounds) {
            bounce(all, 1 - at);
          } else {
            done->set();
            if (at == 0) all[1].post([] { done->set(); });
          }
        });
      }
    };
    if (index == 0) Ball::bounce(hubs, 0);
    event.wait();
    done = nullptr;
  });
}

TEST(SpawnOn, gives_the_result_of_a_greenlet_of_another_hub) {
  std::atomic<bool> done = false;
  verdin::run(2, [&](std::size_t index, Hubs hubs) {
    if (index == 1) {
      while (!done) verdin::sleep(1ms);
      return;
    }
    const auto here = std::this_thread::get_id();
    const HubRef& other = hubs[1];
    std::vector<verdin::ThreadTask<int>> tasks;
    for (int i = 0; i < 50; ++i) {
      tasks.push_back(verdin::spawn_on(
          other,
          [here](int n) {
            EXPECT_NE(std::this_thread::get_id(), here);
            verdin::yield();  // it may block
            return n * 2;
          },
          i));
    }
    int sum = 0;
    for (auto& task : tasks) sum += task.get();
    EXPECT_EQ(sum, 50 * 49);
    EXPECT_THROW(verdin::spawn_on(other, [] { throw std::runtime_error("x"); }).get(), std::runtime_error);
    EXPECT_EQ(*verdin::spawn_on(other, [] { return std::make_unique<int>(3); }).get(), 3);
    done = true;
  });
}

TEST(SpawnOn, a_hub_that_has_ended_or_ends_is_reported) {
  HubRef ended;
  verdin::run([&] { ended = Hub::current().ref(); });
  verdin::run([&] { EXPECT_THROW(verdin::spawn_on(ended, [] {}).get(), verdin::ThreadTaskDropped); });
  verdin::run(2, [](std::size_t index, Hubs hubs) {
    if (index == 1) {
      // Ends when the greenlet of the other is blocked here.
      while (Hub::current().greenlet_count() < 2) verdin::sleep(1ms);
      return;
    }
    auto blocked = verdin::spawn_on(hubs[1], [] { Event().wait(); });
    try {
      blocked.get();
      FAIL();
    } catch (const verdin::GreenletKilled&) {
    } catch (const verdin::ThreadTaskDropped&) {  // it was killed before it began
    }
  });
}

TEST(SpawnOn, works_on_the_own_hub_as_well) {
  verdin::run([] { EXPECT_EQ(verdin::spawn_on(Hub::current().ref(), [] { return 1; }).get(), 1); });
}

}  // namespace
