// What a kill, an exception or a timeout can do to locks, conditions, barriers, results, queues and channels,
// of both families, at each of their moments. See support/fault_schedule.hpp.
#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/barrier.hpp>
#include <verdin/runtime/channel.hpp>
#include <verdin/runtime/condition.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/future.hpp>
#include <verdin/runtime/mutex.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/rlock.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/shared/channel.hpp>
#include <verdin/runtime/shared/condition.hpp>
#include <verdin/runtime/shared/event.hpp>
#include <verdin/runtime/shared/future.hpp>
#include <verdin/runtime/shared/mutex.hpp>
#include <verdin/runtime/shared/queue.hpp>
#include <verdin/runtime/shared/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>

#include "support/fault_schedule.hpp"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

/// Three that each hold the lock three times, across a switch; never more than `most` at once.
template <typename Lock>
void holding(Trial& trial, Lock& lock, int most, const std::function<bool(Lock&)>& take) {
  int inside = 0;
  int held[3] = {};
  for (int& mine : held) {
    trial.role([&] {
      while (mine < 3) {
        if (!take(lock)) continue;
        const std::unique_lock guard(lock, std::adopt_lock);
        struct Inside {
          int& count;
          ~Inside() { --count; }
        };
        ++inside;
        const Inside leave{inside};
        EXPECT_LE(inside, most);
        mine % 2 ? yield() : sleep(1ms);
        ++mine;
      }
    });
  }
  trial.run();
  EXPECT_EQ(inside, 0);
  for (int i = 0; i < most; ++i) EXPECT_TRUE(lock.try_lock()) << "it is still held";
  for (int i = 0; i < most; ++i) lock.unlock();
}

template <typename Lock>
bool lock_it(Lock& lock) {
  lock.lock();
  return true;
}

template <typename Lock>
bool try_for_a_moment(Lock& lock) {
  return lock.try_lock_for(1ms);
}

template <typename Lock, auto Take = &lock_it<Lock>, typename... Options>
Scenario of_lock(const char* name, int most, Options... options) {
  return {name, [=](Trial& trial) {
            Lock lock(options...);
            holding<Lock>(trial, lock, most, Take);
          }};
}

bool lock_twice(RLock& lock) {
  lock.lock();
  const std::unique_lock again(lock);
  return true;
}

/// wait() takes nothing, and comes to an end for everybody once there is something.
template <typename Lock>
void waiting_for_semaphore(Trial& trial) {
  Lock lock(0);
  bool seen[2] = {};
  bool released = false;
  for (bool& mine : seen) {
    trial.role([&] {
      if (mine) return;
      while (lock.wait_for(1ms) == 0) lock.wait();
      mine = true;
    });
  }
  trial.role([&] {
    sleep(2ms);
    if (!std::exchange(released, true)) lock.release();
  });
  trial.run();
  EXPECT_EQ(lock.count(), 1U);
}

template <typename Lock, typename Changed>
void condition(Trial& trial, bool with_limits) {
  Lock mutex;
  Changed changed;
  int made = 0;
  int stock = 0;
  int taken[2] = {};
  trial.role([&] {
    while (made < 8) {
      const std::unique_lock lock(mutex);
      ++made;
      ++stock;
      changed.notify_one();
      yield();
    }
  });
  for (int& mine : taken) {
    trial.role([&] {
      while (mine < 4) {
        std::unique_lock lock(mutex);
        if (!with_limits) {
          changed.wait(lock, [&] { return stock > 0; });
        } else if (!changed.wait_for(lock, 1ms, [&] { return stock > 0; })) {
          continue;
        }
        --stock;
        ++mine;
      }
    });
  }
  trial.run();
  EXPECT_EQ(stock, 0);
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

void barrier(Trial& trial) {
  Barrier meeting(3);
  int rounds[3] = {};
  for (int& mine : rounds) {
    trial.role([&] {
      while (mine < 4) {
        meeting.wait();
        ++mine;
        EXPECT_LE(*std::max_element(rounds, rounds + 3) - *std::min_element(rounds, rounds + 3), 1);
      }
    });
  }
  trial.run();
  EXPECT_EQ(meeting.waiting(), 0U);
}

/// Who comes too late breaks it, and one puts it right again.
void barrier_that_breaks(Trial& trial) {
  Barrier meeting(2);
  bool done[2] = {};
  for (bool& mine : done) {
    trial.role([&] {
      if (&mine == &done[1]) sleep(2ms);
      while (!mine) {
        try {
          meeting.wait_for(1ms);
          mine = true;
        } catch (const BrokenBarrier&) {
          if (done[0] || done[1]) mine = true;  // nobody is left to meet
          meeting.reset();
          yield();
        }
      }
    });
  }
  trial.run();
  EXPECT_EQ(meeting.waiting(), 0U);
}

template <typename P>
void future(Trial& trial) {
  P promise;
  int seen[2] = {};
  trial.role([&] {
    sleep(1ms);
    if (!promise.future().ready()) promise.set_value(7);
  });
  for (int& mine : seen) {
    trial.role([&] {
      auto result = promise.future();
      while (!result.wait_for(1ms)) {
      }
      mine = result.get();
    });
  }
  trial.role([&] { EXPECT_EQ(promise.future().get(), 7); });
  trial.run();
  for (const int mine : seen) EXPECT_EQ(mine, 7);
}

template <typename E>
void event_in_rounds(Trial& trial) {
  constexpr int kRounds = 3;
  E rounds[kRounds];
  int done = 0;
  int seen[2] = {};
  trial.role([&] {
    for (; done < kRounds; ++done) {
      sleep(1ms);
      rounds[done].set();
      yield();
    }
  });
  for (int& mine : seen) {
    trial.role([&] {
      while (mine < kRounds) {
        if (!rounds[mine].wait_for(1ms)) rounds[mine].wait();
        ++mine;
      }
    });
  }
  trial.run();
  for (const int mine : seen) EXPECT_EQ(mine, kRounds);
}

/// Two that put so many each, two that take so many each.
struct Exchanged {
  static constexpr int kEach = 3;
  int put[2] = {};
  std::vector<int> taken[2];

  int next(int putter) const { return putter * kEach + put[putter]; }
  /// Every item came once.
  void check() const {
    std::vector<int> all = taken[0];
    all.insert(all.end(), taken[1].begin(), taken[1].end());
    std::sort(all.begin(), all.end());
    std::vector<int> expected(std::size_t{2} * kEach);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected);
  }
};

template <typename Q>
void exchange(Trial& trial, Q& queue, bool with_limits) {
  Exchanged exchanged;
  for (int i = 0; i < 2; ++i) {
    trial.role([&, i] {
      while (exchanged.put[i] < Exchanged::kEach) {
        if (!with_limits) {
          queue.put(exchanged.next(i));
        } else if (!queue.put_for(exchanged.next(i), 1ms)) {
          continue;
        }
        ++exchanged.put[i];
        yield();
      }
    });
    trial.role([&, i] {
      std::vector<int>& taken = exchanged.taken[i];
      while (taken.size() < Exchanged::kEach) {
        if (with_limits) {
          if (const auto item = queue.get_for(2ms)) taken.push_back(*item);
          sleep(1ms);
        } else {
          taken.push_back(queue.get());
        }
        yield();
      }
    });
  }
  trial.run();
  exchanged.check();
}

template <typename Q>
Scenario of_queue(const char* name, std::size_t capacity, bool with_limits) {
  return {name, [=](Trial& trial) {
            Q queue(capacity);
            exchange(trial, queue, with_limits);
            EXPECT_TRUE(queue.empty());
          }};
}

template <typename C>
Scenario of_channel(const char* name, bool with_limits) {
  return {name, [=](Trial& trial) {
            C channel;
            exchange(trial, channel, with_limits);
            EXPECT_EQ(channel.balance(), 0);
          }};
}

/// Peekers, those who wait until all is done, and a close that ends everybody's loop.
template <typename Q>
void queue_of_tasks(Trial& trial) {
  constexpr int kTasks = 4;
  Q queue(1);
  int put = 0;
  int done = 0;
  trial.role([&] {
    while (put < kTasks) {
      queue.put(put);
      ++put;
    }
    queue.join();
    queue.close();
  });
  for (int i = 0; i < 2; ++i) {
    trial.role([&] {
      while (queue.next()) {
        ++done;
        queue.task_done();
        yield();
      }
    });
  }
  trial.role([&] {
    try {
      while (!queue.peek_for(1ms)) {
      }
      queue.peek();
    } catch (const QueueClosed&) {
      EXPECT_EQ(done, kTasks);
    }
  });
  trial.run();
  EXPECT_EQ(done, kTasks);
  EXPECT_EQ(queue.unfinished(), 0U);
}

const Scenario kScenarios[] = {
    of_lock<Semaphore>("semaphore", 2, 2U),
    of_lock<Semaphore>("semaphore_that_is_handed_on", 1, 1U, Handoff::direct),
    of_lock<BoundedSemaphore, &try_for_a_moment<BoundedSemaphore>>("bounded_semaphore_with_limits", 1, 1U),
    {"semaphore_that_is_waited_for", &waiting_for_semaphore<Semaphore>},
    of_lock<Mutex>("mutex", 1),
    of_lock<Mutex, &try_for_a_moment<Mutex>>("mutex_with_limits", 1),
    of_lock<RLock, &lock_twice>("rlock", 1),
    {"condition", [](Trial& trial) { condition<Mutex, Condition>(trial, false); }},
    {"condition_with_limits", [](Trial& trial) { condition<Mutex, Condition>(trial, true); }},
    {"condition_of_rlock", [](Trial& trial) { condition<RLock, Condition>(trial, false); }},
    {"barrier", barrier},
    {"barrier_that_breaks", barrier_that_breaks},
    {"future", &future<Promise<int>>},
    of_queue<PriorityQueue<int>>("priority_queue", 2, false),
    of_queue<LifoQueue<int>>("lifo_queue", 2, true),
    {"queue_of_tasks", &queue_of_tasks<Queue<int>>},
    of_channel<Channel<int>>("channel", false),
    of_channel<Channel<int>>("channel_with_limits", true),
};

const Scenario kSharedScenarios[] = {
    of_lock<shared::Semaphore>("semaphore", 2, 2U),
    of_lock<shared::Semaphore>("semaphore_that_is_handed_on", 1, 1U, Handoff::direct),
    of_lock<shared::BoundedSemaphore, &try_for_a_moment<shared::BoundedSemaphore>>(
        "bounded_semaphore_with_limits", 1, 1U),
    {"semaphore_that_is_waited_for", &waiting_for_semaphore<shared::Semaphore>},
    of_lock<shared::Mutex>("mutex", 1),
    of_lock<shared::Mutex, &try_for_a_moment<shared::Mutex>>("mutex_with_limits", 1),
    {"condition", [](Trial& trial) { condition<shared::Mutex, shared::Condition>(trial, false); }},
    {"condition_with_limits", [](Trial& trial) { condition<shared::Mutex, shared::Condition>(trial, true); }},
    {"event", &event_in_rounds<shared::Event>},
    {"future", &future<shared::Promise<int>>},
    of_queue<shared::Queue<int>>("queue", 1, false),
    of_queue<shared::Queue<int>>("queue_with_limits", 2, true),
    of_queue<shared::PriorityQueue<int>>("priority_queue", 2, true),
    of_queue<shared::LifoQueue<int>>("lifo_queue", 2, false),
    {"queue_of_tasks", &queue_of_tasks<shared::Queue<int>>},
    of_channel<shared::Channel<int>>("channel", false),
    of_channel<shared::Channel<int>>("channel_with_limits", true),
};

class SyncFaults : public testing::TestWithParam<Scenario> {};

TEST_P(SyncFaults, leave_nothing_lost_or_stuck) { EXPECT_GT(play_all(GetParam()), kFewestPlayings); }

INSTANTIATE_TEST_SUITE_P(Local, SyncFaults, testing::ValuesIn(kScenarios), &name_of_scenario);
INSTANTIATE_TEST_SUITE_P(Shared, SyncFaults, testing::ValuesIn(kSharedScenarios), &name_of_scenario);

}  // namespace
}  // namespace verdin::test
