#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

#include "support/switches.hpp"

using namespace std::chrono_literals;
using verdin::Queue;
using verdin::QueueClosed;
using verdin::test::switches_of;

namespace {

TEST(Queue, never_switches_where_it_need_not_wait) {
  verdin::run([] {
    Queue<int> queue(3);
    EXPECT_EQ(switches_of([&] {
                queue.put(1);
                EXPECT_TRUE(queue.try_put(2));
                EXPECT_TRUE(queue.put_for(3, 1h));
                EXPECT_FALSE(queue.try_put(4));
                EXPECT_EQ(queue.peek(), 1);
                EXPECT_EQ(queue.get(), 1);
                EXPECT_EQ(queue.get_for(1h), 2);
                EXPECT_EQ(queue.try_get(), 3);
                EXPECT_EQ(queue.try_get(), std::nullopt);
                EXPECT_EQ(queue.try_peek(), std::nullopt);
              }),
              0U);
    EXPECT_GE(switches_of([&] { EXPECT_EQ(queue.get_for(0s), std::nullopt); }), 1U);
  });
}

TEST(Queue, has_no_bound_unless_told) {
  verdin::run([] {
    Queue<int> queue;
    for (int i = 0; i < 1000; ++i) queue.put(i);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(queue.get(), i);
    for (int i = 1000; i < 3000; ++i) queue.put(i);  // grows while it wraps around
    for (int i = 500; i < 3000; ++i) EXPECT_EQ(queue.get(), i);
    EXPECT_FALSE(queue.full());
  });
}

TEST(Queue, begins_with_items_if_told) {
  verdin::run([] {
    Queue<std::string> queue(3, {"a", "b"});
    EXPECT_EQ(queue.size(), 2U);
    EXPECT_EQ(queue.unfinished(), 2U);
    EXPECT_EQ(queue.get(), "a");
    const std::vector<int> five(5);
    EXPECT_THROW(Queue<int>(4, five.begin(), five.end()), std::invalid_argument);
  });
}

TEST(Queue, serves_getters_in_order_and_lets_newcomers_barge) {
  verdin::run([] {
    Queue<int> queue;
    std::vector<std::string> log;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(
          verdin::spawn([&, i] { log.push_back(std::to_string(i) + std::to_string(queue.get())); }));
    }
    verdin::yield();
    queue.put(7);
    EXPECT_EQ(queue.get(), 7);  // before the getter that was woken for it
    verdin::yield();
    EXPECT_TRUE(log.empty());
    for (int i = 0; i < 3; ++i) queue.put(i);
    verdin::join_all(all);
    EXPECT_EQ(log, (std::vector<std::string>{"00", "11", "22"}));
  });
}

TEST(Queue, an_item_that_was_not_put_is_still_the_callers) {
  verdin::run([] {
    Queue<std::unique_ptr<int>> queue(1);
    queue.put(std::make_unique<int>(1));
    auto item = std::make_unique<int>(2);
    EXPECT_FALSE(queue.try_put(std::move(item)));
    EXPECT_FALSE(queue.put_for(std::move(item), 1ms));
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { queue.put(std::move(item)); }));
    auto putter = verdin::spawn([&] { queue.put(std::move(item)); });
    verdin::yield();
    putter.kill();
    ASSERT_TRUE(item);
    EXPECT_EQ(*queue.get(), 1);
    queue.close();
    EXPECT_THROW(queue.put(std::move(item)), QueueClosed);
    EXPECT_EQ(*item, 2);
  });
}

TEST(Queue, a_killed_putter_leaves_its_turn_to_the_next) {
  verdin::run([] {
    Queue<int> queue(1, {0});
    auto first = verdin::spawn([&] { queue.put(1); });
    auto second = verdin::spawn([&] { queue.put(2); });
    verdin::yield();
    first.kill_async();
    EXPECT_EQ(queue.get(), 0);
    second.join();
    EXPECT_EQ(queue.get(), 2);
    EXPECT_TRUE(queue.empty());
  });
}

TEST(Queue, those_who_peek_take_nothing) {
  verdin::run([] {
    Queue<int> queue;
    auto looker = verdin::spawn([&] { return queue.peek(); });
    auto limited = verdin::spawn([&] { return queue.peek_for(1h); });
    auto getter = verdin::spawn([&] { return queue.get(); });
    verdin::yield();
    queue.put(5);
    EXPECT_EQ(looker.get(), 5);
    EXPECT_EQ(limited.get(), 5);
    EXPECT_EQ(getter.get(), 5);
    EXPECT_EQ(queue.peek_for(1ms), std::nullopt);
    queue.close();
    EXPECT_THROW(queue.peek(), QueueClosed);
    EXPECT_THROW(queue.peek_for(1ms), QueueClosed);
  });
}

TEST(Queue, join_waits_until_every_task_is_done) {
  verdin::run([] {
    Queue<int> queue;
    EXPECT_EQ(switches_of([&] { queue.join(); }), 0U);
    queue.put(1);
    queue.put(2);
    EXPECT_FALSE(queue.join_for(1ms));
    int done = 0;
    auto worker = verdin::spawn([&] {
      for (;;) {
        queue.get();
        verdin::sleep(1ms);
        ++done;
        queue.task_done();
      }
    });
    queue.join();
    EXPECT_EQ(done, 2);
    EXPECT_EQ(queue.unfinished(), 0U);
    EXPECT_THROW(queue.task_done(), std::logic_error);
    worker.kill();
  });
}

TEST(Queue, join_returns_though_a_task_comes_before_it_runs) {
  verdin::run([] {
    Queue<int> queue(2, {1});
    auto joiner = verdin::spawn([&] { return queue.join_for(1h); });
    verdin::yield();
    queue.task_done();
    queue.put(2);
    EXPECT_TRUE(joiner.get());
  });
}

TEST(Queue, closed_to_drain_gives_what_it_has_and_wakes_everybody) {
  verdin::run([] {
    Queue<int> full(1, {1});
    Queue<int> empty(1);
    auto putter = verdin::spawn([&] { full.put(2); });
    auto getter = verdin::spawn([&] { empty.get(); });
    auto limited = verdin::spawn([&] { empty.get_for(1h); });
    auto next = verdin::spawn([&] { return empty.next(); });
    verdin::yield();
    full.close();
    empty.close();
    EXPECT_THROW(putter.get(), QueueClosed);
    EXPECT_THROW(getter.get(), QueueClosed);
    EXPECT_THROW(limited.get(), QueueClosed);
    EXPECT_EQ(next.get(), std::nullopt);
    EXPECT_EQ(full.get(), 1);
    EXPECT_THROW(full.get(), QueueClosed);
    EXPECT_EQ(full.try_get(), std::nullopt);
    EXPECT_TRUE(full.closed());
  });
}

TEST(Queue, closed_now_drops_what_it_has_as_done) {
  verdin::run([] {
    Queue<std::shared_ptr<int>> queue;
    auto item = std::make_shared<int>(1);
    queue.put(item);
    queue.put(item);
    auto joiner = verdin::spawn([&] { queue.join(); });
    EXPECT_EQ(queue.get(), item);
    verdin::yield();
    queue.close(verdin::Close::now);
    EXPECT_EQ(item.use_count(), 1);
    EXPECT_EQ(queue.unfinished(), 1U);  // the one that was got
    EXPECT_FALSE(joiner.ready());
    queue.task_done();
    joiner.join();
    EXPECT_THROW(queue.get(), QueueClosed);
  });
}

TEST(Queue, is_iterated_until_it_is_closed) {
  verdin::run([] {
    Queue<std::unique_ptr<int>> queue(1);
    auto producer = verdin::spawn([&] {
      for (int i = 0; i < 3; ++i) queue.put(std::make_unique<int>(i));
      queue.close();
    });
    std::vector<int> got;
    for (std::unique_ptr<int>& item : queue) got.push_back(*item);
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2}));
    producer.get();
  });
}

TEST(Queue, from_the_hub_only_what_does_not_block) {
  verdin::run([] {
    Queue<int> queue(1);
    auto getter = verdin::spawn([&] { return queue.get(); });
    verdin::yield();
    verdin::Event done;
    verdin::Hub::current().post([&] {
      EXPECT_THROW(queue.get(), verdin::BlockingSwitchOutError);
      queue.put(1);
      EXPECT_FALSE(queue.try_put(2));
      EXPECT_THROW(queue.put(2), verdin::BlockingSwitchOutError);
      EXPECT_THROW(queue.put_for(2, 1s), verdin::BlockingSwitchOutError);
      done.set();
    });
    done.wait();
    EXPECT_EQ(getter.get(), 1);
  });
}

TEST(Queue, one_that_is_destroyed_wakes_those_who_wait) {
  verdin::run([] {
    std::vector<verdin::Greenlet<>> all;
    {
      Queue<int> queue(1);
      all.push_back(verdin::spawn([&] { queue.get(); }));
      all.push_back(verdin::spawn([&] { queue.get_for(1h); }));
      verdin::yield();
      queue.put(1);  // wakes the first, which will find nothing
    }
    for (auto& greenlet : all) EXPECT_THROW(greenlet.get(), verdin::DestroyedWhileWaiting);
  });
}

TEST(PriorityQueue, gives_the_least_first) {
  verdin::run([] {
    verdin::PriorityQueue<int> queue(8, {5, 1, 4});
    queue.put(2);
    EXPECT_EQ(queue.peek(), 1);
    std::vector<int> got;
    while (auto item = queue.try_get()) got.push_back(*item);
    EXPECT_EQ(got, (std::vector<int>{1, 2, 4, 5}));
    verdin::PriorityQueue<int, std::greater<>> other;
    other.put(1);
    other.put(2);
    EXPECT_EQ(other.get(), 2);
    auto getter = verdin::spawn([&] { return other.get() + other.get(); });
    verdin::yield();
    other.put(3);
    EXPECT_EQ(getter.get(), 4);
  });
}

TEST(LifoQueue, gives_the_latest_first) {
  verdin::run([] {
    verdin::LifoQueue<int> queue(2);
    queue.put(1);
    queue.put(2);
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.get(), 2);
    EXPECT_EQ(queue.peek(), 1);
    EXPECT_EQ(queue.get(), 1);
  });
}

}  // namespace
