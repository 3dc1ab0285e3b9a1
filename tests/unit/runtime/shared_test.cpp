#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/shared/channel.hpp>
#include <verdin/runtime/shared/condition.hpp>
#include <verdin/runtime/shared/event.hpp>
#include <verdin/runtime/shared/future.hpp>
#include <verdin/runtime/shared/mutex.hpp>
#include <verdin/runtime/shared/queue.hpp>
#include <verdin/runtime/shared/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;
namespace shared = verdin::shared;

namespace {

/// Runs `function` in a greenlet of a hub on a thread of its own.
template <typename F>
std::thread hub_thread(F function) {
  return std::thread([function] { verdin::run(function); });
}

TEST(SharedEvent, wakes_greenlets_of_several_hubs_and_plain_threads) {
  shared::Event go;
  shared::Semaphore waiting(0);
  std::atomic<int> woken = 0;
  const auto wait = [&] {
    waiting.release();
    go.wait();
    ++woken;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(wait);
    threads.push_back(hub_thread([&] {
      auto other = verdin::spawn(wait);
      wait();
      other.get();
    }));
  }
  for (int i = 0; i < 6; ++i) waiting.acquire();
  EXPECT_EQ(woken, 0);
  go.set();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(woken, 6);
  EXPECT_TRUE(go.wait_for(0s));
  go.clear();
  EXPECT_FALSE(go.wait_for(1ms));
}

TEST(SharedEvent, the_hub_of_a_greenlet_that_waits_goes_on) {
  verdin::run([] {
    shared::Event event;
    auto waiter = verdin::spawn([&] { event.wait(); });
    verdin::sleep(1ms);  // and nobody calls it a deadlock
    EXPECT_FALSE(waiter.ready());
    event.set();
    event.clear();
    waiter.get();
  });
}

/// Nobody has a limit here: a wake-up that is lost hangs.
TEST(SharedQueue, every_item_arrives_once_between_hubs_and_threads) {
  constexpr int kItems = 2000;
  shared::Queue<int> queue(3);
  std::vector<std::atomic<int>> got(2 * kItems);
  const auto produce = [&](int from) {
    for (int i = 0; i < kItems; ++i) queue.put(from + i);
  };
  const auto consume = [&] {
    for (const int item : queue) {
      ++got[static_cast<std::size_t>(item)];
      queue.task_done();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(consume);
  threads.push_back(hub_thread([&] {
    auto other = verdin::spawn(consume);
    consume();
    other.get();
  }));
  threads.emplace_back([&] { produce(0); });
  threads.push_back(hub_thread([&] { produce(kItems); }));
  threads[2].join();
  threads[3].join();
  queue.join();
  queue.close();
  threads[0].join();
  threads[1].join();
  for (const auto& count : got) ASSERT_EQ(count, 1);
}

TEST(SharedQueue, killed_getters_lose_nothing) {
  constexpr int kItems = 500;
  shared::Queue<int> queue(2);
  std::atomic<int> sum = 0;
  std::thread producer([&] {
    for (int i = 1; i <= kItems; ++i) queue.put(i);
    queue.close();
  });
  auto consumer = hub_thread([&] {
    for (bool more = true; more;) {
      auto victim = verdin::spawn([&] {
        const std::optional<int> item = queue.next();
        if (item) sum += *item;
        return item.has_value();
      });
      verdin::yield();
      victim.kill();
      if (!victim.killed()) more = victim.get();
    }
  });
  producer.join();
  consumer.join();
  EXPECT_EQ(sum, kItems * (kItems + 1) / 2);
}

TEST(SharedQueue, timeouts_race_with_items_and_lose_none) {
  constexpr int kItems = 300;
  shared::Queue<std::unique_ptr<int>> queue(1);
  int sum = 0;
  std::thread producer([&] {
    for (int i = 1; i <= kItems; ++i) {
      auto item = std::make_unique<int>(i);
      while (!queue.put_for(std::move(item), 50us)) ASSERT_TRUE(item);
    }
    queue.close();
  });
  verdin::run([&] {
    for (bool more = true; more;) {
      verdin::with_timeout(70us, [&] {
        while (auto item = queue.next()) sum += **item;
        more = false;
      });
    }
  });
  producer.join();
  EXPECT_EQ(sum, kItems * (kItems + 1) / 2);
}

TEST(SharedChannel, hands_over_between_hubs_and_threads) {
  constexpr int kItems = 1000;
  shared::Channel<int> there;
  shared::Channel<int> back;
  auto echo = hub_thread([&] {
    for (const int item : there) back.put(item + 1);
    back.close();
  });
  for (int i = 0; i < kItems; ++i) {
    there.put(i);
    ASSERT_EQ(back.get(), i + 1);
  }
  there.close();
  EXPECT_EQ(back.next(), std::nullopt);
  echo.join();
}

TEST(SharedChannel, many_getters_are_all_served) {
  constexpr int kEach = 300;
  shared::Channel<int> channel;
  std::atomic<int> sum = 0;
  const auto get = [&] {
    for (int i = 0; i < kEach; ++i) sum += channel.get();
  };
  std::thread thread(get);
  auto hub = hub_thread([&] {
    auto other = verdin::spawn(get);
    get();
    other.get();
  });
  std::thread putter([&] {
    for (int i = 0; i < kEach; ++i) channel.put(1);
  });
  for (int i = 0; i < 2 * kEach; ++i) channel.put(1);
  thread.join();
  hub.join();
  putter.join();
  EXPECT_EQ(sum, 3 * kEach);
}

TEST(SharedMutex, excludes_over_hubs_and_threads) {
  constexpr int kTimes = 500;
  shared::Mutex mutex;
  int counter = 0;
  const auto count = [&] {
    for (int i = 0; i < kTimes; ++i) {
      const std::scoped_lock lock(mutex);
      ++counter;
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(count);
  threads.push_back(hub_thread([&] {
    auto other = verdin::spawn([&] {
      for (int i = 0; i < kTimes; ++i) {
        const std::scoped_lock lock(mutex);
        const int before = counter;
        verdin::yield();  // held across a switch
        counter = before + 1;
      }
    });
    count();
    other.get();
  }));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 3 * kTimes);
  EXPECT_THROW(mutex.unlock(), verdin::LockMisuse);
}

TEST(SharedCondition, passes_a_turn_to_and_fro) {
  constexpr int kTurns = 300;
  shared::Mutex mutex;
  shared::Condition changed;
  int turn = 0;
  const auto play = [&](int me) {
    for (int i = 0; i < kTurns; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return turn % 2 == me; });
      ++turn;
      changed.notify_one();
    }
  };
  auto hub = hub_thread([&] { play(1); });
  play(0);
  hub.join();
  EXPECT_EQ(turn, 2 * kTurns);
  std::unique_lock lock(mutex);
  EXPECT_FALSE(changed.wait_for(lock, 1ms));
}

TEST(SharedSemaphore, direct_or_barging_gives_every_unit_to_somebody) {
  for (const verdin::Handoff handoff : {verdin::Handoff::barging, verdin::Handoff::direct}) {
    shared::Semaphore semaphore(2, handoff);
    std::atomic<int> inside = 0;
    const auto work = [&] {
      for (int i = 0; i < 300; ++i) {
        const std::scoped_lock lock(semaphore);
        EXPECT_LE(++inside, 2);
        --inside;
      }
    };
    std::thread first(work);
    std::thread second(work);
    auto hub = hub_thread([&] {
      auto other = verdin::spawn(work);
      work();
      other.get();
    });
    first.join();
    second.join();
    hub.join();
    EXPECT_EQ(semaphore.count(), 2U);
  }
}

TEST(SharedFuture, carries_a_result_to_hubs_and_threads) {
  shared::Promise<std::string> promise;
  const auto future = promise.future();
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([future] { EXPECT_EQ(future.get(), "x"); });
    threads.push_back(hub_thread([future] { EXPECT_EQ(future.get(), "x"); }));
  }
  promise.set_value("x");
  for (std::thread& thread : threads) thread.join();
  std::optional<shared::Promise<>> broken(std::in_place);
  auto reader = hub_thread([of = broken->future()] { EXPECT_THROW(of.get(), verdin::BrokenPromise); });
  broken.reset();
  reader.join();
}

TEST(Shared, a_hub_that_ends_leaves_nothing_behind) {
  shared::Queue<int> queue(1);
  shared::Event event;
  for (int i = 0; i < 20; ++i) {
    std::thread setter([&] {
      event.set();
      event.clear();
      queue.try_put(1);
    });
    verdin::run([&] {
      verdin::spawn([&] { event.wait(); });
      verdin::spawn([&] { queue.get(); });
      verdin::yield();
    });  // both are killed, perhaps while they are told
    setter.join();
    queue.try_put(2);
    EXPECT_TRUE(queue.try_get().has_value());
    EXPECT_EQ(queue.try_get(), std::nullopt);
  }
}

TEST(Shared, in_a_callback_of_a_hub_only_what_does_not_block) {
  verdin::run([] {
    shared::Queue<int> queue(1);
    shared::Semaphore semaphore(0);
    shared::Event done;
    verdin::Hub::current().post([&] {
      EXPECT_THROW(queue.get(), verdin::BlockingSwitchOutError);
      EXPECT_THROW(semaphore.acquire_for(1s), verdin::BlockingSwitchOutError);
      EXPECT_THROW(done.wait(), verdin::BlockingSwitchOutError);
      queue.put(1);
      EXPECT_EQ(queue.try_get(), 1);
      done.set();
    });
    done.wait();
  });
}

/// Never ends, whatever is thrown into it.
template <typename Wait>
void endure(Wait wait) {
  verdin::spawn([wait] {
    for (;;) {
      try {
        wait();
      } catch (const verdin::GreenletExit&) {
      }
    }
  });
}

TEST(Shared, a_greenlet_that_its_hub_gave_up_is_passed_over_and_counts_no_more) {
  verdin::set_log_sink([](verdin::LogLevel, std::string_view) {});  // it is reported
  shared::Event event;
  shared::Semaphore free(0);
  shared::Semaphore direct(0, verdin::Handoff::direct);
  shared::Channel<int> got_from;
  shared::Channel<int> put_to;
  std::thread([&] {
    verdin::run({.unwind_limit = 50ms}, [&] {
      endure([&] { event.wait(); });
      endure([&] { free.acquire(); });
      endure([&] { direct.acquire(); });
      endure([&] { got_from.get(); });
      endure([&] { put_to.put(1); });
      verdin::yield();
    });
  }).join();
  event.set();
  EXPECT_EQ(got_from.balance(), 0);
  EXPECT_FALSE(got_from.try_put(1));
  EXPECT_EQ(put_to.balance(), 0);
  EXPECT_EQ(put_to.try_get(), std::nullopt);
  EXPECT_EQ(direct.release(), 1u);
  EXPECT_TRUE(direct.try_acquire());
  verdin::run([&] {
    auto waiter = verdin::spawn([&] { free.acquire(); });
    verdin::yield();
    free.release();
    EXPECT_TRUE(verdin::with_timeout(60s, [&] { waiter.get(); }));
    auto putter = verdin::spawn([&] { got_from.put(2); });
    verdin::yield();
    EXPECT_EQ(got_from.get_for(60s), 2);
  });
  verdin::set_log_sink({});
}

TEST(Shared, an_offer_that_was_taken_from_one_given_up_is_no_turn_of_the_next) {
  shared::Channel<int> channel;
  // Its hub has killed it for the last time, and runs it no more.
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view text) {
    if (text.find("would not die") == std::string_view::npos) return;
    std::thread([&] { EXPECT_EQ(channel.try_get(), 1); }).join();
  });
  std::thread hub([&] {
    verdin::run({.unwind_limit = 50ms}, [&] {
      verdin::spawn([&] {
        const verdin::Shield shield;
        channel.put(1);
      });
      while (channel.balance() < 2) verdin::yield();
    });
  });
  while (channel.balance() < 1) std::this_thread::yield();
  std::thread second([&] { channel.put(2); });
  hub.join();
  verdin::set_log_sink({});
  EXPECT_EQ(channel.try_get(), 2);
  second.join();
}

TEST(Shared, what_was_for_a_greenlet_that_is_given_up_goes_to_the_next) {
  shared::Mutex mutex;
  shared::Condition changed;
  int waiting = 0;
  const auto count = [&] {
    const std::scoped_lock lock(mutex);
    return waiting;
  };
  // Its hub has killed it for the last time, and runs it no more.
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view text) {
    if (text.find("would not die") == std::string_view::npos) return;
    std::thread([&] {
      const std::scoped_lock lock(mutex);
      changed.notify_one();
    }).join();
  });
  std::thread hub([&] {
    verdin::run({.unwind_limit = 50ms}, [&] {
      verdin::spawn([&] {
        const verdin::Shield shield;
        std::unique_lock lock(mutex);
        ++waiting;
        changed.wait(lock);
      });
      while (count() < 2) verdin::yield();
    });
  });
  while (count() < 1) std::this_thread::yield();
  {
    std::unique_lock lock(mutex);  // the other waits
    ++waiting;
    EXPECT_TRUE(changed.wait_for(lock, 60s));
  }
  hub.join();
  verdin::set_log_sink({});
}

}  // namespace
