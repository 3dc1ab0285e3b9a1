#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/task_group.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Greenlet;
using verdin::TaskGroup;

namespace {

/// Collects what the hub's error hook is told.
class Reports {
 public:
  Reports() {
    verdin::Hub::current().on_error([this](std::string_view, const std::exception_ptr& error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        texts.emplace_back(e.what());
      }
    });
  }
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;
  ~Reports() { verdin::Hub::current().on_error(nullptr); }
  std::vector<std::string> texts;
};

TEST(TaskGroup, gives_typed_results) {
  verdin::run([] {
    TaskGroup tasks;
    auto number = tasks.spawn([](int i) { return i + 1; }, 1);
    auto text = tasks.spawn([] { return std::string("x"); });
    EXPECT_EQ(tasks.size(), 2u);
    tasks.join();
    EXPECT_TRUE(tasks.empty());
    EXPECT_EQ(number.get(), 2);
    EXPECT_EQ(text.get(), "x");
    tasks.join();  // of an empty one
  });
}

TEST(TaskGroup, waits_for_what_its_children_spawn) {
  verdin::run([] {
    TaskGroup tasks;
    bool grandchild = false;
    tasks.spawn([&] {
      tasks.spawn([&] {
        verdin::yield();
        grandchild = true;
      });
    });
    tasks.join();
    EXPECT_TRUE(grandchild);
  });
}

TEST(TaskGroup, the_first_error_ends_the_others_and_is_thrown_once) {
  verdin::run([] {
    TaskGroup tasks;
    Event never;
    bool ran = false;
    auto blocked = tasks.spawn([&] { never.wait(); });
    auto failing = tasks.spawn([] { throw std::runtime_error("first"); });
    auto cleaning = tasks.spawn([&] {
      try {
        never.wait();
      } catch (const verdin::GreenletExit&) {
        verdin::yield();
        throw std::runtime_error("second");
      }
    });
    try {
      tasks.join();
      FAIL();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "first");
    }
    EXPECT_TRUE(tasks.empty());
    EXPECT_TRUE(blocked.killed());
    EXPECT_FALSE(failing.successful());
    EXPECT_FALSE(cleaning.successful());
    ASSERT_EQ(tasks.errors().size(), 1u);
    EXPECT_TRUE(tasks.cancelled());
    EXPECT_NO_THROW(tasks.join());
    // One that comes now is not begun.
    auto late = tasks.spawn([&] { ran = true; });
    EXPECT_TRUE(late.killed());
    verdin::yield();
    EXPECT_FALSE(ran);
  });
}

TEST(TaskGroup, others_end_while_the_owner_is_elsewhere) {
  verdin::run([] {
    TaskGroup tasks;
    Event never;
    auto blocked = tasks.spawn([&] { never.wait(); });
    tasks.spawn([] { throw std::runtime_error("x"); });
    blocked.join();
    EXPECT_TRUE(blocked.killed());
    EXPECT_THROW(tasks.join(), std::runtime_error);
  });
}

TEST(TaskGroup, a_child_that_is_killed_alone_is_no_error) {
  verdin::run([] {
    TaskGroup tasks;
    Event never;
    auto killed = tasks.spawn([&] { never.wait(); });
    auto other = tasks.spawn([] {
      verdin::yield();
      verdin::yield();
      return 1;
    });
    killed.kill();
    EXPECT_NO_THROW(tasks.join());
    EXPECT_EQ(other.get(), 1);
  });
}

TEST(TaskGroup, cancel_kills_and_is_no_error) {
  verdin::run([] {
    TaskGroup tasks;
    Event never;
    auto child = tasks.spawn([&] { never.wait(); });
    auto unstarted = tasks.spawn([] { FAIL(); });
    tasks.cancel();
    EXPECT_TRUE(tasks.cancelled());
    EXPECT_NO_THROW(tasks.join());
    EXPECT_TRUE(child.killed());
    EXPECT_TRUE(unstarted.killed());
  });
}

TEST(TaskGroup, a_kill_of_the_owner_reaches_the_children_first) {
  verdin::run([] {
    Event never;
    std::vector<std::string> order;
    auto owner = verdin::spawn([&] {
      try {
        TaskGroup tasks;
        tasks.spawn([&] {
          try {
            never.wait();
          } catch (const verdin::GreenletExit&) {
            verdin::yield();  // waited for
            order.emplace_back("child");
            throw;
          }
        });
        tasks.join();
      } catch (const verdin::GreenletExit&) {
        order.emplace_back("owner");
        throw;
      }
    });
    verdin::yield();
    verdin::yield();
    owner.kill();
    EXPECT_TRUE(owner.killed());
    EXPECT_EQ(order, (std::vector<std::string>{"child", "owner"}));
  });
}

TEST(TaskGroup, a_timeout_of_the_owner_reaches_the_children) {
  verdin::run([] {
    Event never;
    Greenlet<> child;
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] {
      TaskGroup tasks;
      child = tasks.spawn([&] { never.wait(); });
      tasks.join();
    }));
    EXPECT_TRUE(child.killed());
    EXPECT_NO_THROW(verdin::yield());
  });
}

TEST(TaskGroup, the_destructor_waits_for_the_children) {
  verdin::run([] {
    bool ended = false;
    {
      TaskGroup tasks;
      tasks.spawn([&] {
        verdin::yield();
        ended = true;
      });
    }
    EXPECT_TRUE(ended);
  });
}

TEST(TaskGroup, the_destructor_kills_the_children_when_an_exception_passes) {
  verdin::run([] {
    Event never;
    Greenlet<> child;
    try {
      TaskGroup tasks;
      child = tasks.spawn([&] { never.wait(); });
      verdin::yield();
      throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
      EXPECT_TRUE(child.killed());
    }
  });
}

TEST(TaskGroup, an_interruption_of_the_destructor_kills_the_children_and_is_thrown_later) {
  verdin::run([] {
    Event never;
    Greenlet<> child;
    bool after = false;
    auto owner = verdin::spawn([&] {
      {
        TaskGroup tasks;
        child = tasks.spawn([&] { never.wait(); });
      }
      after = true;
      verdin::yield();
      ADD_FAILURE() << "it was killed";
    });
    verdin::yield();
    owner.kill();
    EXPECT_TRUE(child.killed());
    EXPECT_TRUE(after);
    // A timeout whose scope is left is forgotten.
    {
      const verdin::Timeout limit(1ms);
      TaskGroup tasks;
      child = tasks.spawn([&] { never.wait(); });
    }
    EXPECT_TRUE(child.killed());
    EXPECT_NO_THROW(verdin::yield());
  });
}

TEST(TaskGroup, one_that_is_destroyed_in_the_hub_wakes_those_who_wait) {
  verdin::run([] {
    Event never;
    auto tasks = std::make_unique<TaskGroup>();
    tasks->spawn([&] { never.wait(); });
    auto joiner = verdin::spawn([&] { tasks->join(); });
    verdin::yield();
    verdin::Hub::current().post([&] { tasks.reset(); });
    EXPECT_THROW(joiner.get(), verdin::DestroyedWhileWaiting);
  });
}

TEST(TaskGroup, one_that_is_destroyed_as_it_gets_empty_or_its_joiner_is_killed_is_left_alone) {
  verdin::run([] {
    Event go;
    auto tasks = std::make_unique<TaskGroup>();
    auto child = tasks->spawn([&] { go.wait(); });
    auto joiner = verdin::spawn([&] { tasks->join(); });
    auto killed = verdin::spawn([&] { tasks->join(); });
    verdin::yield();
    verdin::Hub::current().post([&] {
      killed.kill_async();
      child.on_done([&] { tasks.reset(); });  // after the group was told, and before its joiners run
      go.set();
    });
    EXPECT_THROW(joiner.get(), verdin::DestroyedWhileWaiting);
    killed.join();
    EXPECT_TRUE(killed.killed());
  });
}

TEST(TaskGroup, one_that_is_destroyed_while_the_hub_ends_and_its_joiner_kills_its_children_is_left_alone) {
  std::unique_ptr<TaskGroup> tasks;
  bool unwound = false;
  verdin::run([&] {
    tasks = std::make_unique<TaskGroup>();
    tasks->spawn([&] {
      try {
        Event().wait();
      } catch (const verdin::GreenletExit&) {
        const verdin::Shield shield;
        for (int i = 0; i < 10; ++i) verdin::yield();  // the joiner waits for this one's end
        verdin::Hub::current().post([&] { tasks.reset(); });
        while (tasks) verdin::sleep(1ms);
      }
    });
    verdin::spawn([&] {
      struct Guard {
        bool& flag;
        ~Guard() { flag = true; }
      } const guard{unwound};
      tasks->join();
    });
    verdin::yield();
  });
  EXPECT_TRUE(unwound);
}

TEST(TaskGroup, errors_that_nobody_was_thrown_are_reported) {
  verdin::run([] {
    const Reports reports;
    {
      TaskGroup tasks;
      tasks.spawn([] { throw std::runtime_error("x"); });
    }
    EXPECT_EQ(reports.texts, (std::vector<std::string>{"x"}));
  });
}

TEST(TaskGroup, with_tasks_gives_the_value_of_its_function_after_all_have_ended) {
  verdin::run([] {
    bool ended = false;
    const int value = verdin::with_tasks([&](TaskGroup& tasks) {
      tasks.spawn([&] {
        verdin::yield();
        verdin::yield();
        ended = true;
      });
      return 5;
    });
    EXPECT_EQ(value, 5);
    EXPECT_TRUE(ended);
    verdin::with_tasks([](TaskGroup&) {});
    EXPECT_THROW(verdin::with_tasks([](TaskGroup&) { throw std::logic_error("x"); }), std::logic_error);
  });
}

TEST(TaskGroup, with_tasks_interrupts_its_function_when_a_child_fails) {
  verdin::run([] {
    Event never;
    bool interrupted = false;
    EXPECT_THROW(verdin::with_tasks([&](TaskGroup& tasks) {
                   tasks.spawn([] { throw std::runtime_error("x"); });
                   try {
                     never.wait();
                   } catch (const verdin::GreenletExit&) {
                     interrupted = true;
                     throw;
                   }
                 }),
                 std::runtime_error);
    EXPECT_TRUE(interrupted);
  });
}

}  // namespace
