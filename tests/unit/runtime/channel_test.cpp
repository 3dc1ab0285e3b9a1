#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

#include "support/switches.hpp"

using namespace std::chrono_literals;
using verdin::Channel;
using verdin::test::switches_of;

namespace {

TEST(Channel, put_returns_after_a_getter_took_it) {
  verdin::run([] {
    Channel<int> channel;
    std::vector<std::string> log;
    auto putter = verdin::spawn([&] {
      for (int i = 0; i < 2; ++i) {
        channel.put(i);
        log.push_back("put " + std::to_string(i));
      }
    });
    verdin::yield();
    verdin::yield();
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(channel.balance(), 1);
    EXPECT_EQ(channel.size(), 0U);
    EXPECT_TRUE(channel.empty());
    EXPECT_TRUE(channel.full());
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(channel.get(), i);
      log.push_back("got " + std::to_string(i));
    }
    putter.join();
    EXPECT_EQ(log, (std::vector<std::string>{"got 0", "put 0", "got 1", "put 1"}));
  });
}

TEST(Channel, serves_both_sides_in_order) {
  verdin::run([] {
    Channel<int> channel;
    std::vector<int> got(4, -1);
    std::vector<verdin::Greenlet<>> all;
    for (std::size_t i = 0; i < 2; ++i) all.push_back(verdin::spawn([&, i] { got[i] = channel.get(); }));
    verdin::yield();
    EXPECT_EQ(channel.balance(), -2);
    for (int i = 0; i < 4; ++i) all.push_back(verdin::spawn([&, i] { channel.put(i); }));
    verdin::yield();
    // The first two are on their way: these come after them.
    for (std::size_t i = 2; i < 4; ++i) all.push_back(verdin::spawn([&, i] { got[i] = channel.get(); }));
    verdin::join_all(all);
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3}));
    EXPECT_EQ(channel.balance(), 0);
  });
}

TEST(Channel, tries_without_a_switch) {
  verdin::run([] {
    Channel<int> channel;
    auto putter = verdin::spawn([&] { channel.put(1); });
    verdin::yield();
    EXPECT_EQ(switches_of([&] {
                EXPECT_FALSE(channel.try_put(9));
                EXPECT_EQ(channel.try_get(), 1);
                EXPECT_EQ(channel.try_get(), std::nullopt);
              }),
              0U);
    putter.join();
    auto getter = verdin::spawn([&] { return channel.get(); });
    verdin::yield();
    EXPECT_EQ(switches_of([&] {
                EXPECT_TRUE(channel.try_put(2));
                EXPECT_FALSE(channel.try_put(3));
                EXPECT_EQ(channel.try_get(), std::nullopt);  // it is the getter's
              }),
              0U);
    EXPECT_EQ(getter.get(), 2);
  });
}

TEST(Channel, what_is_tried_does_not_overtake_what_waits) {
  verdin::run([] {
    Channel<int> channel;
    std::vector<int> got;
    auto first = verdin::spawn([&] { got.push_back(channel.get()); });
    auto second = verdin::spawn([&] { got.push_back(channel.get()); });
    verdin::yield();
    auto putter = verdin::spawn([&] { channel.put(1); });
    auto trier = verdin::spawn([&] { EXPECT_TRUE(channel.try_put(2)); });
    verdin::join_all(first, second, putter, trier);
    EXPECT_EQ(got, (std::vector<int>{1, 2}));
  });
}

/// How long a wait of 50 ms took behind such a get(); nothing if the times did not come in one poll.
std::optional<verdin::loop::Clock::duration> wait_of_one_that_got_at_its_limit() {
  Channel<int> channel;
  auto a = verdin::spawn([&] { channel.get(); });
  auto b = verdin::spawn([&] { channel.get(); });
  auto c = verdin::spawn([&]() -> std::optional<verdin::loop::Clock::duration> {
    if (!channel.get_for(10ms)) return std::nullopt;
    const auto start = verdin::loop::Clock::now();
    verdin::Event never;
    never.wait_for(50ms);
    return verdin::loop::Clock::now() - start;
  });
  const auto put = [&](int item) {
    verdin::sleep(5ms);
    channel.put(item);
  };
  auto one = verdin::spawn(put, 1);
  auto two = verdin::spawn(put, 2);
  verdin::yield();
  verdin::yield();
  std::this_thread::sleep_for(20ms);
  c.join();
  verdin::kill_all(std::vector<verdin::Greenlet<>>{a, b, one, two});
  return c.get();
}

TEST(Channel, a_getter_that_takes_an_item_at_its_limit_wakes_another_and_not_itself) {
  verdin::run([] {
    std::optional<verdin::loop::Clock::duration> waited;
    for (int i = 0; i < 100 && !waited; ++i) waited = wait_of_one_that_got_at_its_limit();
    ASSERT_TRUE(waited);
    EXPECT_GE(*waited, 49ms);  // of a loop's clock
  });
}

TEST(Channel, a_killed_getter_loses_no_item) {
  verdin::run([] {
    Channel<int> channel;
    auto first = verdin::spawn([&] { return channel.get(); });
    auto second = verdin::spawn([&] { return channel.get(); });
    verdin::yield();
    first.kill_async();
    channel.put(1);
    EXPECT_EQ(second.get(), 1);
    EXPECT_TRUE(first.killed());

    auto third = verdin::spawn([&] { return channel.get(); });
    verdin::yield();
    third.kill_async();
    EXPECT_TRUE(channel.try_put(2));
    third.join();
    EXPECT_TRUE(third.killed());
    EXPECT_TRUE(channel.ready());
    EXPECT_EQ(channel.get(), 2);
  });
}

TEST(Channel, a_killed_putter_keeps_its_item) {
  verdin::run([] {
    Channel<std::unique_ptr<int>> channel;
    auto item = std::make_unique<int>(1);
    auto getter = verdin::spawn([&] { return *channel.get(); });
    verdin::yield();
    auto putter = verdin::spawn([&] { channel.put(std::move(item)); });
    auto killer = verdin::spawn([&] { putter.kill_async(); });
    // The getter is woken before the kill is queued: it takes the item, and the putter learns so by its
    // wake-up, before the kill.
    EXPECT_EQ(getter.get(), 1);
    putter.join();
    killer.join();
    item = std::make_unique<int>(2);
    EXPECT_FALSE(channel.put_for(std::move(item), 1ms));
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { channel.put(std::move(item)); }));
    ASSERT_TRUE(item);
    EXPECT_EQ(channel.balance(), 0);
    EXPECT_EQ(channel.get_for(1ms), std::nullopt);
    EXPECT_EQ(channel.balance(), 0);
  });
}

TEST(Channel, ends_when_it_is_closed) {
  verdin::run([] {
    Channel<int> channel;
    auto producer = verdin::spawn([&] {
      for (int i = 0; i < 3; ++i) channel.put(i);
      channel.close();
    });
    std::vector<int> got;
    for (const int item : channel) got.push_back(item);
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2}));
    producer.get();
    EXPECT_THROW(channel.get(), verdin::QueueClosed);
    EXPECT_THROW(channel.get_for(1ms), verdin::QueueClosed);
    EXPECT_THROW(channel.put(1), verdin::QueueClosed);
    EXPECT_THROW(channel.try_put(1), verdin::QueueClosed);
    EXPECT_EQ(channel.next(), std::nullopt);

    Channel<int> other;
    auto putter = verdin::spawn([&] { other.put(1); });
    verdin::yield();
    other.close();
    EXPECT_THROW(putter.get(), verdin::QueueClosed);
  });
}

TEST(Channel, from_the_hub_only_what_does_not_block) {
  verdin::run([] {
    Channel<int> channel;
    auto getter = verdin::spawn([&] { return channel.get(); });
    verdin::yield();
    verdin::Event done;
    verdin::Hub::current().post([&] {
      EXPECT_THROW(channel.put(1), verdin::BlockingSwitchOutError);
      EXPECT_TRUE(channel.try_put(2));
      EXPECT_THROW(channel.get(), verdin::BlockingSwitchOutError);
      done.set();
    });
    done.wait();
    EXPECT_EQ(getter.get(), 2);
  });
}

TEST(Channel, one_that_is_destroyed_wakes_those_who_wait) {
  verdin::run([] {
    std::vector<verdin::Greenlet<>> all;
    {
      Channel<int> getting;
      Channel<int> putting;
      all.push_back(verdin::spawn([&] { getting.get(); }));
      all.push_back(verdin::spawn([&] { getting.get_for(1h); }));
      all.push_back(verdin::spawn([&] { putting.put(1); }));
      all.push_back(verdin::spawn([&] { putting.put_for(2, 1h); }));
      verdin::yield();
    }
    for (auto& greenlet : all) EXPECT_THROW(greenlet.get(), verdin::DestroyedWhileWaiting);
  });
}

}  // namespace
