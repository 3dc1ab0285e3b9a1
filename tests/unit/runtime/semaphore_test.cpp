#include <mutex>
#include <shared_mutex>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

#include "support/switches.hpp"

using namespace std::chrono_literals;
using verdin::Handoff;
using verdin::Semaphore;
using verdin::test::switches_of;

namespace {

TEST(Semaphore, counts_what_is_taken_and_given_back_without_a_switch) {
  verdin::run([] {
    Semaphore semaphore(2);
    EXPECT_EQ(switches_of([&] {
                semaphore.acquire();
                EXPECT_TRUE(semaphore.try_acquire());
                EXPECT_FALSE(semaphore.try_acquire());
                EXPECT_EQ(semaphore.count(), 0U);
                EXPECT_EQ(semaphore.release(), 1U);
                EXPECT_EQ(semaphore.release(3), 4U);
                EXPECT_EQ(semaphore.wait(), 4U);
                EXPECT_TRUE(semaphore.acquire_for(1h));
              }),
              0U);
  });
}

TEST(Semaphore, wakes_those_who_wait_in_order_after_the_releaser_went_on) {
  verdin::run([] {
    Semaphore semaphore(0);
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&, i] {
        semaphore.acquire();
        order.push_back(i);
      }));
    }
    verdin::yield();
    semaphore.release(2);
    order.push_back(-1);
    verdin::yield();
    EXPECT_EQ(order, (std::vector<int>{-1, 0, 1}));
    semaphore.release();
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{-1, 0, 1, 2}));
  });
}

TEST(Semaphore, lets_the_releaser_barge_and_the_woken_one_keep_its_place) {
  verdin::run([] {
    Semaphore semaphore(1);
    semaphore.acquire();
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 2; ++i) {
      all.push_back(verdin::spawn([&, i] {
        semaphore.acquire();
        order.push_back(i);
      }));
    }
    verdin::yield();
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire());
    verdin::yield();
    EXPECT_TRUE(order.empty());
    semaphore.release();
    verdin::yield();
    EXPECT_EQ(order, std::vector<int>{0});
    semaphore.release();
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{0, 1}));
  });
}

TEST(Semaphore, several_that_were_woken_for_nothing_keep_their_order) {
  verdin::run([] {
    Semaphore semaphore(0);
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(verdin::spawn([&, i] {
        semaphore.acquire();
        order.push_back(i);
      }));
    }
    verdin::yield();
    semaphore.release(3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(semaphore.try_acquire());
    verdin::yield();
    EXPECT_TRUE(order.empty());
    semaphore.release(5);
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  });
}

TEST(Semaphore, hands_over_directly_where_told_to) {
  verdin::run([] {
    Semaphore semaphore(1, Handoff::direct);
    semaphore.acquire();
    auto waiter = verdin::spawn([&] { semaphore.acquire(); });
    verdin::yield();
    EXPECT_EQ(semaphore.release(), 0U);  // it is the waiter's
    EXPECT_FALSE(semaphore.try_acquire());
    EXPECT_EQ(semaphore.count(), 0U);
    waiter.join();
    EXPECT_EQ(semaphore.release(), 1U);
  });
}

TEST(Semaphore, a_waiter_that_is_killed_or_times_out_after_its_wakeup_passes_it_on) {
  for (const Handoff handoff : {Handoff::barging, Handoff::direct}) {
    verdin::run([handoff] {
      Semaphore semaphore(0, handoff);
      auto first = verdin::spawn([&] { semaphore.acquire(); });
      auto second = verdin::spawn([&] { semaphore.acquire(); });
      verdin::yield();
      first.kill_async();  // before the wake-up: the kill comes first, and finds it woken
      semaphore.release();
      second.join();
      EXPECT_TRUE(first.killed());
      EXPECT_EQ(semaphore.count(), 0U);

      EXPECT_FALSE(semaphore.acquire_for(1ms));
      EXPECT_FALSE(semaphore.acquire_for(-1ms));
      EXPECT_FALSE(verdin::with_timeout(1ms, [&] { semaphore.acquire(); }));
      semaphore.release();
      EXPECT_EQ(semaphore.count(), 1U);  // none of them left anything behind
    });
  }
}

TEST(Semaphore, wait_takes_nothing_and_returns_only_where_something_is_left) {
  verdin::run([] {
    Semaphore semaphore(0);
    std::vector<std::size_t> seen;
    auto looker = verdin::spawn([&] { seen.push_back(semaphore.wait()); });
    auto taker = verdin::spawn([&] { semaphore.acquire(); });
    auto late = verdin::spawn([&] { seen.push_back(semaphore.wait_for(1h)); });
    verdin::yield();
    semaphore.release();
    verdin::join_all(looker, taker);
    EXPECT_FALSE(late.ready());  // the one before it took all there was
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire());
    verdin::yield();
    EXPECT_FALSE(late.ready());
    semaphore.release();
    late.join();
    EXPECT_EQ(seen, (std::vector<std::size_t>{1, 1}));
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_EQ(semaphore.wait_for(1ms), 0U);
  });
}

TEST(Semaphore, a_link_is_told_once_also_where_it_is_free_already) {
  struct Told : verdin::impl::Link {
    Told() : Link([](Link& link) noexcept { ++static_cast<Told&>(link).times; }) {}
    int times = 0;
  };
  verdin::run([] {
    Told at_once;
    Told later;
    verdin::Semaphore free(1);
    verdin::Semaphore taken(0);
    free.add_link(at_once);
    taken.add_link(later);
    EXPECT_EQ(at_once.times, 0) << "links are told by an event of their own";
    verdin::yield();
    EXPECT_EQ(at_once.times, 1);
    EXPECT_EQ(later.times, 0);
    free.release();
    taken.release();
    verdin::yield();
    EXPECT_EQ(at_once.times, 1);
    EXPECT_EQ(later.times, 1);
    EXPECT_EQ(free.count(), 2u);
    EXPECT_EQ(taken.count(), 1u);
  });
}

TEST(Semaphore, is_a_lock_of_the_standards) {
  verdin::run([] {
    Semaphore one(1);
    Semaphore two(1);
    {
      const std::scoped_lock both(one, two);
      EXPECT_EQ(one.count() + two.count(), 0U);
      std::unique_lock late(one, std::defer_lock);
      EXPECT_FALSE(late.try_lock());
      EXPECT_FALSE(late.try_lock_for(1us));
      EXPECT_FALSE(late.try_lock_until(std::chrono::system_clock::now() + 1ms));
    }
    EXPECT_TRUE(one.try_lock_for(std::chrono::duration<double>::max()));
  });
}

TEST(Semaphore, the_bounded_one_refuses_to_be_released_too_often) {
  verdin::run([] {
    verdin::BoundedSemaphore semaphore(2);
    EXPECT_THROW(semaphore.release(), verdin::LockMisuse);
    semaphore.acquire();
    EXPECT_THROW(semaphore.release(2), verdin::LockMisuse);
    EXPECT_EQ(semaphore.release(), 2U);
    Semaphore unbounded(1);
    EXPECT_THROW(unbounded.release(Semaphore::kNoBound), verdin::LockMisuse);
  });
}

TEST(Semaphore, from_the_hub_only_what_does_not_block) {
  verdin::run([] {
    Semaphore semaphore(1);
    verdin::Event done;
    verdin::Hub::current().post([&] {
      semaphore.acquire();
      EXPECT_FALSE(semaphore.try_acquire());
      EXPECT_THROW(semaphore.acquire(), verdin::BlockingSwitchOutError);
      EXPECT_THROW(semaphore.acquire_for(1s), verdin::BlockingSwitchOutError);
      EXPECT_THROW(semaphore.wait(), verdin::BlockingSwitchOutError);
      semaphore.release();
      done.set();
    });
    done.wait();
    EXPECT_EQ(semaphore.count(), 1U);
  });
}

TEST(Semaphore, one_that_is_destroyed_wakes_those_who_wait) {
  verdin::run([] {
    std::vector<verdin::Greenlet<>> all;
    {
      Semaphore semaphore(0);
      for (int i = 0; i < 2; ++i) all.push_back(verdin::spawn([&] { semaphore.acquire(); }));
      all.push_back(verdin::spawn([&] { semaphore.acquire_for(1h); }));
      all.push_back(verdin::spawn([&] { semaphore.wait(); }));
      verdin::yield();
      semaphore.release();  // the first was woken, and yet finds nothing
    }
    for (auto& greenlet : all) EXPECT_THROW(greenlet.get(), verdin::DestroyedWhileWaiting);
  });
}

TEST(Semaphore, one_that_goes_with_everything_else_is_no_error) {
  std::size_t errors = 0;
  verdin::run([&] {
    verdin::Hub::current().on_error([&](std::string_view, const std::exception_ptr&) { ++errors; });
    Semaphore semaphore(0);
    verdin::spawn([&] { semaphore.acquire(); });
    verdin::yield();
  });
  EXPECT_EQ(errors, 0U);
}

}  // namespace
