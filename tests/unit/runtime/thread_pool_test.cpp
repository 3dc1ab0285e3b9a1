#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/linkable.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/runtime/wait.hpp>

using namespace std::chrono_literals;
using verdin::Hub;
using verdin::ThreadPool;
using verdin::ThreadTask;

namespace {

static_assert(verdin::Linkable<ThreadTask<int>>);

/// A gate that tasks wait at.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int waiting() {
    const std::scoped_lock lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(ThreadPool, gives_values_and_exceptions_back) {
  verdin::run([] {
    ThreadPool pool(2);
    auto sum = pool.spawn([](int a, int b) { return a + b; }, 1, 2);
    auto nothing = pool.spawn([] {});
    auto fails = pool.spawn([]() -> int { throw std::runtime_error("x"); });
    EXPECT_EQ(sum.get(), 3);
    EXPECT_EQ(sum.get(), 3);
    nothing.get();
    EXPECT_THROW(fails.get(), std::runtime_error);
    EXPECT_TRUE(fails.ready());
    EXPECT_EQ(pool.apply([](std::string s) { return s + "!"; }, "a"), "a!");
    pool.apply([] {});
    EXPECT_THROW(pool.apply([] { throw std::logic_error("y"); }), std::logic_error);
    EXPECT_NE(pool.apply([] { return std::this_thread::get_id(); }), std::this_thread::get_id());
  });
}

TEST(ThreadPool, runs_no_more_tasks_at_once_than_it_may_have_threads) {
  verdin::run([] {
    ThreadPool pool(2);
    Gate gate;
    std::vector<ThreadTask<>> tasks;
    for (int i = 0; i < 20; ++i) tasks.push_back(pool.spawn([&] { gate.pass(); }));
    while (gate.waiting() < 2) verdin::sleep(1ms);
    verdin::sleep(20ms);  // a third would have begun
    EXPECT_EQ(gate.waiting(), 2);
    EXPECT_EQ(pool.thread_count(), 2u);
    EXPECT_EQ(pool.size(), 20u);
    gate.open();
    pool.join();
    for (auto& task : tasks) EXPECT_TRUE(task.ready());
    EXPECT_EQ(gate.waiting(), 20);
    EXPECT_EQ(pool.size(), 0u);
    EXPECT_LE(pool.thread_count(), 2u);
  });
}

TEST(ThreadPool, makes_threads_only_when_none_is_idle) {
  verdin::run([] {
    ThreadPool pool(8);
    EXPECT_EQ(pool.thread_count(), 0u);
    for (int i = 0; i < 5; ++i) {
      pool.apply([] {});
      while (pool.idle_thread_count() == 0) verdin::sleep(1ms);  // it comes back to rest after it answered
    }
    EXPECT_EQ(pool.thread_count(), 1u);
  });
}

TEST(ThreadPool, tasks_begin_in_the_order_in_which_they_came) {
  verdin::run([] {
    ThreadPool pool(verdin::ThreadPoolOptions{.max_threads = 1, .max_waiting = 2});
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> spawners;
    for (int i = 0; i < 20; ++i) {
      spawners.push_back(verdin::spawn([&, i] { pool.apply([&order, i] { order.push_back(i); }); }));
    }
    verdin::join_all(spawners);
    std::vector<int> expected;
    for (int i = 0; i < 20; ++i) expected.push_back(i);
    EXPECT_EQ(order, expected);
  });
}

TEST(ThreadPool, spawn_blocks_while_too_many_wait) {
  verdin::run([] {
    ThreadPool pool(verdin::ThreadPoolOptions{.max_threads = 1, .max_waiting = 1});
    Gate gate;
    auto running = pool.spawn([&] { gate.pass(); });
    auto waiting = pool.spawn([] {});
    EXPECT_FALSE(pool.try_spawn([] {}).has_value());
    bool spawned = false;
    auto spawner = verdin::spawn([&] {
      pool.spawn([] {});
      spawned = true;
    });
    auto killed = verdin::spawn([&] { pool.spawn([] {}); });
    auto late = verdin::spawn([&] { EXPECT_FALSE(verdin::with_timeout(1ms, [&] { pool.spawn([] {}); })); });
    late.join();
    EXPECT_FALSE(spawned);
    killed.kill();
    gate.open();
    spawner.join();
    pool.join();
    EXPECT_TRUE(waiting.ready());
    EXPECT_TRUE(pool.try_spawn([] {}).has_value());
  });
}

TEST(ThreadPool, a_killed_waiter_stops_waiting_and_the_task_goes_on) {
  verdin::run([] {
    ThreadPool pool(1);
    Gate gate;
    std::atomic<bool> finished = false;
    auto waiter = verdin::spawn([&] {
      pool.apply([&] {
        gate.pass();
        finished = true;
      });
    });
    while (gate.waiting() == 0) verdin::sleep(1ms);
    waiter.kill();
    EXPECT_FALSE(finished);
    EXPECT_EQ(pool.size(), 1u);
    gate.open();
    pool.join();
    EXPECT_TRUE(finished);
  });
}

TEST(ThreadPool, join_for_tells_whether_all_ended) {
  verdin::run([] {
    ThreadPool pool(1);
    EXPECT_TRUE(pool.join_for(0ms));
    Gate gate;
    auto task = pool.spawn([&] { gate.pass(); });
    EXPECT_FALSE(pool.join_for(1ms));
    EXPECT_EQ(task.get_for(1ms), false);
    gate.open();
    EXPECT_TRUE(pool.join_for(60s));
    EXPECT_EQ(task.get_for(1ms), true);
  });
}

TEST(ThreadPool, kill_drops_what_has_not_begun_and_waits_for_the_rest) {
  verdin::run([] {
    ThreadPool pool(1);
    Gate gate;
    std::atomic<int> ran = 0;
    auto running = pool.spawn([&] {
      gate.pass();
      ++ran;
    });
    while (gate.waiting() == 0) verdin::sleep(1ms);
    auto waiting = pool.spawn([&] { ++ran; });
    auto killer = verdin::spawn([&] { pool.kill(); });
    EXPECT_THROW(waiting.get(), verdin::ThreadTaskDropped);
    EXPECT_FALSE(killer.ready());
    gate.open();
    killer.join();
    EXPECT_TRUE(running.ready());
    EXPECT_EQ(ran, 1);
    EXPECT_EQ(pool.apply([] { return 5; }), 5);  // it can be used on
  });
}

TEST(ThreadPool, can_be_made_larger_and_smaller) {
  verdin::run([] {
    ThreadPool pool(1);
    Gate gate;
    std::vector<ThreadTask<>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(pool.spawn([&] { gate.pass(); }));
    while (gate.waiting() < 1) verdin::sleep(1ms);
    EXPECT_EQ(pool.thread_count(), 1u);
    pool.set_max_threads(3);
    while (gate.waiting() < 3) verdin::sleep(1ms);  // at once, not with the next task
    EXPECT_EQ(pool.thread_count(), 3u);
    pool.set_max_threads(1);
    gate.open();
    pool.join();
    while (pool.thread_count() > 1) verdin::sleep(1ms);
    EXPECT_EQ(pool.apply([] { return 1; }), 1);
    pool.set_max_threads(0);
    EXPECT_EQ(pool.max_threads(), 1u);
  });
}

TEST(ThreadPool, a_thread_that_is_idle_for_long_ends) {
  verdin::run([] {
    ThreadPool pool(verdin::ThreadPoolOptions{.max_threads = 2, .idle_time = 1ms});
    pool.apply([] {});
    while (pool.thread_count() > 0) verdin::sleep(1ms);
    EXPECT_EQ(pool.apply([] { return 1; }), 1);
  });
}

TEST(ThreadPool, apply_on_its_own_thread_runs_in_place) {
  verdin::run([] {
    ThreadPool pool(1);
    EXPECT_FALSE(pool.on_worker());
    const bool same = pool.apply([&] {
      const auto here = std::this_thread::get_id();
      return pool.on_worker() && pool.apply([&] { return std::this_thread::get_id() == here; });
    });
    EXPECT_TRUE(same);
    EXPECT_EQ(pool.apply([&] {
      return pool.map([](int i) { return i + 1; }, std::vector{1, 2});
    }),
              (std::vector{2, 3}));
  });
}

TEST(ThreadPool, a_task_can_be_waited_for_as_other_things_can) {
  verdin::run([] {
    ThreadPool pool(2);
    Gate gate;
    verdin::Event never;
    auto slow = pool.spawn([&] {
      gate.pass();
      return 1;
    });
    auto quick = pool.spawn([] { return 2; });
    EXPECT_EQ(verdin::wait_any(never, slow, quick), 2u);
    gate.open();
    EXPECT_TRUE(verdin::wait_for(60s, slow, quick));
    EXPECT_EQ(slow.get() + quick.get(), 3);
  });
}

TEST(ThreadPool, map_keeps_the_order_and_throws_when_all_have_ended) {
  verdin::run([] {
    ThreadPool pool(3);
    const std::vector<int> items{1, 2, 3, 4, 5};
    EXPECT_EQ(pool.map([](int i) { return i * i; }, items), (std::vector{1, 4, 9, 16, 25}));
    std::atomic<int> sum = 0;
    pool.map([&](int i) { sum += i; }, items);
    EXPECT_EQ(sum, 15);
    std::atomic<int> ran = 0;
    const auto odd = [&](int i) {
      ++ran;
      if (i % 2 == 0) throw std::runtime_error(std::to_string(i));
    };
    try {
      pool.map(odd, items);
      FAIL();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "2");
    }
    EXPECT_EQ(ran, 5);
  });
}

TEST(ThreadPool, belongs_to_its_hub) {
  verdin::run([] {
    ThreadPool pool(1);
    std::atomic<bool> ran = false;
    verdin::offload([&] {
      EXPECT_THROW(pool.spawn([] {}), verdin::WrongThread);
      verdin::run([&] { EXPECT_THROW(pool.apply([] {}), verdin::WrongThread); });
      pool.submit([&] { ran = true; });  // but this is for everybody
    });
    while (!ran) verdin::sleep(1ms);
  });
}

TEST(ThreadPool, an_exception_that_nobody_asks_for_is_reported) {
  verdin::run([] {
    std::vector<std::string> errors;
    Hub::current().on_error(
        [&](std::string_view where, const std::exception_ptr&) { errors.emplace_back(where); });
    {
      ThreadPool pool(1);
      pool.spawn([] { throw std::runtime_error("x"); });
      pool.join();
      EXPECT_THROW(pool.apply([] { throw std::runtime_error("seen"); }), std::runtime_error);
    }
    EXPECT_EQ(errors, (std::vector<std::string>{"task of a thread pool"}));
  });
}

TEST(ThreadPool, the_function_is_gone_when_the_result_is_there) {
  verdin::run([] {
    ThreadPool pool(1);
    for (int i = 0; i < 50; ++i) {
      const auto owned = std::make_shared<int>(1);
      pool.apply([owned] {});
      EXPECT_EQ(owned.use_count(), 1);
    }
  });
}

TEST(ThreadPool, the_destructor_parks_the_greenlet_until_all_have_ended) {
  verdin::run([] {
    Gate gate;
    std::atomic<int> ran = 0;
    verdin::Event destroyed;
    auto owner = verdin::spawn([&] {
      {
        ThreadPool pool(1);
        for (int i = 0; i < 3; ++i) {
          pool.spawn([&] {
            gate.pass();
            ++ran;
          });
        }
      }
      EXPECT_EQ(ran, 3);
    });
    while (gate.waiting() == 0) verdin::sleep(1ms);  // this greenlet runs meanwhile
    EXPECT_FALSE(owner.ready());
    gate.open();
    owner.join();
  });
}

TEST(ThreadPool, one_that_is_destroyed_wakes_those_who_wait_to_spawn) {
  verdin::run([] {
    auto pool = std::make_unique<ThreadPool>(verdin::ThreadPoolOptions{.max_threads = 1, .max_waiting = 0});
    Gate gate;
    pool->spawn([&] { gate.pass(); });
    const auto spawn = [&] { pool->spawn([] {}); };
    auto first = verdin::spawn(spawn);  // is told of the place that the last task leaves
    auto second = verdin::spawn(spawn);
    verdin::yield();
    auto opener = verdin::spawn([&] { gate.open(); });
    pool.reset();
    EXPECT_THROW(first.get(), verdin::DestroyedWhileWaiting);
    EXPECT_THROW(second.get(), verdin::DestroyedWhileWaiting);
    opener.get();
  });
}

TEST(ThreadPool, one_that_is_destroyed_in_the_hub_wakes_those_who_wait_to_spawn) {
  verdin::run([] {
    auto pool = std::make_unique<ThreadPool>(verdin::ThreadPoolOptions{.max_threads = 1, .max_waiting = 0});
    Gate gate;
    pool->spawn([&] { gate.pass(); });
    auto waits = verdin::spawn([&] { pool->spawn([] {}); });
    verdin::yield();
    verdin::Hub::current().post([&] {
      gate.open();
      pool.reset();  // the task's answer comes later
    });
    EXPECT_THROW(waits.get(), verdin::DestroyedWhileWaiting);
  });
}

TEST(Offload, is_first_come_first_served) {
  verdin::HubOptions options;
  options.offload_threads = 1;
  verdin::run(options, [] {
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(verdin::spawn([&, i] { verdin::offload([&order, i] { order.push_back(i); }); }));
    }
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  });
}

TEST(Offload, asks_the_task_of_a_killed_greenlet_to_stop) {
  std::atomic<bool> stopped = false;
  verdin::run([&] {
    std::atomic<bool> started = false;
    auto greenlet = verdin::spawn([&] {
      verdin::offload([&](std::stop_token stop) {
        started = true;
        while (!stop.stop_requested()) std::this_thread::yield();
        stopped = true;
      });
    });
    while (!started) verdin::sleep(1ms);
    greenlet.kill();
    while (!stopped) verdin::sleep(1ms);
    EXPECT_EQ(verdin::offload([](std::stop_token stop) { return stop.stop_requested(); }), false);
  });
}

TEST(Offload, runs_in_place_inside_a_task) {
  verdin::run([] {
    EXPECT_TRUE(verdin::offload([] {
      const auto here = std::this_thread::get_id();
      return verdin::offload([&] { return std::this_thread::get_id() == here; });
    }));
  });
}

}  // namespace
