// The life of a greenlet: how it is made, started and told apart.
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

using namespace std::chrono_literals;
using verdin::Greenlet;
using State = verdin::GreenletState;

namespace {

TEST(States, of_a_greenlet_from_its_making_to_its_end) {
  verdin::run([] {
    State inside{};
    Greenlet<> greenlet;
    verdin::Event go;
    greenlet = verdin::make_greenlet([&] {
      inside = greenlet.state();
      go.wait();
    });
    EXPECT_EQ(greenlet.state(), State::unstarted);
    EXPECT_FALSE(greenlet.active());
    greenlet.start();
    EXPECT_EQ(greenlet.state(), State::pending);
    EXPECT_TRUE(greenlet.active());
    verdin::yield();
    EXPECT_EQ(inside, State::running);
    EXPECT_EQ(greenlet.state(), State::suspended);
    go.set();
    greenlet.join();
    EXPECT_EQ(greenlet.state(), State::finished);
    EXPECT_FALSE(greenlet.active());
    EXPECT_TRUE(greenlet.successful());
  });
}

TEST(States, a_second_start_does_nothing) {
  verdin::run([] {
    int runs = 0;
    auto greenlet = verdin::make_greenlet([&] { ++runs; });
    greenlet.start();
    greenlet.start();
    greenlet.join();
    greenlet.start();
    verdin::yield();
    EXPECT_EQ(runs, 1);
  });
}

TEST(States, a_killed_one_that_was_never_started_ignores_a_later_start) {
  verdin::run([] {
    bool ran = false;
    auto greenlet = verdin::make_greenlet([&] { ran = true; });
    greenlet.kill();
    EXPECT_TRUE(greenlet.killed());
    greenlet.start();
    verdin::yield();
    EXPECT_FALSE(ran);
  });
}

TEST(SpawnAfter, starts_later_in_order_of_the_delays) {
  verdin::run([] {
    std::vector<int> order;
    auto late = verdin::spawn_after(
        4ms, [&](int n) { order.push_back(n); }, 2);
    auto early = verdin::spawn_after(
        1ms, [&](int n) { order.push_back(n); }, 1);
    EXPECT_EQ(late.state(), State::pending);
    verdin::yield();
    EXPECT_TRUE(order.empty());
    verdin::join_all(late, early);
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
  });
}

TEST(SpawnAfter, can_be_killed_before_and_keeps_the_loop_busy_no_longer) {
  verdin::run([] {
    auto token = std::make_shared<int>(0);
    auto greenlet = verdin::spawn_after(1h, [token] {});
    greenlet.kill();
    EXPECT_TRUE(greenlet.killed());
    EXPECT_THROW(verdin::Event().wait(), verdin::LoopExit);  // no timer is left that could wake anybody
  });
}

TEST(SpawnDetached, runs_in_its_turn_and_reports_what_escapes) {
  std::vector<std::string> errors;
  verdin::run([&] {
    verdin::Hub::current().on_error(
        [&](std::string_view where, std::exception_ptr) { errors.emplace_back(where); });
    std::vector<int> order;
    verdin::spawn([&] { order.push_back(1); });
    verdin::spawn_detached([&] { order.push_back(2); });
    verdin::spawn_detached([] { throw std::runtime_error("x"); }, "lost cause");
    EXPECT_TRUE(order.empty());
    verdin::yield();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
  });
  EXPECT_EQ(errors, std::vector<std::string>{"lost cause"});
}

TEST(SpawnPoint, is_the_line_that_spawned) {
  verdin::run([] {
    const int line = __LINE__;
    auto none = verdin::spawn([] {});
    auto one = verdin::spawn([](int) {}, 1);
    auto two = verdin::spawn([](int, int) {}, 1, 2);
    auto later = verdin::spawn_after(1ms, [] {});
    EXPECT_EQ(none.spawned_at().line, line + 1);
    EXPECT_EQ(one.spawned_at().line, line + 2);
    EXPECT_EQ(two.spawned_at().line, line + 3);
    EXPECT_EQ(later.spawned_at().line, line + 4);
    EXPECT_NE(std::string(none.spawned_at().file).find("states_test.cpp"), std::string::npos);
    const int further = __LINE__;
    auto three = verdin::spawn([](int, int, int) {}, 1, 2, 3);
    auto four = verdin::spawn([](int, int, int, int) {}, 1, 2, 3, 4);
    auto five = verdin::spawn([](int, int, int, int, int) {}, 1, 2, 3, 4, 5);
    auto six = verdin::spawn([](int, int, int, int, int, int) {}, 1, 2, 3, 4, 5, 6);
    EXPECT_EQ(three.spawned_at().line, further + 1);
    EXPECT_EQ(four.spawned_at().line, further + 2);
    EXPECT_EQ(five.spawned_at().line, further + 3);
    EXPECT_EQ(six.spawned_at().line, 0);  // says that it is not known
  });
}

TEST(SpawnPoint, of_detached_greenlets_too) {
  verdin::run([] {
    using Owned = std::unique_ptr<int>;
    std::vector<int> lines;
    const auto look = [&] { lines.push_back(verdin::Hub::current().running()->spawned_at().line); };
    int sum = 0;
    const int line = __LINE__;
    verdin::spawn_detached(look);
    verdin::spawn_detached([&](int a) { look(), sum += a; }, 1);
    verdin::spawn_detached([&](int a, Owned b) { look(), sum += a + *b; }, 1, std::make_unique<int>(2));
    verdin::spawn_detached([&](int a, int b, char c) { look(), sum += a + b + c; }, 1, 2, '\0');
    verdin::yield();
    EXPECT_EQ(lines, (std::vector<int>{line + 1, line + 2, line + 3, line + 4}));
    EXPECT_EQ(sum, 7);
  });
}

TEST(Result, may_be_movable_only) {
  verdin::run([] {
    auto greenlet = verdin::spawn([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(4));
    const std::unique_ptr<int> taken = greenlet.take();
    EXPECT_EQ(*taken, 4);
  });
}

TEST(Failure, of_a_fatal_kind_ends_the_main_greenlet) {
  struct Unusable : std::runtime_error, verdin::Fatal {
    using std::runtime_error::runtime_error;
  };
  bool unwound = false;
  EXPECT_THROW(verdin::run([&] {
                 struct Guard {
                   bool& flag;
                   ~Guard() { flag = true; }
                 } guard{unwound};
                 auto greenlet = verdin::spawn([] { throw Unusable("no disk"); });
                 verdin::sleep(1h);
               }),
               Unusable);
  EXPECT_TRUE(unwound);
}

TEST(Failure, of_a_fatal_kind_in_a_handler_or_a_posted_task_ends_the_main_greenlet_too) {
  EXPECT_THROW(verdin::run([] {
                 verdin::spawn_detached([] { throw verdin::FatalError("handler"); });
                 verdin::sleep(1h);
               }),
               verdin::FatalError);
  EXPECT_THROW(verdin::run([] {
                 verdin::Hub::current().post([] { throw verdin::FatalError("task"); });
                 verdin::sleep(1h);
               }),
               verdin::FatalError);
}

TEST(States, one_whose_hub_has_ended_cannot_be_started_or_linked) {
  verdin::Greenlet<> unstarted;
  verdin::Greenlet<> ended;
  verdin::run([&] {
    unstarted = verdin::make_greenlet([] {});
    ended = verdin::spawn([] {});
    ended.join();
  });
  EXPECT_THROW(unstarted.start(), verdin::WrongThread);
  EXPECT_THROW(unstarted.start_after(1ms), verdin::WrongThread);
  EXPECT_THROW(ended.on_done([] {}), verdin::WrongThread);
  ended.kill();
  unstarted.kill();
  EXPECT_TRUE(unstarted.killed());
}

TEST(States, one_of_a_hub_that_was_at_the_same_address_cannot_be_started_or_linked) {
  alignas(verdin::Hub) std::byte place[sizeof(verdin::Hub)];
  std::optional<Greenlet<>> unstarted;
  for (int i = 0; i < 2; ++i) {
    auto* const hub = new (place) verdin::Hub;
    if (!unstarted) {
      unstarted = verdin::make_greenlet([] {});
      EXPECT_EQ(unstarted->base().serial(), 1u);
    } else {
      EXPECT_THROW(unstarted->start(), verdin::WrongThread);
      EXPECT_THROW(unstarted->on_done([] {}), verdin::WrongThread);
    }
    hub->~Hub();
  }
}

TEST(States, a_result_that_nobody_can_ask_for_is_destroyed_where_it_was_made) {
  struct Result {
    explicit Result(bool& where) : gone(&where) {}
    Result(Result&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
    ~Result() {
      if (!gone) return;
      verdin::sleep(1ms);
      *gone = true;
    }
    bool* gone;
  };
  verdin::run([] {
    bool gone = false;
    verdin::Event never;
    verdin::spawn([&] { return Result(gone); });
    auto killed = verdin::spawn([&] { never.wait(); });
    verdin::yield();
    killed.kill_async();
    while (!gone) verdin::sleep(1ms);
    EXPECT_TRUE(killed.killed());
  });
}

TEST(States, neither_limits_nor_stop_tokens_nor_kills_ask_for_a_result) {
  struct Result {
    explicit Result(int& count) : gone(&count) {}
    Result(Result&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
    ~Result() {
      if (!gone) return;
      verdin::yield();
      ++*gone;
    }
    int* gone;
  };
  verdin::run([] {
    int gone = 0;
    verdin::Event never;
    verdin::spawn([&] {
      verdin::with_timeout(1ms, [&] { never.wait(); });
      return Result(gone);
    });
    while (gone < 1) verdin::sleep(1ms);

    const std::stop_source stop;
    verdin::spawn(stop.get_token(), [&] { return Result(gone); });
    while (gone < 2) verdin::yield();

    std::vector<Greenlet<Result>> all;
    all.push_back(verdin::spawn([&] {
      try {
        never.wait();
      } catch (const verdin::GreenletExit&) {
      }
      return Result(gone);
    }));
    verdin::yield();
    verdin::kill_all(all, {.wait = false});
    all.clear();
    while (gone < 3) verdin::yield();
  });
}

TEST(States, so_it_is_while_the_hub_is_observed) {
  struct Result {
    explicit Result(bool& where) : gone(&where) {}
    Result(Result&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
    ~Result() {
      if (!gone) return;
      EXPECT_FALSE(verdin::Hub::current().in_hub());
      *gone = true;
    }
    bool* gone;
  };
  verdin::run({.measure_holds = true}, [] {
    bool gone = false;
    verdin::spawn([&] { return Result(gone); });
    while (!gone) verdin::yield();
  });
}

TEST(States, so_is_one_whose_last_handle_goes_while_locals_are_destroyed) {
  struct Result {
    explicit Result(bool& where) : gone(&where) {}
    Result(Result&& other) noexcept : gone(std::exchange(other.gone, nullptr)), maker(other.maker) {}
    ~Result() {
      if (!gone) return;
      EXPECT_EQ(verdin::Hub::current().running(), maker);
      *gone = true;
    }
    bool* gone;
    verdin::impl::GreenletBase* maker = verdin::Hub::current().running();
  };
  struct Slow {
    verdin::Event* go = nullptr;
    ~Slow() {
      if (go) go->wait();
    }
  };
  verdin::run([] {
    bool gone = false;
    verdin::Event go;
    verdin::Local<Slow> slow;
    auto greenlet = verdin::spawn([&] {
      slow->go = &go;
      return Result(gone);
    });
    verdin::yield();  // it waits in that destructor
    greenlet = {};
    EXPECT_FALSE(gone);
    go.set();
    while (!gone) verdin::yield();
  });
}

TEST(Failure, a_hook_that_blocks_keeps_no_kill_to_itself) {
  verdin::run([] {
    verdin::Event hooked;
    verdin::Event never;
    verdin::Hub::current().on_error([&](std::string_view, const std::exception_ptr&) {
      hooked.set();
      never.wait();
    });
    bool went_on = false;
    auto greenlet = verdin::spawn([&] {
      auto failing = verdin::spawn([] { throw std::runtime_error("x"); });
      failing.join();
      verdin::yield();
      failing = {};  // nobody has asked for it
      verdin::yield();
      went_on = true;
      never.wait();
    });
    hooked.wait();
    greenlet.kill();
    EXPECT_TRUE(greenlet.killed());
    EXPECT_FALSE(went_on);
    verdin::Hub::current().on_error(nullptr);
  });
}

}  // namespace
