// What a kill, an exception or a timeout can do to the waiting calls of the runtime, at each of their
// moments. See support/fault_schedule.hpp; a new primitive is one more scenario in the table.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/sleep.hpp>

#include "support/fault_schedule.hpp"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

/// Two that put twelve items, two that take six each; every item arrives once.
struct Exchanged {
  static constexpr int kItems = 12;
  int put = 0;
  std::vector<int> taken[2];

  void check() const {
    std::vector<int> all = taken[0];
    all.insert(all.end(), taken[1].begin(), taken[1].end());
    std::sort(all.begin(), all.end());
    std::vector<int> expected;
    for (int i = 0; i < kItems; ++i) expected.push_back(i);
    EXPECT_EQ(all, expected);
  }
};

void rest(std::optional<loop::Clock::duration> pause) {
  if (pause) sleep(*pause);
}

void queue_of(std::size_t capacity, Trial& trial, std::optional<loop::Clock::duration> pause) {
  Queue<int> queue(capacity);
  Exchanged exchanged;
  trial.role([&] {
    while (exchanged.put < Exchanged::kItems) {
      queue.put(exchanged.put);
      ++exchanged.put;
      rest(pause);
    }
  });
  for (auto& taken : exchanged.taken) {
    trial.role([&] {
      while (taken.size() < Exchanged::kItems / 2) {
        taken.push_back(queue.get());
        rest(pause);
      }
    });
  }
  trial.run();
  exchanged.check();
  EXPECT_TRUE(queue.empty());
}

/// Each wait has a limit that comes at the same time as what is waited for.
void queue_with_limits(Trial& trial) {
  Queue<int> queue(1);
  Exchanged exchanged;
  trial.role([&] {
    while (exchanged.put < Exchanged::kItems) {
      if (queue.put_for(exchanged.put, 2ms)) ++exchanged.put;
      sleep(1ms);
    }
  });
  for (auto& taken : exchanged.taken) {
    trial.role([&] {
      while (taken.size() < Exchanged::kItems / 2) {
        if (const auto item = queue.get_for(1ms)) taken.push_back(*item);
      }
    });
  }
  trial.run();
  exchanged.check();
}

/// One that sets for each number, and three that must all have seen every one.
void event_in_rounds(Trial& trial, std::optional<loop::Clock::duration> limit) {
  constexpr int kRounds = 4;
  Event rounds[kRounds];
  int done = 0;
  int seen[3] = {};
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
        if (!limit) {
          rounds[mine].wait();
        } else if (!rounds[mine].wait_for(*limit)) {
          continue;
        }
        ++mine;
      }
    });
  }
  trial.run();
  for (const int mine : seen) EXPECT_EQ(mine, kRounds);
}

void event_set_and_cleared(Trial& trial) {
  Event event;
  int woken = 0;
  int waiting = 0;
  int asked = 0;
  for (int i = 0; i < 3; ++i) {
    trial.role([&, mine = 0]() mutable {
      for (; mine < 3; ++mine) {
        ++waiting;
        struct Leave {
          int& count;
          ~Leave() { --count; }
        } leave{waiting};
        event.wait();
        ++woken;
      }
    });
  }
  trial.role([&] {
    for (; woken < 9; ++asked) {
      event.set();
      event.clear();  // those who wait now are woken all the same
      sleep(1ms);
    }
  });
  trial.run();
  EXPECT_EQ(woken, 9);
  EXPECT_EQ(waiting, 0);
  EXPECT_LE(asked, 16) << "a wake-up was lost";
}

/// The greenlets that are waited for live on, whoever waits for them.
void joining(Trial& trial, const std::function<void(Greenlet<int>&)>& wait) {
  std::vector<Greenlet<int>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(spawn([i] {
      yield();
      sleep(i * 1ms);
      return i;
    }));
  }
  std::size_t joined[2] = {};
  for (std::size_t& mine : joined) {
    trial.role([&] {
      for (; mine < all.size(); ++mine) wait(all[mine]);
    });
  }
  trial.run();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(all[i].successful());
    EXPECT_EQ(all[i].get(), static_cast<int>(i));
  }
}

void joining_all(Trial& trial) {
  std::vector<Greenlet<int>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(spawn([i] {
      sleep(i * 1ms);
      return i;
    }));
  }
  bool joined[2] = {};
  for (bool& mine : joined) {
    trial.role([&] {
      if (!mine) mine = join_all(all).size() == all.size();
    });
  }
  trial.run();
  EXPECT_TRUE(joined[0] && joined[1]);
  for (const auto& greenlet : all) EXPECT_TRUE(greenlet.successful());
}

/// Two that kill the same greenlet, whose end takes time.
void killing(Trial& trial) {
  bool ended = false;
  auto doomed = spawn([&] {
    struct End {
      bool& ended;
      ~End() { ended = true; }
    } end{ended};
    try {
      sleep(1h);
    } catch (...) {
      sleep(1ms);
      throw;
    }
  });
  for (int i = 0; i < 2; ++i) {
    trial.role([&] {
      doomed.kill();
      EXPECT_TRUE(ended || doomed.killed());
    });
  }
  trial.run();
  EXPECT_TRUE(doomed.ready());
}

void sleeping(Trial& trial) {
  int slept[2] = {};
  for (int& mine : slept) {
    trial.role([&] {
      for (; mine < 4; ++mine) mine % 2 ? yield() : sleep(1ms);
    });
  }
  trial.run();
  for (const int mine : slept) EXPECT_EQ(mine, 4);
}

/// Inner limits that fire, that do not, and at the moment when the wait is over.
void limits_in_limits(Trial& trial) {
  int done[2] = {};
  for (int& mine : done) {
    trial.role([&] {
      for (; mine < 6; ++mine) {
        const auto limit = mine % 3 == 0 ? 1ms : mine % 3 == 1 ? 2ms : 3ms;
        Timeout outer(5ms);
        const bool in_time = with_timeout(limit, [] { sleep(2ms); });
        if (limit < 2ms) {
          EXPECT_FALSE(in_time);
        }
        if (limit > 2ms) {
          EXPECT_TRUE(in_time);
        }
      }
    });
  }
  trial.run();
  for (const int mine : done) EXPECT_EQ(mine, 6);
}

const Scenario kScenarios[] = {
    {"queue_of_one", [](Trial& trial) { queue_of(1, trial, std::nullopt); }},
    {"queue_of_one_in_turns", [](Trial& trial) { queue_of(1, trial, 0ms); }},
    {"queue_of_three_in_turns", [](Trial& trial) { queue_of(3, trial, 0ms); }},
    {"queue_that_is_filled_slowly", [](Trial& trial) { queue_of(2, trial, 1ms); }},
    {"queue_with_limits", queue_with_limits},
    {"event", [](Trial& trial) { event_in_rounds(trial, std::nullopt); }},
    {"event_with_limits", [](Trial& trial) { event_in_rounds(trial, 1ms); }},
    {"event_set_and_cleared", event_set_and_cleared},
    {"join", [](Trial& trial) { joining(trial, [](Greenlet<int>& greenlet) { greenlet.join(); }); }},
    {"join_for",
     [](Trial& trial) {
       joining(trial, [](Greenlet<int>& greenlet) {
         while (!greenlet.join_for(1ms)) {
         }
       });
     }},
    {"get", [](Trial& trial) { joining(trial, [](Greenlet<int>& greenlet) { greenlet.get(); }); }},
    {"join_all", joining_all},
    {"kill", killing},
    {"sleep", sleeping},
    {"timeout", limits_in_limits},
};

class Faults : public testing::TestWithParam<Scenario> {};

TEST_P(Faults, leave_nothing_lost_or_stuck) { EXPECT_GT(play_all(GetParam()), kFewestPlayings); }

INSTANTIATE_TEST_SUITE_P(Runtime, Faults, testing::ValuesIn(kScenarios), &name_of_scenario);

}  // namespace
}  // namespace verdin::test
