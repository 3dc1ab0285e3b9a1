// What a kill, an exception or a timeout can do to those who wait for several things, to groups, pools and
// what runs in them, and to those who wait for threads, signals and processes, at each of their moments. See
// support/fault_schedule.hpp.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/net/process.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/future.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/scoped_greenlet.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/signal.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/task_group.hpp>
#include <verdin/runtime/thread_pool.hpp>
#include <verdin/runtime/wait.hpp>

#include "support/fault_schedule.hpp"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

/// Counts those that are inside, and how often one came out by itself.
struct Work {
  int inside = 0;
  int most = 0;
  int done = 0;

  void run(loop::Clock::duration time = 1ms) {
    struct Leave {
      int& count;
      ~Leave() { --count; }
    };
    most = std::max(most, ++inside);
    const Leave leave{inside};
    sleep(time);
    ++done;
  }
};

/// Two that do `once` until it was done, each by itself.
void twice(Trial& trial, const std::function<void()>& once) {
  bool done[2] = {};
  for (bool& mine : done) {
    trial.role([&] {
      if (mine) return;
      once();
      mine = true;
    });
  }
  trial.run();
  EXPECT_TRUE(done[0] && done[1]);
}

// ---- several things at once

void waiting(Trial& trial, bool with_limits) {
  Event event;
  Promise<int> promise;
  Semaphore semaphore(0);
  auto greenlet = spawn([] { sleep(1ms); });
  auto future = promise.future();
  bool done[2] = {};
  for (bool& mine : done) {
    trial.role([&] {
      if (mine) return;
      if (with_limits) {
        while (!wait_for(1ms, event, greenlet, semaphore, future)) {
        }
      } else {
        EXPECT_LT(wait_any(future, event, greenlet), 3U);
        wait(event, greenlet, semaphore, future);
      }
      EXPECT_TRUE(event.ready() && greenlet.ready() && semaphore.ready() && future.ready());
      mine = true;
    });
  }
  trial.role([&] {
    yield();
    event.set();
    sleep(1ms);
    if (!promise.ready()) promise.set_value(1);
    if (semaphore.count() == 0) semaphore.release();
  });
  trial.run();
  EXPECT_TRUE(done[0] && done[1]);
  EXPECT_EQ(semaphore.count(), 1U);
}

void one_after_the_other(Trial& trial) {
  std::vector<Greenlet<int>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(spawn([i] {
      i % 2 ? yield() : sleep(i * 1ms);
      return i;
    }));
  }
  twice(trial, [&] {
    int sum = 0;
    for (auto& greenlet : as_ready(all)) {
      sum += greenlet.get();
      yield();
    }
    EXPECT_EQ(sum, 6);
  });
}

void joining_with_options(Trial& trial) {
  std::vector<Greenlet<>> all;
  for (int i = 0; i < 3; ++i) all.push_back(spawn([i] { sleep(i * 1ms); }));
  twice(trial, [&] {
    EXPECT_GE(join_all(all, {.count = 2}).size(), 2U);
    while (join_all(all, {.limit = 1ms}).size() < all.size()) {
    }
  });
}

void killing_all(Trial& trial) {
  Work work;
  std::vector<Greenlet<>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(spawn([&] {
      try {
        work.run(1h);
      } catch (...) {
        sleep(1ms);
        throw;
      }
    }));
  }
  twice(trial, [&] { kill_all(all); });
  EXPECT_EQ(work.inside, 0);
  for (const auto& greenlet : all) EXPECT_TRUE(greenlet.ready());
}

void scoped(Trial& trial) {
  Work work;
  twice(trial, [&] {
    const ScopedGreenlet first(spawn([&] { work.run(); }));
    with_greenlet(spawn([&] { work.run(2ms); }), [&](auto&) { sleep(1ms); });
  });
  EXPECT_EQ(work.inside, 0);
}

// ---- groups and pools

void group(Trial& trial) {
  Group group;
  Work work;
  int spawned[2] = {};
  for (int& mine : spawned) {
    trial.role([&] {
      for (; mine < 3; ++mine) group.spawn([&] { work.run(); });
      group.join();
      while (!group.join_for(1ms)) {
      }
    });
  }
  trial.run();
  EXPECT_TRUE(group.empty());
  EXPECT_EQ(work.done, 6);
}

void group_that_is_killed(Trial& trial) {
  Group group;
  Work work;
  for (int i = 0; i < 3; ++i) {
    group.spawn([&] {
      try {
        work.run(1h);
      } catch (...) {
        sleep(1ms);
        throw;
      }
    });
  }
  twice(trial, [&] { group.kill(); });
  EXPECT_TRUE(group.empty());
  EXPECT_EQ(work.inside, 0);
}

void pool(Trial& trial, bool with_limits) {
  Pool pool(2);
  Work work;
  int spawned[2] = {};
  for (int& mine : spawned) {
    trial.role([&] {
      while (mine < 4) {
        if (with_limits) {
          if (!pool.spawn_for(1ms, [&] { work.run(3ms); })) continue;
        } else {
          pool.wait_available();
          pool.spawn([&] { work.run(); });
        }
        ++mine;
      }
    });
  }
  trial.run();
  pool.join();
  EXPECT_EQ(work.done, 8);
  EXPECT_LE(work.most, 2);
  EXPECT_EQ(pool.free_count(), 2U);
}

const std::vector<int> kItems{1, 2, 3, 4};
const std::vector<int> kSquares{1, 4, 9, 16};

/// What it leaves behind is looked for by each user of the pool: nothing of a map that was interrupted may
/// run on.
void with_pool(Trial& trial, const std::function<void(Pool&, Work&)>& use) {
  Pool pool(2);
  Work work;
  twice(trial, [&] { use(pool, work); });
  EXPECT_EQ(work.inside, 0);
  EXPECT_EQ(pool.free_count(), 2U);
  EXPECT_TRUE(pool.empty());
}

void mapping(Pool& pool, Work& work) {
  const auto square = [&](int n) {
    work.run();
    return n * n;
  };
  EXPECT_EQ(pool.map(square, kItems), kSquares);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

void mapping_lazily(Pool& pool, Work& work) {
  const auto square = [&](int n) {
    work.run(n % 2 * 1ms);
    return n * n;
  };
  std::vector<int> values;
  for (const int value : pool.imap(square, kItems).look_ahead(2)) values.push_back(value);
  EXPECT_EQ(values, kSquares);
}

void mapping_as_they_come(Pool& pool, Work& work) {
  const auto square = [&](int n) {
    work.run((5 - n) * 1ms);
    return n * n;
  };
  std::vector<int> values;
  for (const int value : pool.imap_unordered(square, kItems)) values.push_back(value);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, kSquares);
}

void tasks(Trial& trial) {
  Work work;
  twice(trial, [&] {
    TaskGroup tasks;
    for (int i = 0; i < 3; ++i) tasks.spawn([&, i] { work.run(i * 1ms); });
    tasks.join();
  });
  EXPECT_EQ(work.inside, 0);
}

void tasks_one_of_which_fails(Trial& trial) {
  Work work;
  twice(trial, [&] {
    const auto fails = [&](TaskGroup& tasks) {
      tasks.spawn([&] { work.run(1h); });
      tasks.spawn([] {
        yield();
        throw std::out_of_range("x");
      });
      work.run(1h);
    };
    try {
      with_tasks(fails);
      ADD_FAILURE() << "the error is lost";
    } catch (const std::out_of_range&) {  // as it should be
    }
  });
  EXPECT_EQ(work.inside, 0);
  EXPECT_EQ(work.done, 0);
}

// ---- threads, signals, processes

void threads(Trial& trial) {
  const Outside outside;
  // Their clock is the kernel's: idle threads must not count on time that does not pass.
  ThreadPool pool(ThreadPoolOptions{.max_threads = 1, .max_waiting = 1, .idle_time = 1000h});
  int sum[3] = {};
  for (int& mine : sum) {
    trial.role([&] {
      while (mine < 2) mine += pool.apply([] { return 1; });
      pool.join();
    });
  }
  trial.run();
  pool.join();
  EXPECT_EQ(pool.size(), 0U);
  for (const int mine : sum) EXPECT_EQ(mine, 2);
}

void offloading(Trial& trial) {
  const Outside outside;
  twice(trial, [&] {
    int sum = 0;
    while (sum < 2) sum += offload([](const std::stop_token&) { return 1; });
  });
}

void signals(Trial& trial) {
  Event came;
  int handled = 0;
  const auto watch = on_signal(SIGUSR2, [&] {
    sleep(1ms);
    ++handled;
    came.set();
  });
  trial.role([&] {
    while (handled < 2) {
      came.clear();
      std::raise(SIGUSR2);
      came.wait();
    }
  });
  trial.role([&] {
    while (handled < 2) came.wait_for(1ms) ? sleep(1ms) : yield();
  });
  trial.run();
  sleep(5ms);  // a handler may be at work
  EXPECT_GE(handled, 2);
}

void process(Trial& trial) {
  const Outside outside;
  Process child({"cat"}, {.in = Stdio::pipe(), .out = Stdio::pipe()});
  bool asked = false;
  bool answered = false;
  trial.role([&] { EXPECT_EQ(child.wait(), 0); });
  trial.role([&] {
    if (answered) return;
    const ProcessResult result = child.communicate(std::exchange(asked, true) ? "" : "milk");
    answered = true;
    EXPECT_EQ(result.out, "milk");
    EXPECT_EQ(result.exit_code, 0);
  });
  trial.run();
  EXPECT_EQ(child.poll(), 0);
}

const Scenario kScenarios[] = {
    {"wait", [](Trial& trial) { waiting(trial, false); }},
    {"wait_for", [](Trial& trial) { waiting(trial, true); }},
    {"as_ready", one_after_the_other},
    {"join_all_with_options", joining_with_options},
    {"kill_all", killing_all},
    {"scoped_greenlet", scoped},
    {"group", group},
    {"group_that_is_killed", group_that_is_killed},
    {"pool", [](Trial& trial) { pool(trial, false); }},
    {"pool_with_limits", [](Trial& trial) { pool(trial, true); }},
    {"map", [](Trial& trial) { with_pool(trial, mapping); }},
    {"imap", [](Trial& trial) { with_pool(trial, mapping_lazily); }},
    {"imap_unordered", [](Trial& trial) { with_pool(trial, mapping_as_they_come); }},
    {"task_group", tasks},
    {"task_group_that_fails", tasks_one_of_which_fails},
    {"thread_pool", threads},
    {"offload", offloading},
    {"signals", signals},
    {"process", process},
};

class GroupFaults : public testing::TestWithParam<Scenario> {};

TEST_P(GroupFaults, leave_nothing_lost_or_stuck) { EXPECT_GT(play_all(GetParam()), kFewestPlayings); }

INSTANTIATE_TEST_SUITE_P(Runtime, GroupFaults, testing::ValuesIn(kScenarios), &name_of_scenario);

}  // namespace
}  // namespace verdin::test
