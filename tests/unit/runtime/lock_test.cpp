#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

#include "support/switches.hpp"

using namespace std::chrono_literals;
using verdin::test::switches_of;

namespace {

TEST(Mutex, lets_one_greenlet_in_at_a_time_in_order) {
  verdin::run([] {
    verdin::Mutex mutex;
    int inside = 0;
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 4; ++i) {
      all.push_back(verdin::spawn([&, i] {
        const std::scoped_lock lock(mutex);
        EXPECT_EQ(++inside, 1);
        verdin::yield();
        order.push_back(i);
        --inside;
      }));
    }
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
    EXPECT_FALSE(mutex.locked());
  });
}

TEST(Mutex, tells_misuse) {
  verdin::run([] {
    verdin::Mutex mutex;
    EXPECT_THROW(mutex.unlock(), verdin::LockMisuse);
    mutex.lock();
    EXPECT_TRUE(mutex.mine());
    EXPECT_THROW(mutex.lock(), verdin::LockMisuse);
    EXPECT_FALSE(mutex.try_lock());
    auto other = verdin::spawn([&] {
      EXPECT_FALSE(mutex.mine());
      EXPECT_FALSE(mutex.try_lock_for(1ms));
      mutex.unlock();
    });
    EXPECT_THROW(other.get(), verdin::LockMisuse);
    mutex.unlock();
  });
}

TEST(Mutex, a_waiter_that_is_killed_leaves_it_to_the_next) {
  verdin::run([] {
    verdin::Mutex mutex;
    mutex.lock();
    const auto enter = [&] { const std::scoped_lock lock(mutex); };
    auto first = verdin::spawn(enter);
    auto second = verdin::spawn(enter);
    verdin::yield();
    first.kill_async();
    mutex.unlock();
    second.get();
    EXPECT_TRUE(first.killed());
    EXPECT_TRUE(mutex.try_lock());
  });
}

TEST(RLock, is_its_greenlets_until_unlocked_as_often_as_locked) {
  verdin::run([] {
    verdin::RLock lock;
    EXPECT_EQ(switches_of([&] {
                lock.lock();
                lock.lock();
                EXPECT_TRUE(lock.try_lock());
                EXPECT_TRUE(lock.try_lock_for(1h));
              }),
              0U);
    EXPECT_EQ(lock.depth(), 4U);
    bool refused = false;
    bool entered = false;
    auto other = verdin::spawn([&] {
      EXPECT_FALSE(lock.try_lock());
      EXPECT_FALSE(lock.try_lock_for(1ms));
      EXPECT_THROW(lock.unlock(), verdin::LockMisuse);
      refused = true;
      const std::scoped_lock guard(lock);
      entered = true;
    });
    while (!refused) verdin::sleep(1ms);
    for (int i = 0; i < 4; ++i) {
      EXPECT_FALSE(entered);
      lock.unlock();
    }
    EXPECT_THROW(lock.unlock(), verdin::LockMisuse);
    other.get();
    EXPECT_TRUE(entered);
  });
}

TEST(RLock, may_belong_to_the_hub) {
  verdin::run([] {
    verdin::RLock lock;
    verdin::Event done;
    verdin::Hub::current().post([&] {
      lock.lock();
      lock.lock();
      done.set();
    });
    done.wait();
    EXPECT_FALSE(lock.try_lock());
    verdin::Hub::current().post([&] {
      lock.unlock();
      lock.unlock();
    });
    lock.lock();
  });
}

TEST(Condition, wakes_in_order_and_holds_the_lock_again) {
  verdin::run([] {
    verdin::Mutex mutex;
    verdin::Condition changed;
    std::vector<int> order;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&, i] {
        std::unique_lock lock(mutex);
        changed.wait(lock);
        EXPECT_TRUE(mutex.mine());
        order.push_back(i);
      }));
    }
    verdin::yield();
    EXPECT_FALSE(mutex.locked());
    EXPECT_EQ(switches_of([&] { changed.notify_one(); }), 0U);
    verdin::yield();
    EXPECT_EQ(order, std::vector<int>{0});
    changed.notify_all();
    verdin::join_all(all);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    changed.notify_one();  // nobody: forgotten
    std::unique_lock lock(mutex);
    EXPECT_FALSE(changed.wait_for(lock, 1ms));
    EXPECT_TRUE(mutex.mine());
  });
}

TEST(Condition, waits_for_a_predicate) {
  verdin::run([] {
    verdin::Mutex mutex;
    verdin::Condition changed;
    int value = 0;
    auto other = verdin::spawn([&] {
      for (int i = 0; i < 3; ++i) {
        {
          const std::scoped_lock lock(mutex);
          ++value;
        }
        changed.notify_all();
        verdin::yield();
      }
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return value == 2; });
    EXPECT_EQ(value, 2);
    EXPECT_FALSE(changed.wait_for(lock, 1ms, [&] { return value == 9; }));
    EXPECT_TRUE(changed.wait_for(lock, 1h, [&] { return value == 3; }));
    lock.unlock();
    other.get();
  });
}

TEST(Condition, gives_a_recursive_lock_up_altogether) {
  verdin::run([] {
    verdin::RLock lock;
    verdin::Condition changed;
    auto other = verdin::spawn([&] {
      const std::scoped_lock guard(lock);
      changed.notify_one();
    });
    lock.lock();
    lock.lock();
    changed.wait(lock);
    EXPECT_EQ(lock.depth(), 2U);
    other.get();
    auto another = verdin::spawn([&] {
      const std::scoped_lock guard(lock);
      changed.notify_one();
    });
    {
      std::unique_lock guard(lock);
      changed.wait(guard);
      EXPECT_EQ(lock.depth(), 3U);
    }
    another.get();
    EXPECT_EQ(lock.depth(), 2U);
  });
}

TEST(Condition, one_that_is_killed_or_times_out_holds_the_lock_when_it_leaves) {
  verdin::run([] {
    verdin::Mutex mutex;
    verdin::Condition changed;
    bool held = false;
    const auto wait = [&] {
      mutex.lock();
      try {
        changed.wait(mutex);
      } catch (...) {
        held = mutex.mine();
        mutex.unlock();
        throw;
      }
      mutex.unlock();
    };
    auto killed = verdin::spawn(wait);
    verdin::yield();
    mutex.lock();
    killed.kill_async();
    verdin::yield();
    EXPECT_FALSE(killed.ready());  // it waits for the lock
    killed.kill_async();           // and is not torn out of that
    verdin::yield();
    EXPECT_FALSE(killed.ready());
    mutex.unlock();
    killed.join();
    EXPECT_TRUE(held);
    held = false;
    EXPECT_FALSE(verdin::with_timeout(1ms, wait));
    EXPECT_TRUE(held);
    EXPECT_FALSE(mutex.locked());
  });
}

TEST(Condition, one_that_is_killed_after_it_was_notified_passes_it_on) {
  verdin::run([] {
    verdin::Mutex mutex;
    verdin::Condition changed;
    const auto wait = [&] {
      std::unique_lock lock(mutex);
      changed.wait(lock);
    };
    auto first = verdin::spawn(wait);
    auto second = verdin::spawn(wait);
    verdin::yield();
    first.kill_async();
    changed.notify_one();
    second.get();
    EXPECT_TRUE(first.killed());
  });
}

TEST(Condition, an_unlocked_lock_is_refused_and_leaves_no_waiter) {
  verdin::run([] {
    verdin::Mutex mutex;
    verdin::Condition changed;
    EXPECT_THROW(changed.wait(mutex), verdin::LockMisuse);
    EXPECT_FALSE(mutex.locked());
  });
}

TEST(Barrier, lets_all_go_when_all_are_there_again_and_again) {
  verdin::run([] {
    int actions = 0;
    verdin::Barrier barrier(3, [&] { ++actions; });
    std::vector<std::string> log;
    std::vector<verdin::Greenlet<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&, i] {
        for (int round = 0; round < 2; ++round) {
          const std::size_t place = barrier.wait();
          EXPECT_EQ(actions, round + 1);
          log.push_back(std::to_string(round) + std::to_string(i) + std::to_string(place));
        }
      }));
    }
    verdin::join_all(all);
    EXPECT_EQ(actions, 2);
    EXPECT_EQ(log, (std::vector<std::string>{"022", "000", "011", "112", "120", "101"}));
  });
}

TEST(Barrier, a_party_that_is_late_breaks_it_and_reset_mends_it) {
  verdin::run([] {
    verdin::Barrier barrier(3);
    auto other = verdin::spawn([&] { barrier.wait(); });
    EXPECT_THROW(barrier.wait_for(1ms), verdin::BrokenBarrier);
    EXPECT_THROW(other.get(), verdin::BrokenBarrier);
    EXPECT_TRUE(barrier.broken());
    EXPECT_THROW(barrier.wait(), verdin::BrokenBarrier);
    barrier.reset();
    auto waiting = verdin::spawn([&] { barrier.wait(); });
    verdin::yield();
    EXPECT_EQ(barrier.waiting(), 1U);
    barrier.reset();
    EXPECT_EQ(barrier.waiting(), 0U);
    EXPECT_FALSE(barrier.broken());
    EXPECT_THROW(waiting.get(), verdin::BrokenBarrier);
    auto last = verdin::spawn([&] { barrier.wait(); });
    verdin::yield();
    barrier.abort();
    EXPECT_THROW(last.get(), verdin::BrokenBarrier);
  });
}

TEST(Barrier, one_that_is_killed_or_times_out_only_leaves) {
  verdin::run([] {
    verdin::Barrier barrier(2);
    auto killed = verdin::spawn([&] { barrier.wait(); });
    verdin::yield();
    killed.kill();
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { barrier.wait(); }));
    EXPECT_EQ(barrier.waiting(), 0U);
    EXPECT_FALSE(barrier.broken());
    auto other = verdin::spawn([&] { return barrier.wait(); });
    EXPECT_EQ(barrier.wait(), 0U);
    EXPECT_EQ(other.get(), 1U);
  });
}

TEST(Barrier, an_action_may_block_and_an_action_that_throws_breaks_it) {
  verdin::run([] {
    bool fail = false;
    verdin::Barrier barrier(2, [&] {
      verdin::sleep(2ms);
      if (fail) throw std::runtime_error("x");
    });
    std::vector<verdin::Greenlet<std::size_t>> all;
    for (int i = 0; i < 4; ++i) all.push_back(verdin::spawn([&] { return barrier.wait(); }));
    verdin::yield();
    EXPECT_EQ(barrier.waiting(), 0U);  // two are on their way, two come too early
    std::vector<std::size_t> places;
    for (auto& greenlet : all) places.push_back(greenlet.get());
    EXPECT_EQ(places, (std::vector<std::size_t>{0, 1, 0, 1}));
    fail = true;
    auto other = verdin::spawn([&] { barrier.wait_for(1ms); });  // too short for the action: that counts
    verdin::yield();
    EXPECT_THROW(barrier.wait(), std::runtime_error);
    EXPECT_THROW(other.get(), verdin::BrokenBarrier);
    EXPECT_TRUE(barrier.broken());
    EXPECT_THROW(verdin::Barrier(0), std::invalid_argument);
  });
}

TEST(Locks, ones_that_are_destroyed_wake_those_who_wait) {
  verdin::run([] {
    verdin::Mutex outer;
    std::vector<verdin::Greenlet<>> all;
    {
      verdin::Condition changed;
      verdin::Barrier barrier(9);
      verdin::Event event;
      all.push_back(verdin::spawn([&] {
        std::unique_lock lock(outer);
        changed.wait(lock);
      }));
      all.push_back(verdin::spawn([&] { barrier.wait(); }));
      all.push_back(verdin::spawn([&] { event.wait(); }));
      all.push_back(verdin::spawn([&] { event.wait_for(1h); }));
      verdin::yield();
    }
    for (auto& greenlet : all) EXPECT_THROW(greenlet.get(), verdin::DestroyedWhileWaiting);
    EXPECT_FALSE(outer.locked());
  });
}

TEST(Condition, one_that_is_destroyed_with_its_mutex_leaves_that_alone) {
  struct Guarded {
    verdin::Mutex mutex;
    verdin::RLock recursive;
    verdin::Condition changed;
  };
  verdin::run([] {
    auto guarded = std::make_unique<Guarded>();
    std::vector<verdin::Greenlet<>> all;
    all.push_back(verdin::spawn([&own = *guarded] {
      std::unique_lock lock(own.mutex);
      own.changed.wait(lock);
    }));
    all.push_back(verdin::spawn([&own = *guarded] {
      std::unique_lock lock(own.recursive);
      own.changed.wait_for(lock, 1h);
    }));
    verdin::yield();
    guarded.reset();
    for (auto& greenlet : all) EXPECT_THROW(greenlet.get(), verdin::DestroyedWhileWaiting);
  });
}

TEST(Condition, one_that_is_destroyed_gives_a_bare_lock_back) {
  verdin::run([] {
    verdin::Mutex mutex;
    auto changed = std::make_unique<verdin::Condition>();
    auto waiter = verdin::spawn([&] {
      const std::scoped_lock lock(mutex);
      changed->wait(mutex);
    });
    verdin::yield();
    EXPECT_FALSE(mutex.locked());
    changed.reset();
    EXPECT_THROW(waiter.get(), verdin::DestroyedWhileWaiting);
    EXPECT_FALSE(mutex.locked());
  });
}

}  // namespace
