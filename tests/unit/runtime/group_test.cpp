#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/linkable.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/task_group.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;
using verdin::Errors;
using verdin::Event;
using verdin::Greenlet;
using verdin::Group;

namespace {

static_assert(verdin::Linkable<Group>);

TEST(Group, members_leave_when_they_end) {
  verdin::run([] {
    Group group;
    EXPECT_TRUE(group.empty());
    Event go;
    auto first = group.spawn([&] { go.wait(); });
    auto second = group.spawn([](int i) { return i; }, 2);
    EXPECT_EQ(group.size(), 2u);
    EXPECT_TRUE(group.contains(first));
    EXPECT_EQ(group.members().size(), 2u);
    EXPECT_TRUE(group.members()[1] == verdin::AnyGreenlet(second));
    EXPECT_EQ(second.get(), 2);
    EXPECT_FALSE(group.contains(second));  // it has left before those who wait for it run
    EXPECT_EQ(group.size(), 1u);
    go.set();
    group.join();
    EXPECT_TRUE(group.empty());
    EXPECT_TRUE(first.ready());
  });
}

/// Tells that it is destroyed on the greenlet that made it, and blocks there.
class MadeHere {
 public:
  explicit MadeHere(int& gone) : gone_(&gone), maker_(verdin::Hub::current().running()) {}
  MadeHere(MadeHere&& other) noexcept : gone_(std::exchange(other.gone_, nullptr)), maker_(other.maker_) {}
  MadeHere& operator=(MadeHere&&) = delete;
  ~MadeHere() {
    if (!gone_) return;
    const bool here = verdin::Hub::current().running() == maker_;
    EXPECT_TRUE(here);
    if (here) verdin::yield();
    ++*gone_;
  }

 private:
  int* gone_;
  verdin::impl::GreenletBase* maker_;
};

TEST(Group, what_members_return_that_nobody_holds_is_destroyed_where_it_was_made) {
  verdin::run([] {
    int gone = 0;
    const auto make = [&] { return MadeHere(gone); };
    Group group;
    verdin::Pool pool(2);
    verdin::TaskGroup tasks;
    group.spawn(make);
    pool.spawn(make);
    tasks.spawn(make);
    pool.add(group.spawn(make));  // of two
    group.join();
    pool.join();
    tasks.join();
    EXPECT_EQ(gone, 4);
  });
}

TEST(Group, so_is_that_of_one_whose_kill_is_on_its_way) {
  verdin::run([] {
    int gone = 0;
    Event go;
    Group group;
    group.spawn([&] {
      go.wait();
      return MadeHere(gone);
    });
    verdin::yield();
    go.set();
    group.kill_async();
    group.join();
    EXPECT_EQ(gone, 1);
  });
}

/// Notes which greenlet it was destroyed on.
struct Notes {
  explicit Notes(const void** to) : where(to) {}
  Notes(Notes&& other) noexcept : where(std::exchange(other.where, nullptr)) {}
  ~Notes() {
    if (where) *where = verdin::Hub::current().running();
  }
  const void** where;
};

TEST(AnyGreenlet, keeps_no_value_and_neither_do_those_who_kill_or_join) {
  verdin::run([] {
    const void* where = nullptr;
    const void* self = nullptr;
    Event go;
    const auto work = [&] {
      self = verdin::Hub::current().running();
      try {
        go.wait();
      } catch (const verdin::GreenletExit&) {
      }
      return Notes(&where);
    };
    const auto spawned = [&] {
      where = nullptr;
      verdin::AnyGreenlet any = verdin::spawn(work);
      verdin::yield();
      return any;
    };
    const verdin::AnyGreenlet joined = spawned();
    auto joiner = verdin::spawn([&] { joined.join(); });
    verdin::yield();
    go.set();
    joiner.join();
    EXPECT_EQ(where, self);
    EXPECT_TRUE(joined.successful());
    go.clear();
    const verdin::AnyGreenlet killed = spawned();
    killed.kill();
    EXPECT_EQ(where, self);
  });
}

TEST(AnyGreenlet, keeps_an_exception_and_has_it_reported_when_it_goes) {
  verdin::run([] {
    int reported = 0;
    verdin::Hub::current().on_error([&](std::string_view, const std::exception_ptr&) { ++reported; });
    const auto fail = [] { throw std::runtime_error("failed"); };
    verdin::AnyGreenlet unasked = verdin::spawn(fail);
    verdin::AnyGreenlet asked = verdin::spawn(fail);
    unasked.join();
    asked.join();
    EXPECT_TRUE(asked.exception());
    EXPECT_EQ(reported, 0);
    verdin::yield();  // their ends have been told to all
    asked = {};
    EXPECT_EQ(reported, 0);
    unasked = {};
    EXPECT_EQ(reported, 1);
    verdin::Hub::current().on_error(nullptr);
  });
}

TEST(MapRange, may_be_dropped_when_its_hub_has_ended) {
  std::optional<verdin::MapRange<int>> range;
  Group group;
  verdin::run([&] {
    range.emplace(group.imap([](int i) { return i; }, std::vector{1, 2, 3}));
    EXPECT_EQ(range->next(), 1);
  });
  range.reset();
}

TEST(MapRange, may_be_dropped_by_who_works_for_it) {
  verdin::run([] {
    Group group;
    Event go;
    int ended = 0;
    for (const bool ordered : {false, true}) {
      ended = 0;
      go.clear();
      std::function<void()> drop;
      const auto work = [&](int i) {
        go.wait();
        if (i == 1) drop();
        verdin::yield();
        ++ended;
      };
      auto range = std::make_unique<std::optional<verdin::MapRange<void>>>();
      const std::vector<int> items{1, 2};
      range->emplace(ordered ? group.imap(work, items) : group.imap_unordered(work, items));
      drop = [&] { range->reset(); };
      auto taker = verdin::spawn([&] { (*range)->next(); });
      while (group.size() < 2) verdin::yield();
      taker.kill();
      verdin::yield();
      go.set();
      group.join();
      EXPECT_EQ(ended, 1);  // the other was killed
    }
  });
}

/// What cannot be interrupted while it waits for its item is waited for, also by the main greenlet, whom
/// nothing else can wake.
TEST(Group, map_waits_for_what_it_has_started_whatever_comes) {
  verdin::run([] {
    Group group;
    bool ended = false;
    Event go;
    const auto work = [&](int i) {
      if (i == 0) throw std::runtime_error("failed");
      struct Cleanup {
        Event& event;
        bool& flag;
        ~Cleanup() {
          const verdin::Shield shield;
          event.wait();
          flag = true;
        }
      } cleanup{go, ended};
      verdin::sleep(1h);
    };
    std::thread helper;
    verdin::set_log_sink([&](verdin::LogLevel, std::string_view) {  // nothing can happen
      if (verdin::Hub::current_or_null() && !helper.joinable())
        helper = std::thread([&, hub = verdin::Hub::current().ref()] { hub.post([&] { go.set(); }); });
    });
    EXPECT_THROW(group.map(work, std::vector{0, 1}), std::runtime_error);
    EXPECT_TRUE(ended);
    verdin::set_log_sink({});
    helper.join();
  });
}

TEST(Group, what_a_member_returns_is_kept_for_those_who_can_ask_for_it) {
  verdin::run([] {
    Group group;
    std::string linked;
    group.spawn([] { return std::string("linked"); }).on_done([&](Greenlet<std::string>& greenlet) {
      linked = greenlet.get();
    });
    auto held = group.spawn([] { return std::string("held"); });
    std::vector<verdin::AnyGreenlet> listed = group.members();
    group.join();
    EXPECT_EQ(held.get(), "held");
    EXPECT_EQ(linked, "linked");
    EXPECT_TRUE(listed[0].successful());
  });
}

TEST(Group, add_and_discard) {
  verdin::run([] {
    Group one;
    Group two;
    Event never;
    auto greenlet = verdin::spawn([&] { never.wait(); });
    one.add(greenlet);
    one.add(greenlet);
    two.add(greenlet);
    EXPECT_EQ(one.size(), 1u);
    one.discard(greenlet);
    one.discard(greenlet);
    EXPECT_EQ(one.size(), 0u);
    EXPECT_TRUE(one.join_for(0ms));
    EXPECT_EQ(two.size(), 1u);
    greenlet.kill();
    two.join();
    two.add(greenlet);  // one that has ended is none
    EXPECT_TRUE(two.empty());
  });
}

TEST(Group, join_waits_until_it_was_empty_once) {
  verdin::run([] {
    Group group;
    Event never;
    auto parent = group.spawn([&] {
      verdin::yield();
      group.spawn([] { verdin::yield(); });  // waited for as well
    });
    group.join();
    EXPECT_TRUE(group.empty());
    // Whoever comes after that moment is not.
    auto last = group.spawn([] {});
    auto joiner = verdin::spawn([&] { group.join(); });
    while (!group.empty()) verdin::yield();
    EXPECT_TRUE(last.ready());
    auto late = group.spawn([&] { never.wait(); });
    joiner.join();
    EXPECT_FALSE(group.join_for(1ms));
    late.kill();
    EXPECT_TRUE(group.join_for(1ms));
  });
}

TEST(Group, join_raises_the_first_failure_when_asked_to) {
  verdin::run([] {
    Group group;
    bool last_ended = false;
    group.spawn([&] {
      for (int i = 0; i < 5; ++i) verdin::yield();
      last_ended = true;
    });
    auto late = group.spawn([] {
      verdin::yield();
      throw std::runtime_error("late");
    });
    group.spawn([] { throw std::runtime_error("early"); });
    try {
      group.join(Errors::raise);
      FAIL();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "early");
    }
    EXPECT_TRUE(last_ended);  // the others were not disturbed
    EXPECT_THROW(late.get(), std::runtime_error);
    auto failing = group.spawn([] { throw std::runtime_error("kept"); });
    EXPECT_NO_THROW(group.join());
    EXPECT_THROW(failing.get(), std::runtime_error);
  });
}

TEST(Group, a_join_that_is_interrupted_leaves_nothing) {
  verdin::run([] {
    Group group;
    Event go;
    group.spawn([&] { go.wait(); });
    auto joiner = verdin::spawn([&] { group.join(Errors::raise); });
    verdin::yield();
    joiner.kill();
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { group.join(); }));
    go.set();
    group.join();
  });
}

TEST(Group, kill_goes_on_until_it_is_empty_and_kills_nobody_twice) {
  verdin::run([] {
    Group group;
    Event never;
    int kills = 0;
    bool ran = false;
    for (int i = 0; i < 3; ++i) {
      group.spawn([&] {
        try {
          never.wait();
        } catch (const verdin::GreenletExit&) {
          ++kills;
          // One that comes while the others die.
          group.spawn([&] { never.wait(); });
          verdin::yield();
          throw;
        }
      });
    }
    verdin::yield();
    auto unstarted = group.spawn([&] { ran = true; });
    group.kill();
    EXPECT_TRUE(group.empty());
    EXPECT_EQ(kills, 3);
    EXPECT_FALSE(ran);
    EXPECT_TRUE(unstarted.killed());
    group.kill();  // of an empty one
  });
}

TEST(Group, kill_for_gives_up_without_throwing) {
  verdin::run([] {
    Group group;
    Event never;
    Event go;
    auto stubborn = group.spawn([&] {
      try {
        never.wait();
      } catch (const verdin::GreenletExit&) {
        go.wait();
      }
    });
    verdin::yield();
    EXPECT_FALSE(group.kill_for(1ms));
    EXPECT_FALSE(stubborn.ready());
    // Somebody else's timeout passes through.
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { group.join(); }));
    go.set();
    EXPECT_TRUE(group.join_for(10s));
  });
}

TEST(Group, kill_async_does_not_wait) {
  verdin::run([] {
    Group group;
    Event never;
    auto member = group.spawn([&] { never.wait(); });
    verdin::yield();
    group.kill_async();
    EXPECT_FALSE(member.ready());
    group.join();
    EXPECT_TRUE(member.killed());
  });
}

TEST(Group, a_member_that_kills_the_group_dies_too) {
  verdin::run([] {
    Group group;
    Event never;
    auto other = group.spawn([&] { never.wait(); });
    auto killer = group.spawn([&] { group.kill(); });
    group.join();
    EXPECT_TRUE(other.killed());
    EXPECT_TRUE(killer.killed());
  });
}

TEST(Group, its_destructor_lets_the_members_go_on) {
  verdin::run([] {
    Event go;
    Greenlet<int> member;
    {
      Group group;
      member = group.spawn([&] {
        go.wait();
        return 1;
      });
      verdin::yield();
    }
    go.set();
    EXPECT_EQ(member.get(), 1);
  });
}

TEST(Group, one_that_is_destroyed_wakes_those_who_wait) {
  verdin::run([] {
    Event never;
    auto member = verdin::spawn([&] { never.wait(); });
    std::vector<Greenlet<>> all;
    {
      auto group = std::make_unique<Group>();
      group->add(member);
      all.push_back(verdin::spawn([&] { group->join(); }));
      all.push_back(verdin::spawn([&] { group->join(Errors::raise); }));
      all.push_back(verdin::spawn([&] { group->join_for(1h, Errors::raise); }));
      verdin::yield();
    }
    for (auto& greenlet : all) EXPECT_THROW(greenlet.get(), verdin::DestroyedWhileWaiting);
    member.kill();
  });
}

TEST(Group, apply_gives_the_value_or_throws) {
  verdin::run([] {
    Group group;
    EXPECT_EQ(group.apply([](int a, int b) { return a + b; }, 1, 2), 3);
    EXPECT_THROW(group.apply([] { throw std::runtime_error("x"); }), std::runtime_error);
    EXPECT_EQ(group.apply_async([] { return std::make_unique<int>(5); }).get() != nullptr, true);
    // An interrupted one leaves nothing behind.
    Event never;
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { group.apply([&] { never.wait(); }); }));
    for (const auto& member : group.members()) EXPECT_TRUE(member.ready());
  });
}

TEST(Group, map_keeps_the_order_of_the_items) {
  verdin::run([] {
    Group group;
    const std::vector<int> items{3, 1, 2};
    std::vector<int> ended;
    const auto squares = group.map(
        [&](int i) {
          for (int n = 0; n < i; ++n) verdin::yield();
          ended.push_back(i);
          return i * i;
        },
        items);
    EXPECT_EQ(squares, (std::vector{9, 1, 4}));
    EXPECT_EQ(ended, (std::vector{1, 2, 3}));  // all at once
    EXPECT_EQ(group.map([](int a, const std::string& b) { return std::to_string(a) + b; }, items,
                        std::vector<std::string>{"a", "b"}),
              (std::vector<std::string>{"3a", "1b"}));
    int sum = 0;
    group.map([&](int i) { sum += i; }, items);
    EXPECT_EQ(sum, 6);
    EXPECT_TRUE(group.map([](int i) { return i; }, std::vector<int>{}).empty());
  });
}

TEST(Group, map_throws_the_first_failure_and_leaves_nothing_behind) {
  verdin::run([] {
    Group group;
    Event never;
    const auto function = [&](int i) {
      if (i == 1) throw std::runtime_error("1");
      never.wait();
    };
    EXPECT_THROW(group.map(function, std::vector{1, 2, 3}), std::runtime_error);
    for (const auto& member : group.members()) EXPECT_TRUE(member.ready());
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { group.map(function, std::vector{2, 3}); }));
    for (const auto& member : group.members()) EXPECT_TRUE(member.ready());
    group.join();
  });
}

TEST(MapRange, imap_is_in_the_order_of_the_items) {
  verdin::run([] {
    Group group;
    std::vector<int> got;
    for (int& value : group.imap(
             [](int i) {
               for (int n = 0; n < i; ++n) verdin::yield();
               return i * 10;
             },
             std::vector{3, 1, 2})) {
      got.push_back(value);
    }
    EXPECT_EQ(got, (std::vector{30, 10, 20}));
    EXPECT_TRUE(group.empty());
  });
}

TEST(MapRange, imap_unordered_is_in_the_order_of_completion) {
  verdin::run([] {
    Group group;
    const std::vector<int> items{3, 1, 2};
    std::vector<int> got;
    for (int value : group.imap_unordered(
             [](int i) {
               for (int n = 0; n < i; ++n) verdin::yield();
               return i;
             },
             items)) {
      got.push_back(value);
    }
    EXPECT_EQ(got, (std::vector{1, 2, 3}));
  });
}

TEST(MapRange, walks_over_several_ranges_until_the_shortest_ends) {
  verdin::run([] {
    Group group;
    std::vector<std::string> got;
    for (auto& text : group.imap([](int i, const std::string&s) { return s + std::to_string(i); },
                                 std::vector{1, 2, 3}, std::deque<std::string>{"a", "b"})) {
      got.push_back(text);
    }
    EXPECT_EQ(got, (std::vector<std::string>{"a1", "b2"}));
  });
}

TEST(MapRange, an_items_exception_is_thrown_by_the_dereference_and_iteration_goes_on) {
  verdin::run([] {
    for (const bool ordered : {true, false}) {
      Group group;
      const auto function = [](int i) {
        if (i == 2) throw std::runtime_error("two");
        return i;
      };
      const std::vector items{1, 2, 3};
      auto range = ordered ? group.imap(function, items) : group.imap_unordered(function, items);
      std::vector<int> got;
      int failures = 0;
      for (auto at = range.begin(); at != range.end(); ++at) {
        try {
          got.push_back(*at);
        } catch (const std::runtime_error&) {
          ++failures;
        }
      }
      EXPECT_EQ(got, (std::vector{1, 3}));
      EXPECT_EQ(failures, 1);
      auto again = group.imap(function, items);
      EXPECT_EQ(again.next(), 1);
      EXPECT_THROW(again.next(), std::runtime_error);
      EXPECT_EQ(again.next(), 3);
      EXPECT_EQ(again.next(), std::nullopt);
      EXPECT_EQ(again.next(), std::nullopt);
    }
  });
}

/// A range without end that counts how far it was walked over.
struct Naturals {
  struct Iterator {
    int* at;
    int operator*() const { return *at; }
    Iterator& operator++() {
      ++*at;
      return *this;
    }
    friend bool operator==(const Iterator&, std::default_sentinel_t) { return false; }
  };
  int at = 0;
  Iterator begin() { return {&at}; }
  static std::default_sentinel_t end() { return {}; }
};

TEST(MapRange, one_that_is_destroyed_in_the_hub_leaves_its_function_to_those_who_still_run_it) {
  verdin::run([] {
    Group group;
    Event never;
    std::string seen;
    auto function = [&, own = std::string(100, 'x')](int) {
      struct Look {
        ~Look() { seen += text.back(); }
        std::string& seen;
        const std::string& text;
      } const look{seen, own};
      never.wait();
    };
    const std::vector<int> items{1, 2};
    auto range = std::make_unique<decltype(group.imap(std::move(function), items))>(
        group.imap(std::move(function), items));
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { range->next(); }));
    verdin::Hub::current().post([&] { range.reset(); });
    group.join();
    EXPECT_EQ(seen, "xx");
  });
}

TEST(MapRange, a_slow_consumer_holds_the_producers_back) {
  verdin::run([] {
    for (const bool ordered : {true, false}) {
      Group group;
      Naturals naturals;
      int ran = 0;
      const auto function = [&](int i) {
        ++ran;
        return i;
      };
      auto range = ordered ? group.imap(function, naturals).look_ahead(3)
                           : group.imap_unordered(function, naturals).look_ahead(3);
      EXPECT_EQ(ran, 0);  // lazy
      EXPECT_EQ(range.next(), 0);
      for (int i = 0; i < 20; ++i) verdin::yield();
      EXPECT_EQ(ran, 4);  // one taken, three ahead
      EXPECT_EQ(range.next(), 1);
      for (int i = 0; i < 20; ++i) verdin::yield();
      EXPECT_EQ(ran, 5);
    }
  });
}

TEST(MapRange, what_is_under_way_dies_with_it) {
  verdin::run([] {
    Group group;
    Event never;
    int unwound = 0;
    struct Count {
      int& n;
      ~Count() { ++n; }
    };
    {
      auto range = group.imap_unordered(
          [&](int i) {
            const Count count{unwound};
            if (i > 0) never.wait();
            return i;
          },
          std::vector{0, 1, 2});
      EXPECT_EQ(range.next(), 0);
      while (group.size() > 2) verdin::yield();
      EXPECT_EQ(unwound, 1);
    }
    EXPECT_EQ(unwound, 3);
    EXPECT_TRUE(group.empty());
    const auto unused = group.imap([](int i) { return i; }, std::vector{1});  // never begun
  });
}

TEST(MapRange, also_when_its_consumer_is_killed) {
  verdin::run([] {
    Group group;
    Event never;
    auto consumer = verdin::spawn([&] {
      for (const auto& nothing : group.imap([&](int) { never.wait(); }, std::vector{1, 2})) {
        static_cast<void>(nothing);
      }
    });
    verdin::yield();
    verdin::yield();
    EXPECT_EQ(group.size(), 2u);
    consumer.kill();
    EXPECT_TRUE(group.empty());
  });
}

TEST(MapRange, an_interrupted_next_can_be_tried_again) {
  verdin::run([] {
    Group group;
    Event go;
    auto range = group.imap(
        [&](int i) {
          go.wait();
          return i;
        },
        std::vector{1});
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { range.next(); }));
    go.set();
    EXPECT_EQ(range.next(), 1);
  });
}

TEST(MapRange, an_item_whose_greenlet_is_killed_has_a_result_too) {
  verdin::run([] {
    Group group;
    Event never;
    auto range = group.imap([&](int) { never.wait(); }, std::vector{1, 2});
    auto killer = verdin::spawn([&] {
      while (group.size() < 2) verdin::yield();
      group.kill();
    });
    EXPECT_THROW(range.next(), verdin::GreenletKilled);
    EXPECT_THROW(range.next(), verdin::GreenletKilled);
    EXPECT_FALSE(range.next());
    killer.join();
  });
}

struct Failing {
  struct Iterator {
    int at = 0;
    int operator*() const { return at; }
    Iterator& operator++() {
      if (++at == 2) throw std::out_of_range("two");
      return *this;
    }
    friend bool operator==(const Iterator&, std::default_sentinel_t) { return false; }
  };
  static Iterator begin() { return {}; }
  static std::default_sentinel_t end() { return {}; }
};

TEST(MapRange, what_the_range_of_items_throws_comes_last) {
  verdin::run([] {
    Group group;
    auto range = group.imap([](int i) { return i; }, Failing());
    EXPECT_EQ(range.next(), 0);
    EXPECT_EQ(range.next(), 1);
    EXPECT_THROW(range.next(), std::out_of_range);
    EXPECT_EQ(range.next(), std::nullopt);
  });
}

TEST(MapRange, results_may_be_movable_only) {
  verdin::run([] {
    Group group;
    int sum = 0;
    for (auto& value : group.imap([](int i) { return std::make_unique<int>(i); }, std::vector{1, 2})) {
      sum += *value;
    }
    EXPECT_EQ(sum, 3);
    EXPECT_EQ(*group.map([](int i) { return std::make_unique<int>(i); }, std::vector{7})[0], 7);
  });
}

}  // namespace
