#include <atomic>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

using namespace std::chrono_literals;
using verdin::loop::Clock;

namespace {

TEST(Sleep, sleeps_at_least_so_long_and_in_order_of_the_deadlines) {
  verdin::run([] {
    std::vector<int> order;
    const auto before = Clock::now();
    auto late = verdin::spawn([&] {
      verdin::sleep(20ms);
      order.push_back(2);
    });
    auto early = verdin::spawn([&] {
      verdin::sleep(5ms);
      order.push_back(1);
    });
    verdin::join_all(late, early);
    EXPECT_GE(Clock::now() - before, 20ms);
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
  });
}

TEST(Sleep, zero_lets_others_run_and_does_not_starve_timers) {
  verdin::run([] {
    bool fired = false;
    auto timer = verdin::spawn([&] {
      verdin::sleep(2ms);
      fired = true;
    });
    while (!fired) verdin::sleep(0ms);
    timer.join();
  });
}

TEST(Timeout, fires_where_the_greenlet_waits) {
  verdin::run([] {
    verdin::Event never;
    verdin::Timeout limit(2ms);
    try {
      never.wait();
      FAIL();
    } catch (const std::exception&) {
      FAIL() << "a timeout is no std::exception";
    } catch (const verdin::TimeoutExpired& e) {
      EXPECT_TRUE(limit.is(e));
      EXPECT_TRUE(limit.expired());
    }
    never.wait_for(1ms);
  });
}

TEST(Timeout, the_outer_one_passes_through_the_inner_scope) {
  verdin::run([] {
    verdin::Timeout outer(2ms);
    try {
      verdin::with_timeout(1h, [] { verdin::sleep(1h); });
      FAIL();
    } catch (const verdin::TimeoutExpired& e) {
      EXPECT_TRUE(outer.is(e));
    }
  });
}

TEST(Timeout, one_that_is_overdue_but_left_never_fires) {
  verdin::run([] {
    {
      verdin::Timeout limit(1ms);
      const auto until = Clock::now() + 3ms;
      while (Clock::now() < until) {
      }
    }
    verdin::sleep(1ms);
    verdin::yield();
  });
}

TEST(Timeout, one_that_is_left_in_the_turn_in_which_it_is_due_never_fires) {
  verdin::run([] {
    int fired = 0;
    for (int i = 0; i < 20; ++i) {
      try {
        {
          // Due in this order, and found due by the same poll.
          verdin::Timeout timeout(1ms);
          try {
            verdin::sleep(1ms + 1us);
          } catch (const verdin::TimeoutExpired&) {  // by its right
          }
        }
        verdin::sleep(2ms);
      } catch (const verdin::TimeoutExpired&) {
        ++fired;
      }
    }
    EXPECT_EQ(fired, 0);
  });
}

TEST(Timeout, one_that_waits_for_a_shield_is_forgotten_with_its_scope) {
  verdin::run([] {
    {
      const verdin::Shield shield;
      verdin::Timeout timeout(1ms);
      while (!timeout.expired()) verdin::sleep(1ms);
    }
    EXPECT_NO_THROW(verdin::sleep(1ms));
  });
}

TEST(Timeout, reaches_a_greenlet_that_only_yields) {
  verdin::run([] {
    EXPECT_FALSE(verdin::with_timeout(1ms, [] {
      for (;;) verdin::yield();
    }));
  });
}

TEST(Timeout, with_timeout_gives_values_or_nothing) {
  verdin::run([] {
    EXPECT_EQ(verdin::with_timeout(1h, [] { return 5; }), 5);
    EXPECT_EQ(verdin::with_timeout(1ms,
                                   [] {
                                     verdin::sleep(1h);
                                     return 5;
                                   }),
              std::nullopt);
    EXPECT_TRUE(verdin::with_timeout(1h, [] {}));
    EXPECT_FALSE(verdin::with_timeout(1ms, [] { verdin::sleep(1h); }));
  });
}

TEST(Event, wakes_everybody_in_order_after_the_setter_went_on) {
  verdin::run([] {
    verdin::Event event;
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&, i] {
        event.wait();
        order.push_back(i);
      }));
    }
    verdin::yield();
    event.set();
    order.push_back(-1);
    event.clear();
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{-1, 0, 1, 2}));
    EXPECT_FALSE(event.wait_for(1ms));
    event.set();
    EXPECT_TRUE(event.wait_for(1ms));
  });
}

TEST(Event, tells_all_before_what_became_ready_later) {
  verdin::run([] {
    verdin::Event event;
    std::string order;
    const auto waits = [&](char name) {
      event.wait();
      order += name;
      verdin::yield();
      order += static_cast<char>(name + 1);
    };
    auto a = verdin::spawn(waits, 'a');
    auto c = verdin::spawn(waits, 'c');
    verdin::yield();
    event.set();
    auto later = verdin::spawn([&] { order += 'x'; });
    verdin::join_all(a, c, later);
    EXPECT_EQ(order, "acxbd");
  });
}

TEST(Event, one_who_comes_while_those_before_are_told_is_told_behind_them) {
  verdin::run([] {
    verdin::Event event;
    std::string order;
    auto first = verdin::spawn([&] {
      event.wait();
      order += '1';
    });
    verdin::yield();
    event.set();
    EXPECT_TRUE(event.wait_for(1h));
    order += '2';
    EXPECT_TRUE(event.wait_for(1h));  // nobody is told any more: at once
    EXPECT_EQ(order, "12");
    first.join();
  });
}

TEST(Event, one_who_waits_again_and_again_keeps_nobody_from_running) {
  verdin::run([] {
    verdin::Event event;
    bool over = false;
    const auto waits = [&] {
      while (!over) event.wait();
    };
    auto a = verdin::spawn(waits);
    auto b = verdin::spawn(waits);
    verdin::yield();
    event.set();
    verdin::yield();
    over = true;
    verdin::join_all(a, b);
  });
}

TEST(Event, one_that_dies_before_its_waiters_were_told_leaves_nothing_behind) {
  verdin::run([] {
    auto event = std::make_unique<verdin::Event>();
    verdin::spawn([&] { event->wait(); });
    verdin::yield();
    event->set();
    event.reset();
    EXPECT_THROW(verdin::Event().wait(), verdin::LoopExit);
  });
}

TEST(Queue, two_that_exchange_for_ever_keep_nobody_from_running) {
  verdin::run([] {
    verdin::Queue<int> queue(1);
    bool over = false;
    auto puts = verdin::spawn([&] {
      while (!over) queue.put(1);
      queue.close();
    });
    auto takes = verdin::spawn([&] {
      try {
        for (;;) queue.get();
      } catch (const verdin::QueueClosed&) {
      }
    });
    verdin::yield();
    verdin::yield();
    verdin::sleep(1ms);
    over = true;
    verdin::join_all(puts, takes);
  });
}

TEST(Queue, hands_items_over_in_order_and_blocks_at_its_bound) {
  verdin::run([] {
    verdin::Queue<int> queue(2);
    std::vector<std::string> log;
    auto producer = verdin::spawn([&] {
      for (int i = 0; i < 4; ++i) {
        queue.put(i);
        log.push_back("put " + std::to_string(i));
      }
      queue.close();
    });
    std::vector<int> got;
    verdin::yield();
    EXPECT_TRUE(queue.full());
    EXPECT_FALSE(queue.try_put(9));
    EXPECT_FALSE(queue.put_for(9, 1ms));
    try {
      for (;;) got.push_back(queue.get());
    } catch (const verdin::QueueClosed&) {
    }
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3}));
    EXPECT_THROW(queue.put(1), verdin::QueueClosed);
    EXPECT_THROW(queue.try_put(1), verdin::QueueClosed);
    producer.join();
  });
}

TEST(Queue, refuses_a_capacity_of_nothing) { EXPECT_THROW(verdin::Queue<int>(0), std::invalid_argument); }

TEST(Queue, a_killed_getter_loses_no_item) {
  verdin::run([] {
    verdin::Queue<int> queue(8);
    std::vector<int> got;
    auto first = verdin::spawn([&] { got.push_back(100 + queue.get()); });
    auto second = verdin::spawn([&] { got.push_back(queue.get()); });
    verdin::yield();
    first.kill_async();  // on its way before the item is: the kill wins
    queue.put(1);
    verdin::join_all(first, second);
    EXPECT_EQ(got, std::vector<int>{1});
    EXPECT_TRUE(queue.empty());
  });
}

TEST(Queue, get_gives_up_after_its_limit) {
  verdin::run([] {
    verdin::Queue<int> queue(1);
    EXPECT_EQ(queue.get_for(1ms), std::nullopt);
    EXPECT_EQ(queue.try_get(), std::nullopt);
    queue.put(4);
    EXPECT_EQ(queue.get_for(1ms), 4);
  });
}

TEST(Offload, runs_on_another_thread_while_others_go_on) {
  verdin::run([] {
    const auto here = std::this_thread::get_id();
    std::atomic<bool> release = false;
    auto task = verdin::spawn([&] {
      return verdin::offload([&] {
        release.wait(false);
        return std::this_thread::get_id();
      });
    });
    verdin::yield();
    EXPECT_FALSE(task.ready());  // and yet this greenlet runs
    release = true;
    release.notify_all();
    EXPECT_NE(task.get(), here);
    EXPECT_THROW(verdin::offload([] { throw std::runtime_error("x"); }), std::runtime_error);
  });
}

TEST(Offload, a_killed_waiter_does_not_stop_the_task) {
  std::atomic<bool> finished = false;
  verdin::run([&] {
    std::atomic<bool> release = false;
    auto task = verdin::spawn([&] {
      verdin::offload([&] {
        release.wait(false);
        finished = true;
      });
    });
    verdin::yield();
    task.kill();
    EXPECT_TRUE(task.killed());
    EXPECT_FALSE(finished);
    release = true;
    release.notify_all();
    while (!finished) verdin::sleep(1ms);
  });
  EXPECT_TRUE(finished);
}

TEST(Post, from_another_thread_wakes_the_hub) {
  verdin::run([] {
    verdin::Hub& hub = verdin::Hub::current();
    verdin::Event done;
    hub.expect_external(1);
    std::thread thread([&] { hub.post([&] { done.set(); }); });
    done.wait();
    hub.expect_external(-1);
    thread.join();
  });
}

TEST(Signal, runs_a_greenlet_that_may_block) {
  verdin::run([] {
    verdin::Event handled;
    auto watch = verdin::on_signal(SIGUSR1, [&] {
      verdin::sleep(1ms);
      handled.set();
    });
    ::kill(::getpid(), SIGUSR1);
    EXPECT_TRUE(handled.wait_for(10s));
  });
}

TEST(Hub, a_call_that_blocks_in_the_hub_is_refused) {
  verdin::run([] {
    verdin::Hub& hub = verdin::Hub::current();
    std::string error;
    hub.on_error([&](std::string_view, std::exception_ptr e) {
      try {
        std::rethrow_exception(e);
      } catch (const std::exception& x) {
        error = x.what();
      }
    });
    hub.post([] { verdin::sleep(1ms); });
    verdin::sleep(1ms);
    EXPECT_NE(error.find("in the hub"), std::string::npos) << error;
  });
}

}  // namespace
