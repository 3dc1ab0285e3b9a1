#include <algorithm>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Greenlet;
using verdin::Pool;

namespace {

TEST(Pool, spawn_blocks_while_it_is_full) {
  verdin::run([] {
    Pool pool(2);
    Event go;
    EXPECT_EQ(pool.free_count(), 2u);
    pool.spawn([&] { go.wait(); });
    pool.spawn([&] { go.wait(); });
    EXPECT_TRUE(pool.full());
    EXPECT_FALSE(pool.try_spawn([] {}).has_value());
    EXPECT_FALSE(pool.spawn_for(1ms, [] {}).has_value());
    bool spawned = false;
    auto spawner = verdin::spawn([&] {
      pool.spawn([] {});
      spawned = true;
    });
    verdin::yield();
    EXPECT_FALSE(spawned);
    go.set();
    spawner.join();
    EXPECT_TRUE(spawned);
    pool.join();
    EXPECT_EQ(pool.free_count(), 2u);
    EXPECT_EQ(pool.spawn_for(
                      1ms, [](int i) { return i; }, 3)
                  ->get(),
              3);
  });
}

TEST(Pool, a_place_is_free_before_those_who_wait_for_the_member_run) {
  verdin::run([] {
    Pool pool(1);
    auto member = pool.spawn([] { return 1; });
    EXPECT_EQ(member.get(), 1);
    EXPECT_EQ(pool.free_count(), 1u);
    EXPECT_TRUE(pool.try_spawn([] {}).has_value());
  });
}

TEST(Pool, no_more_than_its_size_run_at_once) {
  verdin::run([] {
    Pool pool(3);
    int running = 0;
    int most = 0;
    pool.map(
        [&](int i) {
          most = std::max(most, ++running);
          for (int n = 0; n < i % 4; ++n) verdin::yield();
          --running;
        },
        std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    EXPECT_EQ(most, 3);
  });
}

TEST(Pool, spawners_that_wait_are_served_in_order) {
  verdin::run([] {
    Pool pool(1);
    std::vector<int> order;
    std::vector<Greenlet<>> spawners;
    for (int i = 0; i < 5; ++i) {
      spawners.push_back(verdin::spawn([&, i] {
        pool.spawn([&order, i] {
          order.push_back(i);
          verdin::yield();
        });
      }));
    }
    for (auto& spawner : spawners) spawner.join();
    pool.join();
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
  });
}

TEST(Pool, of_nothing_and_without_limit) {
  verdin::run([] {
    Pool none(0);
    EXPECT_FALSE(none.try_spawn([] {}).has_value());
    EXPECT_FALSE(none.spawn_for(1ms, [] {}).has_value());
    EXPECT_FALSE(none.wait_available_for(1ms));
    Pool any(Pool::kUnlimited);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(any.try_spawn([] { verdin::yield(); }).has_value());
    EXPECT_FALSE(any.full());
    any.join();
  });
}

TEST(Pool, wait_available_takes_nothing) {
  verdin::run([] {
    Pool pool(1);
    Event go;
    pool.wait_available();
    pool.spawn([&] { go.wait(); });
    EXPECT_FALSE(pool.wait_available_for(1ms));
    auto looker = verdin::spawn([&] { pool.wait_available(); });
    auto taker = verdin::spawn([&] { pool.spawn([] {}); });
    verdin::yield();
    go.set();
    looker.join();
    taker.join();  // what the first was told of, the second took
    pool.join();
  });
}

TEST(Pool, a_waiter_that_is_killed_takes_no_place_and_loses_none) {
  verdin::run([] {
    Pool pool(1);
    Event go;
    pool.spawn([&] { go.wait(); });
    auto killed = verdin::spawn([&] { pool.spawn([] {}); });
    bool spawned = false;
    auto next = verdin::spawn([&] {
      pool.spawn([] {});
      spawned = true;
    });
    verdin::yield();
    go.set();
    verdin::yield();  // the member ends and the first waiter is woken
    verdin::yield();
    killed.kill();
    next.join();
    EXPECT_TRUE(spawned);
    pool.join();
    EXPECT_EQ(pool.free_count(), 1u);
    // Also at the moment at which it is woken.
    Event again;
    pool.spawn([&] { again.wait(); });
    auto woken = verdin::spawn([&] { pool.spawn([] {}); });
    auto other = verdin::spawn([&] { pool.spawn([] {}); });
    verdin::yield();
    woken.kill_async();
    again.set();
    other.join();
    pool.join();
    EXPECT_EQ(pool.free_count(), 1u);
  });
}

TEST(Pool, add_takes_a_place_and_discard_gives_back_only_that_of_a_member) {
  verdin::run([] {
    Pool pool(1);
    Event go;
    auto one = verdin::spawn([&] { go.wait(); });
    auto two = verdin::spawn([&] { go.wait(); });
    pool.add(one);
    pool.add(one);  // a member already
    EXPECT_TRUE(pool.full());
    EXPECT_FALSE(pool.try_add(two));
    EXPECT_FALSE(pool.add_for(1ms, two));
    pool.discard(two);  // never was one
    EXPECT_EQ(pool.free_count(), 0u);
    pool.discard(one);
    pool.discard(one);
    EXPECT_EQ(pool.free_count(), 1u);
    EXPECT_TRUE(pool.try_add(two));
    go.set();
    pool.join();
    EXPECT_EQ(pool.free_count(), 1u);
    pool.add(one);  // has ended
    EXPECT_EQ(pool.free_count(), 1u);
  });
}

TEST(Pool, apply_from_a_member_runs_in_place) {
  verdin::run([] {
    Pool pool(1);
    EXPECT_EQ(pool.apply([&] { return pool.apply([](int i) { return i + 1; }, 4); }), 5);
    EXPECT_EQ(pool.apply([&] {
      return pool.map([](int i) { return 2 * i; }, std::vector{1, 2});
    }),
              (std::vector{2, 4}));
    EXPECT_THROW(pool.apply([&] { pool.apply([] { throw std::runtime_error("x"); }); }), std::runtime_error);
    EXPECT_EQ(pool.free_count(), 1u);
  });
}

TEST(Pool, apply_async_never_blocks) {
  verdin::run([] {
    Pool pool(1);
    Event go;
    std::vector<int> order;
    std::vector<Greenlet<int>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(pool.apply_async([&, i] {
        go.wait();
        order.push_back(i);
        return pool.apply([i] { return i; });  // a member that waited for its place
      }));
    }
    EXPECT_EQ(pool.size(), 3u);
    go.set();
    pool.join();
    EXPECT_EQ(order, (std::vector{0, 1, 2}));
    EXPECT_EQ(all[2].get(), 2);
    EXPECT_EQ(pool.free_count(), 1u);
  });
}

TEST(Pool, kill_ends_members_and_those_that_wait_for_a_place) {
  verdin::run([] {
    Pool pool(1);
    Event never;
    auto member = pool.apply_async([&] { never.wait(); });
    auto waiting = pool.apply_async([&] { never.wait(); });
    verdin::yield();
    pool.kill();
    EXPECT_TRUE(member.killed());
    EXPECT_TRUE(waiting.killed());
    EXPECT_EQ(pool.free_count(), 1u);
  });
}

TEST(Pool, its_destructor_kills_what_waits_for_a_place_and_nothing_else) {
  verdin::run([] {
    Event go;
    Greenlet<> member;
    Greenlet<> waiting;
    Greenlet<> unstarted;
    Greenlet<> spawner;
    {
      Pool pool(1);
      member = pool.apply_async([&] { go.wait(); });
      waiting = pool.apply_async([] {});
      spawner = verdin::spawn([&] { pool.spawn([] {}); });
      verdin::yield();
      unstarted = pool.apply_async([] {});
    }
    waiting.join();
    EXPECT_TRUE(waiting.killed());
    EXPECT_TRUE(unstarted.killed());
    EXPECT_THROW(spawner.get(), std::logic_error);
    EXPECT_FALSE(member.ready());
    go.set();
    member.get();
  });
}

TEST(Pool, imap_runs_no_more_than_its_size_and_keeps_the_order) {
  verdin::run([] {
    Pool pool(2);
    int running = 0;
    int most = 0;
    std::vector<int> items;
    for (int i = 0; i < 20; ++i) items.push_back(i);
    const auto function = [&](int i) {
      most = std::max(most, ++running);
      for (int n = 0; n < i % 3; ++n) verdin::yield();
      --running;
      return i;
    };
    std::vector<int> got;
    for (int i : pool.imap(function, items)) got.push_back(i);
    EXPECT_EQ(got, items);
    EXPECT_EQ(most, 2);
    got.clear();
    for (int i : pool.imap_unordered(function, items)) got.push_back(i);
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, items);
    EXPECT_EQ(most, 2);
  });
}

TEST(Pool, imap_goes_on_while_the_consumer_is_busy_up_to_its_look_ahead) {
  verdin::run([] {
    Pool pool(1);
    int ran = 0;
    auto range = pool.imap([&](int) { ++ran; }, std::vector<int>(10)).look_ahead(4);
    range.next();
    for (int i = 0; i < 50; ++i) verdin::yield();
    EXPECT_EQ(ran, 5);
  });
}

TEST(Pool, imap_that_is_dropped_gives_its_places_back) {
  verdin::run([] {
    Pool pool(2);
    Event never;
    {
      auto range = pool.imap([&](int i) { return i == 0 ? 0 : (never.wait(), i); }, std::vector{0, 1, 2, 3});
      EXPECT_EQ(range.next(), 0);
    }
    EXPECT_EQ(pool.free_count(), 2u);
    EXPECT_TRUE(pool.empty());
  });
}

}  // namespace
