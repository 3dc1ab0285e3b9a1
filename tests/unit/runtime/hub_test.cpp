// The hub: order, fairness, what keeps it alive, its end, and forks.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/thread_pool.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/runtime/wait.hpp>

using namespace std::chrono_literals;
using verdin::Greenlet;

namespace {

TEST(LoopExit, names_every_waiter_where_it_waits_and_where_it_was_spawned) {
  verdin::run([] {
    verdin::Event never;
    verdin::Queue<int> queue(1);
    auto first = verdin::spawn([&] { never.wait(); });
    const int line = __LINE__ - 1;
    auto second = verdin::spawn([&] { queue.get(); });
    first.set_name("first");
    second.set_name("second");
    try {
      first.join();
      FAIL();
    } catch (const verdin::LoopExit& e) {
      const std::string text = e.what();
      EXPECT_NE(text.find("'main' in Greenlet::join"), std::string::npos) << text;
      EXPECT_NE(text.find("'first' in Event::wait, spawned at hub_test.cpp:" + std::to_string(line)),
                std::string::npos)
          << text;
      EXPECT_NE(text.find("'second' in Queue::get"), std::string::npos) << text;
    }
    EXPECT_FALSE(first.ready());  // it stays where it is
    verdin::sleep(1ms);           // and the hub works on
    verdin::kill_all(first, second);
  });
}

TEST(LoopExit, reaches_a_main_greenlet_behind_a_shield) {
  verdin::run([] {
    const verdin::Shield shield;
    EXPECT_THROW(verdin::Event().wait(), verdin::LoopExit);
  });
}

TEST(LoopExit, a_handler_that_waits_is_named_and_an_idle_worker_is_not) {
  verdin::run([] {
    verdin::Event never;
    verdin::spawn_detached([&] { never.wait(); }, "stuck handler");
    verdin::spawn_detached([] {});
    try {
      never.wait();
      FAIL();
    } catch (const verdin::LoopExit& e) {
      EXPECT_NE(std::string(e.what()).find("'stuck handler' in Event::wait"), std::string::npos) << e.what();
      EXPECT_EQ(std::string(e.what()).find("idle"), std::string::npos) << e.what();
    }
    never.set();
    verdin::yield();
  });
}

TEST(Refs, a_sleep_or_a_watch_without_one_does_not_keep_the_loop_alive) {
  verdin::run([] {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    auto background = verdin::spawn([] { verdin::sleep(1h, verdin::Ref::no); });
    auto watch = verdin::Hub::current().loop().watch(pipe[0], verdin::loop::Interest::read, [] {});
    watch->set_ref(false);
    auto signal = verdin::Hub::current().loop().on_signal(SIGUSR2, [] {});
    EXPECT_THROW(verdin::Event().wait(), verdin::LoopExit);
    watch->set_ref(true);
    EXPECT_FALSE(verdin::wait_for(1ms));  // now something could happen
    watch.reset();
    EXPECT_TRUE(verdin::wait_for(1h));
    signal->set_ref(true);
    EXPECT_FALSE(verdin::wait_for(1ms));
    signal.reset();
    background.kill();
    ::close(pipe[0]);
    ::close(pipe[1]);
  });
}

TEST(Idle, waits_until_nothing_else_is_to_be_done) {
  verdin::run([] {
    std::vector<int> order;
    auto idler = verdin::spawn([&] {
      verdin::idle();
      order.push_back(2);
    });
    auto busy = verdin::spawn([&] {
      for (int i = 0; i < 100; ++i) verdin::yield();
      order.push_back(1);
    });
    verdin::join_all(idler, busy);
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
  });
}

TEST(Fairness, a_stream_that_always_has_data_starves_nobody) {
  struct Sink final : verdin::loop::StreamHandler {
    void on_data(std::span<char> data) override { octets += data.size(); }
    void on_eof() override {}
    void on_error(std::error_code) override {}
    std::size_t octets = 0;
  };
  verdin::run([] {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    Sink sink;
    auto stream = verdin::Hub::current().loop().adopt(pair[0]);
    stream->set_handler(&sink);
    bool over = false;
    // Fills the socket up again whenever the loop has read some of it.
    auto writer = verdin::spawn([&] {
      const std::string block(64 * 1024, 'x');
      while (!over) {
        while (::send(pair[1], block.data(), block.size(), MSG_NOSIGNAL) > 0) {
        }
        verdin::yield();
      }
    });
    int slept = 0;
    for (; slept < 20; ++slept) verdin::sleep(1ms);
    over = true;
    writer.join();
    EXPECT_GT(sink.octets, 0u);
    ::close(pair[1]);
  });
}

TEST(HubEnd, gives_a_greenlet_up_that_swallows_every_kill) {
  std::vector<std::string> log;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view text) { log.emplace_back(text); });
  Greenlet<> undead;
  int* const kills = new int(0);
  verdin::run({.unwind_limit = 50ms}, [&] {
    undead = verdin::spawn([kills] {
      for (;;) {
        try {
          verdin::yield();
        } catch (const verdin::GreenletExit&) {
          ++*kills;
        }
      }
    });
    undead.set_name("undead");
    verdin::yield();
  });
  verdin::set_log_sink(nullptr);
  EXPECT_EQ(*kills, 10);
  EXPECT_TRUE(undead.ready());
  ASSERT_EQ(log.size(), 1u);
  EXPECT_NE(log[0].find("'undead' in yield"), std::string::npos) << log[0];
  delete kills;
}

TEST(HubEnd, kills_what_blocks_for_ever_while_it_cleans_up) {
  bool unwound = false;
  verdin::run([&] {
    verdin::spawn([&] {
      struct Guard {
        bool& flag;
        ~Guard() { flag = true; }
      } guard{unwound};
      try {
        verdin::sleep(1h);
      } catch (const verdin::GreenletExit&) {
        verdin::Event().wait();
      }
    });
    verdin::yield();
  });
  EXPECT_TRUE(unwound);
}

#if !defined(__SANITIZE_THREAD__)

/// Whether the monitor's thread runs. Threads that are just starting hold locks of AddressSanitizer's
/// allocator (of gcc 12, which knows nothing of forks); a child would find them locked for ever.
bool monitor_runs() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name == "verdin monitor") return true;
  }
  return false;
}

/// The exit status of a child that runs `body` in the forked greenlet: 0 if that returns true.
template <typename F>
int in_child(const F& body) {
  while (!monitor_runs()) std::this_thread::yield();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(Fork, the_child_has_a_working_hub_and_only_the_greenlet_that_forked) {
  verdin::run([] {
    int ran = 0;
    auto queued = verdin::spawn([&] {
      for (;;) {
        ++ran;
        verdin::yield();
      }
    });
    auto sleeper = verdin::spawn([&] {
      verdin::sleep(1ms);
      ++ran;
      verdin::sleep(1h);
    });
    verdin::yield();
    const int before = ran;
    EXPECT_EQ(in_child([&] {
                if (verdin::Hub::current().greenlet_count() != 1 || !queued.ready()) return false;
                auto own = verdin::spawn([] {
                  verdin::sleep(5ms);
                  return 7;
                });
                if (own.get() != 7 || ran != before) return false;
                int pipe[2];
                if (::pipe(pipe) != 0 || ::write(pipe[1], "x", 1) != 1) return false;
                verdin::Event readable;
                auto watch = verdin::Hub::current().loop().watch(pipe[0], verdin::loop::Interest::read,
                                                                 [&] { readable.set(); });
                readable.wait();
                watch.reset();
                try {
                  verdin::Event().wait();  // nobody's timer is left
                  return false;
                } catch (const verdin::LoopExit&) {
                  return verdin::offload([] { return 5; }) == 5;
                }
              }),
              0);
    verdin::yield();
    EXPECT_GT(ran, before);  // the parent's go on
    verdin::kill_all(queued);
    sleeper.kill();
  });
}

TEST(Fork, a_thread_pool_begins_anew_in_the_child) {
  verdin::run([] {
    verdin::ThreadPool pool(1);
    std::atomic<bool> began = false;
    std::atomic<bool> go_on = false;
    auto busy = pool.spawn([&] {
      began = true;
      while (!go_on) std::this_thread::yield();
      return 1;
    });
    auto queued = pool.spawn([] { return 2; });
    while (!began) std::this_thread::yield();  // see monitor_runs()
    EXPECT_EQ(in_child([&] {
                verdin::ThreadPool& in_the_child = pool;
                return in_the_child.size() == 0 && in_the_child.thread_count() == 0 &&
                       in_the_child.apply([] { return 5; }) == 5;
              }),
              0);
    go_on = true;
    EXPECT_EQ(busy.get(), 1);
    EXPECT_EQ(queued.get(), 2);
  });
}

TEST(Fork, the_childs_own_timeouts_go_on) {
  verdin::run([] {
    verdin::Timeout limit(10ms);
    EXPECT_EQ(in_child([&] {
                try {
                  verdin::sleep(1h);
                  return false;
                } catch (const verdin::TimeoutExpired& e) {
                  return limit.is(e);
                }
              }),
              0);
  });
}

TEST(Fork, in_another_greenlet_makes_it_the_main_one) {
  verdin::run([] {
    auto forker = verdin::spawn([] {
      return in_child([] {
        try {
          verdin::Event().wait();
        } catch (const verdin::LoopExit&) {
          return true;
        }
        return false;
      });
    });
    EXPECT_EQ(forker.get(), 0);
  });
}

#endif

}  // namespace
