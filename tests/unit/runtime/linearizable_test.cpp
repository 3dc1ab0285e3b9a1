// Random concurrent histories of the cross-thread family: hubs with greenlets that are killed and time out,
// and plain threads, at once. Each history is small; what matters is that there are many.
#include "support/linearizable.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

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

using namespace std::chrono_literals;
using verdin::test::History;
using verdin::test::linearizable;
using verdin::test::Timed;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr int kRounds = 25;
#else
constexpr int kRounds = 60;
#endif
constexpr int kCallsOfEach = 6;

// What one actor may do: calls of `act` with random numbers of its own, on a thread or a greenlet.
using Random = std::minstd_rand;

/// Two plain threads, and two hubs with two greenlets each.
template <typename Act>
void play(unsigned seed, const Act& act) {
  std::vector<std::thread> threads;
  std::atomic<int> ready = 0;
  const auto start = [&] {
    ++ready;
    while (ready < 4) std::this_thread::yield();
  };
  for (unsigned i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      start();
      Random random(seed * 8 + i);
      for (int n = 0; n < kCallsOfEach; ++n) act(random);
    });
    threads.emplace_back([&, i] {
      verdin::run([&, i] {
        start();
        std::vector<verdin::Greenlet<>> actors;
        for (unsigned k = 0; k < 2; ++k) {
          actors.push_back(verdin::spawn([&, i, k] {
            Random random(seed * 8 + 2 + i * 2 + k);
            for (int n = 0; n < kCallsOfEach; ++n) {
              act(random);
              if (random() % 2 == 0) verdin::yield();
            }
          }));
        }
        for (auto& actor : actors) actor.get();
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// Runs function() so that, on a greenlet, it may be killed while it waits; false if it was, and had no
/// effect.
template <typename F>
bool maybe_killed(Random& random, F&& function) {
  if (!verdin::Hub::current_or_null() || random() % 2 == 0) {
    function();
    return true;
  }
  auto call = verdin::spawn([&] { function(); });
  for (auto n = random() % 3; n > 0; --n) verdin::yield();
  call.kill();
  return !call.killed();
}

struct Call {
  enum Kind { put, get, release, acquire, set, clear, wait } kind;
  int value = 0;
  bool worked = true;
};

struct QueueModel {
  std::vector<int> items{};
  std::size_t capacity = 2;
  bool apply(const Call& call) {
    if (call.kind == Call::put) {
      if (call.worked != (items.size() < capacity)) return false;
      if (call.worked) items.push_back(call.value);
      return true;
    }
    if (!call.worked) return items.empty();
    if (items.empty() || items.front() != call.value) return false;
    items.erase(items.begin());
    return true;
  }
  std::string key() const {
    std::string text;
    for (const int item : items) text += std::to_string(item) + ',';
    return text;
  }
};

TEST(Linearizable, the_checker_tells_what_cannot_have_been) {
  const Call put{Call::put, 1};
  const Call got{Call::get, 1};
  EXPECT_TRUE(linearizable(std::vector<Timed<Call>>{{put, 0, 3}, {got, 1, 2}}, QueueModel{}));
  EXPECT_FALSE(linearizable(std::vector<Timed<Call>>{{got, 0, 1}, {put, 2, 3}}, QueueModel{}));
  EXPECT_FALSE(linearizable(std::vector<Timed<Call>>{{put, 0, 1}, {got, 2, 5}, {got, 3, 4}}, QueueModel{}));
  EXPECT_FALSE(
      linearizable(std::vector<Timed<Call>>{{put, 0, 1}, {{Call::get, 0, false}, 2, 3}}, QueueModel{}));
}

TEST(Linearizable, queue) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Queue<int> queue(2);
    History<Call> history;
    std::atomic<int> next = 1;
    play(round, [&](Random& random) {
      history.record([&]() -> std::pair<Call, bool> {
        if (random() % 2 == 0) {
          Call call{Call::put, next++};
          const bool whole = maybe_killed(random, [&] {
            call.worked = random() % 3 == 0 ? queue.try_put(call.value) : queue.put_for(call.value, 200us);
          });
          return {call, whole};
        }
        Call call{Call::get};
        const bool whole = maybe_killed(random, [&] {
          const std::optional<int> item = random() % 3 == 0 ? queue.try_get() : queue.get_for(200us);
          call.worked = item.has_value();
          call.value = item.value_or(0);
        });
        return {call, whole};
      });
    });
    while (auto item = queue.try_get()) {
      history.record([&] { return std::pair(Call{Call::get, *item}, true); });
    }
    ASSERT_LE(history.calls().size(), 64U);
    ASSERT_TRUE(linearizable(history.calls(), QueueModel{})) << "round " << round;
  }
}

struct SemaphoreModel {
  std::size_t count = 1;
  bool apply(const Call& call) {
    if (call.kind == Call::release) {
      ++count;
    } else if (call.worked) {
      if (count == 0) return false;
      --count;
    } else {
      return count == 0;
    }
    return true;
  }
  std::string key() const { return std::to_string(count); }
};

TEST(Linearizable, semaphore) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Semaphore semaphore(1);
    History<Call> history;
    play(round, [&](Random& random) {
      history.record([&]() -> std::pair<Call, bool> {
        if (random() % 5 < 2) {
          semaphore.release();
          return {Call{Call::release}, true};
        }
        Call call{Call::acquire};
        const bool whole = maybe_killed(random, [&] {
          call.worked = random() % 3 == 0 ? semaphore.try_acquire() : semaphore.acquire_for(200us);
        });
        return {call, whole};
      });
    });
    while (semaphore.try_acquire()) {
      history.record([&] { return std::pair(Call{Call::acquire}, true); });
    }
    history.record([&] { return std::pair(Call{Call::acquire, 0, false}, true); });
    ASSERT_LE(history.calls().size(), 64U);
    ASSERT_TRUE(linearizable(history.calls(), SemaphoreModel{})) << "round " << round;
  }
}

/// Between two looks at the flag it may have been raised and lowered: a wait that worked needs a moment at
/// which it was up, and set() makes one.
struct EventModel {
  bool up = false;
  bool apply(const Call& call) {
    if (call.kind == Call::set) up = true;
    if (call.kind == Call::clear) up = false;
    return call.kind != Call::wait || call.worked == up;
  }
  std::string key() const { return up ? "1" : "0"; }
};

TEST(Linearizable, event) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Event event;
    History<Call> history;
    play(round, [&](Random& random) {
      history.record([&]() -> std::pair<Call, bool> {
        const auto what = random() % 6;
        if (what == 0) {
          event.set();
          return {Call{Call::set}, true};
        }
        if (what == 1) {
          event.clear();
          return {Call{Call::clear}, true};
        }
        Call call{Call::wait};
        const bool whole = maybe_killed(random, [&] { call.worked = event.wait_for(100us); });
        return {call, whole};
      });
    });
    ASSERT_TRUE(linearizable(history.calls(), EventModel{})) << "round " << round;
  }
}

/// A rendezvous is one moment of two calls: every item that was put was got once, by a call that overlaps.
TEST(Linearizable, channel) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Channel<int> channel;
    History<Call> history;
    std::atomic<int> next = 1;
    play(round, [&](Random& random) {
      history.record([&]() -> std::pair<Call, bool> {
        if (random() % 2 == 0) {
          Call call{Call::put, next++};
          call.worked = channel.put_for(call.value, 300us);
          return {call, true};
        }
        Call call{Call::get};
        const bool whole = maybe_killed(random, [&] {
          const std::optional<int> item = random() % 3 == 0 ? channel.try_get() : channel.get_for(300us);
          call.worked = item.has_value();
          call.value = item.value_or(0);
        });
        return {call, whole};
      });
    });
    EXPECT_EQ(channel.balance(), 0);
    std::vector<const Timed<Call>*> puts(static_cast<std::size_t>(next.load()));
    std::size_t left = 0;
    for (const auto& timed : history.calls()) {
      if (timed.call.kind != Call::put || !timed.call.worked) continue;
      puts[static_cast<std::size_t>(timed.call.value)] = &timed;
      ++left;
    }
    for (const auto& timed : history.calls()) {
      if (timed.call.kind != Call::get || !timed.call.worked) continue;
      const Timed<Call>*& put = puts[static_cast<std::size_t>(timed.call.value)];
      ASSERT_TRUE(put) << "an item was got that was not put, or twice";
      EXPECT_TRUE(put->began < timed.returned && timed.began < put->returned);
      put = nullptr;
      --left;
    }
    EXPECT_EQ(left, 0U) << "an item was put and not got";
  }
}

/// Who holds it is part of a history: whoever unlocks has locked.
TEST(Linearizable, mutex) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Mutex mutex;
    History<Call> history;
    int inside = 0;  // guarded by it: ThreadSanitizer looks, too
    play(round, [&](Random& random) {
      if (random() % 2 == 0) return;
      const bool look = random() % 3 == 0;
      maybe_killed(random, [&] {
        bool locked = false;
        history.record([&]() -> std::pair<Call, bool> {
          locked = look ? mutex.try_lock() : mutex.try_lock_for(200us);
          return {Call{Call::acquire, 0, locked}, true};
        });
        if (!locked) return;
        EXPECT_TRUE(mutex.mine());
        EXPECT_EQ(++inside, 1);
        --inside;
        history.record([&]() -> std::pair<Call, bool> {
          mutex.unlock();
          return {Call{Call::release}, true};
        });
      });
    });
    EXPECT_FALSE(mutex.locked());
    ASSERT_LE(history.calls().size(), 64U);
    ASSERT_TRUE(linearizable(history.calls(), SemaphoreModel{})) << "round " << round;
  }
}

/// A queue made of a mutex and a condition is one if those are what they should be.
TEST(Linearizable, condition) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Mutex mutex;
    verdin::shared::Condition changed;
    std::vector<int> items;
    History<Call> history;
    std::atomic<int> next = 1;
    play(round, [&](Random& random) {
      history.record([&]() -> std::pair<Call, bool> {
        Call call{random() % 2 == 0 ? Call::put : Call::get};
        if (call.kind == Call::put) call.value = next++;
        const bool all = random() % 2 == 0;
        const bool whole = maybe_killed(random, [&] {
          std::unique_lock lock(mutex);
          const bool put = call.kind == Call::put;
          call.worked =
              changed.wait_for(lock, 200us, [&] { return put ? items.size() < 2 : !items.empty(); });
          if (!call.worked) return;
          if (put) {
            items.push_back(call.value);
          } else {
            call.value = items.front();
            items.erase(items.begin());
          }
          all ? changed.notify_all() : changed.notify_one();
        });
        return {call, whole};
      });
    });
    for (const int item : items) {
      history.record([&] { return std::pair(Call{Call::get, item}, true); });
    }
    ASSERT_LE(history.calls().size(), 64U);
    ASSERT_TRUE(linearizable(history.calls(), QueueModel{})) << "round " << round;
  }
}

/// Set once, by the first; whoever waits sees that, and nothing before it.
struct FutureModel {
  int value = 0;
  bool apply(const Call& call) {
    if (call.kind == Call::set) {
      if (call.worked != (value == 0)) return false;
      if (call.worked) value = call.value;
      return true;
    }
    return call.worked ? value == call.value : value == 0;
  }
  std::string key() const { return std::to_string(value); }
};

TEST(Linearizable, future) {
  for (unsigned round = 0; round < kRounds; ++round) {
    verdin::shared::Promise<int> promise;
    const verdin::shared::Future<int> future = promise.future();
    History<Call> history;
    std::atomic<int> next = 1;
    play(round, [&](Random& random) {
      history.record([&]() -> std::pair<Call, bool> {
        if (random() % 12 == 0) {
          Call call{Call::set, next++};
          call.worked = promise.try_set_value(call.value);
          return {call, true};
        }
        Call call{Call::wait};
        const bool whole = maybe_killed(random, [&] {
          const int* const value = future.get_for(100us);
          call.worked = value;
          call.value = value ? *value : 0;
        });
        return {call, whole};
      });
    });
    ASSERT_LE(history.calls().size(), 64U);
    ASSERT_TRUE(linearizable(history.calls(), FutureModel{})) << "round " << round;
  }
}

}  // namespace
