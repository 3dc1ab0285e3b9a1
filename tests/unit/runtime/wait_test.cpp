// wait(), wait_any() and as_ready() over things of any kind.
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/greenlet_class.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/scoped_greenlet.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/wait.hpp>

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Greenlet;

namespace {

TEST(Wait, takes_things_of_several_kinds) {
  verdin::run([] {
    Event event;
    auto greenlet = verdin::spawn([&] {
      verdin::yield();
      event.set();
    });
    verdin::wait(event, greenlet);
    EXPECT_TRUE(event.is_set());
    EXPECT_TRUE(greenlet.ready());
    Event never;
    EXPECT_FALSE(verdin::wait_for(1ms, event, never));
    EXPECT_TRUE(verdin::wait_for(1h, event, greenlet));
  });
}

TEST(Wait, for_any_tells_which_was_first) {
  verdin::run([] {
    Event never;
    Event soon;
    auto setter = verdin::spawn([&] { soon.set(); });
    EXPECT_EQ(verdin::wait_any(never, soon), 1u);
    EXPECT_EQ(verdin::wait_any_for(1ms, never), std::nullopt);
    EXPECT_EQ(verdin::wait_any_for(1h, setter, never), 0u);
  });
}

TEST(Wait, over_a_range_gives_those_that_are_ready_in_their_order) {
  verdin::run([] {
    std::vector<Event> events(3);
    auto setter = verdin::spawn([&] {
      for (std::size_t i : {2u, 0u, 1u}) {
        events[i].set();
        verdin::yield();
      }
    });
    const auto two = verdin::wait(events, {.count = 2});
    EXPECT_EQ(two, (std::vector<Event*>{&events[2], &events[0]}));
    EXPECT_EQ(verdin::wait(events).size(), 3u);
    events[0].clear();
    EXPECT_EQ(verdin::wait(events, {.limit = 1ms}).size(), 2u);
  });
}

TEST(Wait, lets_others_run_even_if_all_are_ready_and_get_does_not) {
  verdin::run([] {
    auto done = verdin::spawn([] {});
    done.join();
    bool other = false;
    verdin::spawn_detached([&] { other = true; });
    done.join();
    done.get();
    EXPECT_FALSE(other);
    verdin::wait(done);
    EXPECT_TRUE(other);
    other = false;
    verdin::spawn_detached([&] { other = true; });
    verdin::join_all(std::vector<Greenlet<>>{});
    EXPECT_FALSE(other);
    verdin::join_all(done);
    EXPECT_TRUE(other);
  });
}

TEST(Wait, without_objects_returns_when_nothing_can_happen_any_more) {
  verdin::run([] {
    Event never;
    int slept = 0;
    auto stuck = verdin::spawn([&] { never.wait(); });
    auto sleeper = verdin::spawn([&] {
      verdin::sleep(2ms);
      ++slept;
    });
    verdin::wait();
    EXPECT_EQ(slept, 1);
    EXPECT_FALSE(stuck.ready());
    EXPECT_TRUE(verdin::wait_for(1h));
    auto long_sleeper = verdin::spawn([] { verdin::sleep(1h); });
    EXPECT_FALSE(verdin::wait_for(1ms));
    verdin::kill_all(std::vector{stuck, long_sleeper});
  });
}

TEST(Wait, that_is_killed_leaves_no_link_behind) {
  verdin::run([] {
    Event event;
    auto waiter = verdin::spawn([&] { verdin::wait(event); });
    verdin::yield();
    waiter.kill();
    event.set();
    verdin::yield();
    EXPECT_TRUE(waiter.killed());
  });
}

TEST(AsReady, is_lazy_and_its_user_may_switch_between_items) {
  verdin::run([] {
    std::vector<Greenlet<int>> all;
    for (int i : {3, 1, 2}) {
      all.push_back(verdin::spawn([i] {
        for (int n = 0; n < i; ++n) verdin::yield();
        return i;
      }));
    }
    std::vector<int> order;
    for (auto& greenlet : verdin::as_ready(all)) {
      order.push_back(greenlet.get());
      for (int i = 0; i < 3; ++i) verdin::yield();
    }
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  });
}

TEST(AsReady, may_be_left_early_and_ends_at_its_limit) {
  verdin::run([] {
    Event never;
    std::vector<Greenlet<>> all{verdin::spawn([] {}), verdin::spawn([&] { never.wait(); })};
    for (auto& greenlet : verdin::as_ready(all)) {
      EXPECT_TRUE(greenlet.ready());
      break;
    }
    int seen = 0;
    for (auto& greenlet : verdin::as_ready(all, 1ms)) seen += greenlet.ready() ? 1 : 0;
    EXPECT_EQ(seen, 1);
    all[1].kill();
  });
}

TEST(JoinAll, raises_the_first_failure_when_it_happens_and_the_others_go_on) {
  verdin::run([] {
    Event go;
    std::vector<Greenlet<>> all{verdin::spawn([&] { go.wait(); }),
                                verdin::spawn([] { throw std::runtime_error("early"); }), verdin::spawn([&] {
                                  go.wait();
                                  throw std::out_of_range("late");
                                })};
    EXPECT_THROW(verdin::join_all(all, {.raise_error = true}), std::runtime_error);
    EXPECT_FALSE(all[0].ready());
    EXPECT_FALSE(all[2].ready());
    go.set();
    EXPECT_EQ(verdin::join_all(all).size(), 3u);
    EXPECT_TRUE(all[2].exception());
  });
}

TEST(ScopedGreenlet, is_joined_at_the_end_and_killed_by_an_exception) {
  verdin::run([] {
    bool done = false;
    {
      const verdin::ScopedGreenlet scoped(verdin::spawn([&] {
        verdin::sleep(1ms);
        done = true;
      }));
    }
    EXPECT_TRUE(done);
    auto endless = verdin::spawn([] { verdin::sleep(1h); });
    try {
      const verdin::ScopedGreenlet scoped(endless);
      verdin::yield();
      throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
    }
    EXPECT_TRUE(endless.killed());
  });
}

TEST(ScopedGreenlet, one_that_would_be_waited_for_for_ever_is_killed_and_that_is_told_later) {
  verdin::run([] {
    Event never;
    auto endless = verdin::spawn([&] { never.wait(); });
    { const verdin::ScopedGreenlet scoped(endless); }
    EXPECT_TRUE(endless.killed());
    EXPECT_THROW(verdin::yield(), verdin::LoopExit);
    EXPECT_NO_THROW(verdin::yield());
  });
}

TEST(ScopedGreenlet, one_that_will_not_die_is_waited_for_all_the_same) {
  std::promise<std::string> logged;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view text) { logged.set_value(std::string(text)); });
  verdin::run([&] {
    Event never;
    auto stubborn = verdin::spawn([&] {
      try {
        never.wait();
      } catch (const verdin::GreenletExit&) {
        never.wait();  // only another kill can end this
      }
    });
    std::thread killer([&, hub = verdin::Hub::current().ref()] {
      EXPECT_NE(logged.get_future().get().find("Event::wait"), std::string::npos);
      hub.post([&] { stubborn.kill_async(); });
    });
    { const verdin::ScopedGreenlet scoped(stubborn); }
    killer.join();
    EXPECT_TRUE(stubborn.killed());
    EXPECT_THROW(verdin::yield(), verdin::LoopExit);
  });
  verdin::set_log_sink({});
}

TEST(ScopedGreenlet, as_a_function_kills_with_the_very_exception) {
  verdin::run([] {
    auto endless = verdin::spawn([] { verdin::sleep(1h); });
    verdin::yield();
    EXPECT_THROW(verdin::with_greenlet(endless, [](auto&) { throw std::out_of_range("mine"); }),
                 std::out_of_range);
    EXPECT_THROW(endless.get(), std::out_of_range);
    auto short_one = verdin::spawn([] { return 1; });
    EXPECT_EQ(verdin::with_greenlet(short_one, [](auto& g) { return g.get() + 1; }), 2);
  });
}

TEST(GreenletClass, runs_and_lives_until_it_has_ended) {
  struct Doubler : verdin::GreenletClass<int> {
    explicit Doubler(int number) : n(number) {}
    int run() override {
      verdin::yield();
      return 2 * n;
    }
    int n;
  };
  verdin::run([] {
    auto doubler = std::make_shared<Doubler>(21);
    EXPECT_THROW(doubler->greenlet(), std::logic_error);
    doubler->start();
    Greenlet<int> handle = doubler->greenlet();
    doubler.reset();  // the greenlet keeps the object
    EXPECT_EQ(handle.get(), 42);
  });
}

}  // namespace
