// Greenlets used where their hub is not: it has ended, or is another thread's.
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/scoped_greenlet.hpp>
#include <verdin/runtime/shared/event.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/wait.hpp>

namespace {

using namespace std::chrono_literals;
using verdin::Greenlet;
using verdin::WrongThread;

/// Of a hub that has ended: it ran to its end there.
Greenlet<int> one_that_ended() {
  Greenlet<int> greenlet;
  std::thread([&] {
    verdin::run([&] {
      greenlet = verdin::spawn([] { return 7; });
      greenlet.join();
    });
  }).join();
  return greenlet;
}

TEST(Strangers, that_have_ended_are_joined_at_once_where_their_hub_is_gone) {
  Greenlet<int> greenlet = one_that_ended();
  verdin::run([&] {
    EXPECT_EQ(greenlet.get(), 7);
    EXPECT_EQ(verdin::join_all(std::vector{greenlet}).size(), 1u);
    EXPECT_TRUE(verdin::join_all(1h, greenlet));
    verdin::wait(greenlet);
    greenlet.kill();
    greenlet.kill_async();
  });
}

/// Each hub counts its joins, and marks what it has seen by their numbers.
TEST(Strangers, of_one_hub_after_the_other_are_all_joined) {
  std::vector<Greenlet<>> all;
  verdin::run([&] {
    for (int i = 0; i < 3; ++i) all.push_back(verdin::spawn([] {}));
    EXPECT_EQ(verdin::join_all(all).size(), 3u);
  });
  verdin::run([&] { EXPECT_EQ(verdin::join_all(all).size(), 3u); });
}

TEST(Strangers, that_never_started_end_without_their_hub) {
  for (const bool in_a_hub : {false, true}) {
    auto token = std::make_shared<int>(1);
    Greenlet<> greenlet;
    verdin::run([&] {
      greenlet = verdin::make_greenlet([] {});
      greenlet.on_done([token] { ADD_FAILURE() << "there is no hub to call this"; });
    });
    const auto kill = [&] { greenlet.kill(); };
    if (in_a_hub) {
      verdin::run(kill);
    } else {
      kill();
    }
    EXPECT_TRUE(greenlet.killed());
    EXPECT_EQ(token.use_count(), 1);
  }
}

TEST(Strangers, that_never_started_are_not_waited_for) {
  Greenlet<> greenlet;
  verdin::run([&] { greenlet = verdin::make_greenlet([] {}); });
  verdin::run([&] {
    EXPECT_THROW(greenlet.join(), WrongThread);
    EXPECT_THROW(greenlet.start(), WrongThread);
    verdin::Group group;
    EXPECT_THROW(group.add(greenlet), WrongThread);
  });
}

TEST(Strangers, of_another_thread_are_refused_while_they_live) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a handle in two threads is the misuse, and a race";
#endif
  verdin::shared::Event up;
  verdin::shared::Event done;
  Greenlet<> greenlet;
  std::thread other([&] {
    verdin::run([&] {
      greenlet = verdin::spawn([&] { done.wait(); });
      verdin::yield();
      up.set();
      greenlet.join();
      EXPECT_FALSE(greenlet.killed());
    });
  });
  verdin::run([&] {
    up.wait();
    EXPECT_THROW(greenlet.join_for(1ms), WrongThread);
    EXPECT_THROW(verdin::join_all(1ms, greenlet), WrongThread);
    EXPECT_THROW(verdin::wait(greenlet), WrongThread);
    EXPECT_THROW(greenlet.kill(), WrongThread);
    EXPECT_THROW(greenlet.kill_async(), WrongThread);
    EXPECT_THROW(verdin::kill_all(std::vector{greenlet}), WrongThread);
    EXPECT_THROW(greenlet.on_done([] {}), WrongThread);
    done.set();
  });
  other.join();
}

TEST(Strangers, shields_and_scopes_end_where_there_is_no_hub) {
  std::optional<verdin::ScopedGreenlet<void>> scoped;
  verdin::run([&] {
    scoped.emplace(verdin::spawn([] {}));
    scoped->join();
  });
  scoped.reset();
  const verdin::Shield shield;
  const verdin::FullShield full;
}

}  // namespace
