// Which calls let others run: what users may rely on between two lines of theirs.
#include "support/switches.hpp"

#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/future.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/runtime/wait.hpp>

using namespace std::chrono_literals;
using verdin::test::switches_of;

namespace {

TEST(Switches, do_not_happen_where_nothing_has_to_be_waited_for) {
  verdin::run([] {
    auto done = verdin::spawn([] { return 1; });
    done.join();
    verdin::Promise<int> promise;
    promise.set_value(1);
    verdin::Event event;
    verdin::Pool pool(2);
    std::vector<verdin::Greenlet<int>> none;
    verdin::Greenlet<> spawned;
    const std::size_t switches = switches_of([&] {
      spawned = verdin::spawn([] {});
      event.set();
      event.wait();
      event.clear();
      event.set();
      EXPECT_EQ(promise.future().get(), 1);
      EXPECT_EQ(done.get(), 1);
      done.join();
      done.kill();
      spawned.kill();  // it never ran
      EXPECT_TRUE(verdin::join_all(none).empty());
      pool.spawn([] {});
      const verdin::Timeout scope(1h);
      verdin::spawn([] {}).kill_async();
    });
    EXPECT_EQ(switches, 0U);
    EXPECT_TRUE(spawned.killed());
    pool.join();
  });
}

TEST(Switches, happen_in_these_calls_even_if_they_need_not_wait) {
  verdin::run([] {
    verdin::Event event;
    verdin::Queue<int> queue;
    auto done = verdin::spawn([] {});
    done.join();
    std::vector<verdin::Greenlet<>> all{done};
    EXPECT_GE(switches_of([] { verdin::yield(); }), 1U);
    EXPECT_GE(switches_of([] { verdin::sleep(0ms); }), 1U);
    EXPECT_GE(switches_of([] { verdin::sleep(-1ms); }), 1U);
    EXPECT_GE(switches_of([&] { EXPECT_FALSE(event.wait_for(0ms)); }), 1U);
    EXPECT_GE(switches_of([&] { EXPECT_FALSE(queue.get_for(0ms)); }), 1U);
    EXPECT_GE(switches_of([&] { EXPECT_EQ(verdin::join_all(all).size(), 1U); }), 1U);
    EXPECT_GE(switches_of([&] { verdin::wait(done); }), 1U);
  });
}

}  // namespace
