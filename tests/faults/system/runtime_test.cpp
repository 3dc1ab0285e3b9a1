// What the runtime does without memory where it must not fail: in destructors, in the hub, for those who end.
#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/stop_token.hpp>
#include <verdin/runtime/task_group.hpp>

#include "system/failing_calls.h"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

/// While it lives there is no memory to be had.
class Shortage {
 public:
  Shortage() { failing_begin_lasting(failing_new, 1, 1 << 30, ENOMEM); }
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;
  ~Shortage() { failing_end(); }
};

void yield_often() {
  for (int i = 0; i < 10; ++i) yield();
}

struct Count {
  explicit Count(int& of) : counter(of) {}
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;
  ~Count() { ++counter; }
  int& counter;
};

TEST(WithoutMemory, an_imap_ends_with_what_it_has_under_way) {
  verdin::run([] {
    Event never;
    Group group;
    for (const bool ordered : {false, true}) {
      for (const bool in_hub : {false, true}) {
        int ended = 0;
        const auto work = [&](int) {
          const Count count(ended);
          never.wait();
          return 0;
        };
        const std::vector<int> items{1, 2, 3};
        using Range = decltype(group.imap(work, items));
        auto range = std::make_unique<std::optional<Range>>();
        range->emplace((ordered ? group.imap(work, items) : group.imap_unordered(work, items)).look_ahead(2));
        auto taker = spawn([&] { (*range)->next(); });
        yield_often();
        taker.kill();
        Event posted;
        if (in_hub) {
          Hub::current().post([&] {
            const Shortage shortage;
            range->reset();
            posted.set();
          });
          posted.wait();
        } else {
          const Shortage shortage;
          range->reset();
        }
        group.join();
        EXPECT_EQ(ended, 2);
      }
    }
  });
}

TEST(WithoutMemory, an_item_whose_greenlet_is_killed_has_a_result) {
  verdin::run([] {
    Event never;
    Group group;
    auto range = group.imap_unordered([&](int) { never.wait(); }, std::vector{1, 2});
    auto taker = spawn([&] { range.next(); });
    yield_often();
    taker.kill();
    group.kill_async();
    {
      const Shortage shortage;
      while (!group.empty()) yield();
    }
    for (int i = 0; i < 2; ++i) EXPECT_THROW(range.next(), GreenletKilled);
    EXPECT_EQ(range.next(), std::nullopt);
  });
}

TEST(WithoutMemory, the_children_of_a_task_group_end_and_their_errors_are_reported) {
  verdin::run([] {
    int reported = 0;
    Hub::current().on_error([&](std::string_view, const std::exception_ptr&) { ++reported; });
    Event never;
    TaskGroup tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.spawn([&] {
        try {
          never.wait();
        } catch (...) {
          throw 2;
        }
      });
    }
    Event go;
    tasks.spawn([&] {
      go.wait();
      throw 1;
    });
    yield_often();
    go.set();
    {
      const Shortage shortage;
      while (!tasks.empty()) yield();
    }
    EXPECT_EQ(reported, 3);
    EXPECT_THROW(tasks.join(), int);
    Hub::current().on_error(nullptr);
  });
}

TEST(WithoutMemory, a_task_group_and_a_pool_that_are_destroyed_kill_all_the_same) {
  verdin::run([] {
    Event never;
    int ended = 0;
    const auto wait = [&] {
      const Count count(ended);
      never.wait();
    };
    {
      TaskGroup tasks;
      auto greenlet = tasks.spawn(wait);
      yield();
      const Shortage shortage;
      tasks.cancel();
    }
    EXPECT_EQ(ended, 1);
    auto pool = std::make_unique<Pool>(1);
    auto first = pool->apply_async(wait);
    auto second = pool->apply_async([] {});
    yield();
    {
      const Shortage shortage;
      pool.reset();
      yield_often();
    }
    EXPECT_TRUE(second.killed());
    first.kill();
    EXPECT_EQ(ended, 2);
  });
}

TEST(WithoutMemory, kills_arrive_also_behind_a_shield) {
  verdin::run([] {
    Event go;
    int ended = 0;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(spawn([&] {
        const Count count(ended);
        sleep(1h);
      }));
      all.push_back(spawn([&] {
        const Count count(ended);
        {
          const Shield shield;
          go.wait();
        }
        sleep(1h);
      }));
    }
    yield();
    {
      const Shortage shortage;
      for (auto& greenlet : all) greenlet.kill_async();
      yield_often();
      EXPECT_EQ(ended, 3);
    }
    go.set();
    for (auto& greenlet : all) greenlet.join();
    EXPECT_EQ(ended, 6);
  });
}

/// A stop may be requested where nothing may be thrown.
TEST(WithoutMemory, a_stop_that_is_requested_kills) {
  verdin::run([] {
    Event never;
    std::stop_source source;
    auto greenlet = spawn(source.get_token(), [&] { never.wait(); });
    yield();
    {
      const Shortage shortage;
      source.request_stop();
      yield_often();
    }
    greenlet.join();
    EXPECT_TRUE(greenlet.killed());
  });
}

}  // namespace
}  // namespace verdin::test
