// The hub: order, fairness, what keeps it alive, its end, and forks.
#include <atomic>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/barrier.hpp>
#include <verdin/runtime/channel.hpp>
#include <verdin/runtime/condition.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/mutex.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/shared/channel.hpp>
#include <verdin/runtime/shared/condition.hpp>
#include <verdin/runtime/shared/event.hpp>
#include <verdin/runtime/shared/mutex.hpp>
#include <verdin/runtime/shared/queue.hpp>
#include <verdin/runtime/shared/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/task_group.hpp>
#include <verdin/runtime/thread_pool.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/runtime/wait.hpp>

#include "support/forks.hpp"
#include "support/wanted_loop.hpp"

using namespace std::chrono_literals;
using verdin::Greenlet;

namespace {

TEST(WantedLoop, is_the_one_it_runs_on) { verdin::test::expect_the_wanted_loop(); }

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

/// The errors that are logged while it lives.
class LoggedErrors {
 public:
  LoggedErrors() {
    verdin::set_log_sink([this](verdin::LogLevel level, std::string_view text) {
      if (level == verdin::LogLevel::error) lines.emplace_back(text);
    });
  }
  LoggedErrors(const LoggedErrors&) = delete;
  LoggedErrors& operator=(const LoggedErrors&) = delete;
  ~LoggedErrors() { verdin::set_log_sink(nullptr); }
  std::vector<std::string> lines;
};

TEST(FullShield, holds_off_LoopExit_too) {
  LoggedErrors errors;
  verdin::run({.blocking_limit = 0ns}, [&] {
    verdin::Event event;
    auto background = verdin::spawn([&] {
      verdin::sleep(1ms, verdin::Ref::no);
      event.set();
    });
    {
      const verdin::FullShield shield;
      EXPECT_NO_THROW(event.wait());
    }
    ASSERT_EQ(errors.lines.size(), 1u);
    EXPECT_NE(errors.lines[0].find("'main' in Event::wait"), std::string::npos) << errors.lines[0];
    EXPECT_THROW(verdin::Event().wait(), verdin::LoopExit);  // without one it comes
  });
}

TEST(FullShield, logs_once_that_nothing_can_happen_until_something_can) {
  LoggedErrors errors;
  verdin::run({.blocking_limit = 0ns}, [&] {
    verdin::Event event;
    auto background = verdin::spawn([&] {
      const auto sleep_often = [] {
        for (int i = 0; i < 5; ++i) verdin::sleep(1ms, verdin::Ref::no);
      };
      sleep_often();
      EXPECT_EQ(errors.lines.size(), 1u);
      verdin::sleep(1ms);
      sleep_often();
      event.set();
    });
    const verdin::FullShield shield;
    event.wait();
    EXPECT_EQ(errors.lines.size(), 2u);
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
      order.push_back(3);
    });
    auto busy = verdin::spawn([&] {
      for (int i = 0; i < 100; ++i) verdin::yield();
      order.push_back(1);
      verdin::Hub::current().post([&] {
        verdin::spawn([&] {
          verdin::yield();
          order.push_back(2);
        });
      });
    });
    auto asleep = verdin::spawn([&] {
      verdin::sleep(1h);  // nobody waits for that
      order.push_back(4);
    });
    verdin::join_all(idler, busy);
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    asleep.kill();
  });
}

TEST(Fairness, a_stream_that_always_has_data_starves_nobody) {
  // Fills the socket up again as soon as some of it was read: whoever reads until there is nothing left
  // never stops.
  struct Sink final : verdin::loop::StreamHandler {
    void on_data(std::span<char> data) override {
      octets += data.size();
      fill();
    }
    void on_eof() override {}
    void on_error(std::error_code) override {}
    void fill() {
      while (!over && ::send(peer, block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
      }
    }
    const std::string block = std::string(64 * 1024, 'x');
    int peer = -1;
    bool over = false;
    std::size_t octets = 0;
  };
  verdin::run([] {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    Sink sink;
    auto stream = verdin::Hub::current().loop().adopt(pair[0]);
    sink.peer = pair[1];
    sink.fill();
    stream->set_handler(&sink);
    for (int slept = 0; slept < 20; ++slept) {
      const std::size_t before = sink.octets;
      verdin::sleep(1ms);
      while (sink.octets == before) verdin::yield();  // it is read on all the time
    }
    sink.over = true;
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

TEST(HubEnd, those_it_has_given_up_are_passed_over_and_count_no_more) {
  verdin::set_log_sink([](verdin::LogLevel, std::string_view) {});  // they are reported
  verdin::Channel<int> channel;
  verdin::Channel<int> full;
  verdin::Semaphore free(0, verdin::Handoff::direct);
  verdin::Condition changed;
  verdin::Mutex mutex;
  verdin::Barrier barrier(2);
  const auto wait = [&] {
    std::unique_lock lock(mutex);
    changed.wait(lock);
  };
  verdin::run({.unwind_limit = 50ms}, [&] {
    const auto endure = [](auto waiting) {
      verdin::spawn([waiting] {
        const verdin::Shield shield;
        waiting();
      });
    };
    endure([&] { channel.get(); });
    endure([&] { full.put(1); });
    endure([&] { free.acquire(); });
    endure(wait);
    endure([&] { barrier.wait(); });
    verdin::yield();
  });
  verdin::set_log_sink({});
  verdin::run([&] {
    EXPECT_EQ(channel.balance(), 0);
    EXPECT_FALSE(channel.try_put(1));
    EXPECT_EQ(full.balance(), 0);
    EXPECT_EQ(full.try_get(), std::nullopt);
    EXPECT_EQ(free.release(), 1u);
    EXPECT_TRUE(free.try_acquire());
    EXPECT_EQ(barrier.waiting(), 0u);
    auto waiter = verdin::spawn(wait);
    verdin::yield();
    changed.notify_one();
    EXPECT_TRUE(verdin::with_timeout(60s, [&] { waiter.join(); }));
  });
}

TEST(HubEnd, those_it_has_given_up_leave_their_groups_and_pools) {
  verdin::set_log_sink([](verdin::LogLevel, std::string_view) {});  // they are reported
  verdin::Group group;
  verdin::Pool pool(1);
  const auto endure = [] {
    const verdin::Shield shield;
    verdin::sleep(1h);
  };
  verdin::run({.unwind_limit = 50ms}, [&] {
    group.spawn(endure);
    pool.spawn(endure);
    verdin::yield();
  });
  verdin::set_log_sink({});
  EXPECT_TRUE(group.empty());
  verdin::run([&] {
    EXPECT_TRUE(group.join_for(60s));
    EXPECT_EQ(pool.free_count(), 1u);
    auto next = pool.try_spawn([] { return 5; });
    ASSERT_TRUE(next);
    EXPECT_EQ(next->get(), 5);
    pool.join();
  });
}

/// It may clean up what was posted to the hub at last.
TEST(HubEnd, greenlets_that_still_run_are_told_by_other_threads) {
  verdin::shared::Queue<int> queue;
  verdin::shared::Event waiting;
  int got = 0;
  std::thread hub([&] {
    verdin::run([&] {
      verdin::spawn([&] {
        struct Cleanup {
          std::function<void()> work;
          ~Cleanup() {
            verdin::Hub::current().post(
                [work = std::move(work)] { verdin::Hub::current().start_now([work] { work(); }); });
          }
        } cleanup{[&] {
          const verdin::Shield shield;
          waiting.set();
          got = queue.get();
        }};
        verdin::sleep(1h);
      });
      verdin::yield();
    });
  });
  waiting.wait();
  queue.put(5);
  hub.join();
  EXPECT_EQ(got, 5);
}

TEST(HubEnd, does_not_wait_when_the_last_greenlet_has_ended) {
  const auto start = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point ended{};
  verdin::run({.unwind_limit = 600s}, [&] {  // a tenth of that for each kill
    verdin::spawn([&] {
      struct Cleanup {
        std::chrono::steady_clock::time_point& at;
        ~Cleanup() {
          const verdin::Shield shield;
          verdin::sleep(1ms);
          at = std::chrono::steady_clock::now();
        }
      } cleanup{ended};
      verdin::sleep(1h);
    });
    verdin::yield();
  });
  EXPECT_GE(ended, start);
  EXPECT_LT(std::chrono::steady_clock::now() - ended, 50s);  // libev waits no longer than 60 s at a time
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

using verdin::test::in_child;

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

TEST(Fork, the_rest_of_what_was_posted_is_the_parents) {
  verdin::run([] {
    int child = -1;
    int ran = 0;
    bool forked = false;
    verdin::Hub& hub = verdin::Hub::current();
    hub.post([&] {
      hub.start_now([&] {
        child = in_child([&] {
          verdin::sleep(1ms);  // back to the hub
          return ran == 0;
        });
        forked = true;
      });
    });
    hub.post([&] { ++ran; });
    while (!forked) verdin::yield();
    EXPECT_EQ(child, 0);
    EXPECT_EQ(ran, 1);
  });
}

#if !defined(__SANITIZE_ADDRESS__)

/// Whatever they are about at that moment.
TEST(Fork, locks_of_the_process_that_other_threads_use_are_free_in_the_child) {
  verdin::set_log_sink([](verdin::LogLevel, std::string_view) {});
  std::atomic<bool> over = false;
  std::thread other([&] {
    while (!over) {
      verdin::log(verdin::LogLevel::info, "still here");
      const verdin::Local<int> local;
    }
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(10);
      verdin::log(verdin::LogLevel::info, "here, too");
      const verdin::Local<int> local;
      ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  over = true;
  other.join();
  verdin::set_log_sink(nullptr);
}

#endif

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
    while (!began) std::this_thread::yield();  // see await_monitor()
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

TEST(Fork, groups_of_the_child_do_without_the_greenlets_that_are_gone) {
  verdin::run([] {
    verdin::Event never;
    verdin::Group group;
    verdin::Pool pool(1);
    auto tasks = std::make_unique<verdin::TaskGroup>();
    auto blocked = group.spawn([&] { never.wait(); });
    pool.add(blocked);
    tasks->spawn([&] { never.wait(); });
    verdin::yield();
    auto ended = group.spawn([] {});
    group.add(verdin::spawn([&] { never.wait(); }));
    verdin::yield();  // `ended` has ended; its links may not have been told
    EXPECT_EQ(in_child([&] {
                try {
                  group.join();
                  pool.spawn([] {}).get();
                  tasks.reset();  // there is nobody to wait for
                  bool told = false;
                  blocked.on_done([&] { told = true; });
                  verdin::join_all(blocked, ended);
                  verdin::yield();
                  return told && blocked.killed();
                } catch (const verdin::LoopExit&) {
                  return false;
                }
              }),
              0);
    group.kill();
    tasks->cancel();
  });
}

/// Can what was waited for in the parent by greenlets that are gone be used by the child's?
template <typename Get, typename Put>
bool reaches_its_own(const Get& get, const Put& put) {
  try {
    auto getter = verdin::spawn(get);
    verdin::yield();
    put();
    return verdin::with_timeout(60s, [&] { getter.join(); });
  } catch (const verdin::LoopExit&) {
    return false;
  }
}

/// Sync is the hub-local family or the other.
template <typename Condition, typename Channel, typename Queue, typename Mutex, typename Semaphore>
void wait_for_greenlets_that_are_gone() {
  verdin::run([] {
    Condition changed;
    Channel channel;
    Channel full;
    Queue queue;
    Mutex mutex;
    Semaphore free(0, verdin::Handoff::direct);
    const auto wait = [&] {
      std::unique_lock lock(mutex);
      changed.wait(lock);
    };
    std::vector<Greenlet<>> gone;
    gone.push_back(verdin::spawn(wait));
    gone.push_back(verdin::spawn([&] { channel.get(); }));
    gone.push_back(verdin::spawn([&] { full.put(1); }));
    gone.push_back(verdin::spawn([&] { queue.get(); }));
    gone.push_back(verdin::spawn([&] { free.acquire(); }));
    verdin::yield();
    const auto child = [&] {
      return reaches_its_own(wait, [&] { changed.notify_one(); }) && channel.balance() == 0 &&
             !channel.try_put(1) &&
             reaches_its_own([&] { channel.get(); }, [&] { EXPECT_TRUE(channel.try_put(1)); }) &&
             reaches_its_own([&] { full.get(); }, [&] { full.put(1); }) &&
             reaches_its_own([&] { queue.get(); }, [&] { queue.put(1); }) &&
             reaches_its_own([&] { free.acquire(); }, [&] { free.release(); }) && free.release() == 1 &&
             free.try_acquire();
    };
    EXPECT_EQ(in_child(child), 0);
    for (auto& greenlet : gone) greenlet.kill();
  });
}

TEST(Fork, what_the_parents_greenlets_waited_for_serves_the_childs) {
  wait_for_greenlets_that_are_gone<verdin::Condition, verdin::Channel<int>, verdin::Queue<int>, verdin::Mutex,
                                   verdin::Semaphore>();
}

TEST(Fork, so_does_what_threads_share) {
  wait_for_greenlets_that_are_gone<verdin::shared::Condition, verdin::shared::Channel<int>,
                                   verdin::shared::Queue<int>, verdin::shared::Mutex,
                                   verdin::shared::Semaphore>();
}

TEST(Fork, a_pools_place_that_the_parents_greenlets_wait_for_goes_to_the_childs) {
  verdin::run([] {
    verdin::Event never;
    verdin::Pool pool(1);
    auto holder = pool.spawn([&] { never.wait(); });
    auto waits = verdin::spawn([&] { pool.spawn([] {}); });
    verdin::yield();
    EXPECT_EQ(in_child([&] {
                auto next = pool.spawn([] { verdin::yield(); });
                return reaches_its_own([&] { pool.spawn([] {}).join(); }, [&] { next.join(); });
              }),
              0);
    holder.kill();
    waits.get();
  });
}

TEST(Fork, a_mutex_that_one_holds_who_is_gone_stays_locked) {
  verdin::run([] {
    verdin::Mutex mutex;
    verdin::Event go;
    auto holder = verdin::spawn([&] {
      const std::scoped_lock lock(mutex);
      go.wait();
    });
    verdin::yield();
    EXPECT_EQ(in_child([&] {
                if (mutex.try_lock()) return false;
                try {
                  mutex.lock();
                } catch (const verdin::LoopExit&) {  // there is nobody to unlock it
                  return true;
                }
                return false;
              }),
              0);
    go.set();
    holder.get();
  });
}

TEST(Fork, a_barrier_does_not_count_those_that_are_gone) {
  verdin::run([] {
    verdin::Event never;
    verdin::Barrier barrier(2);
    verdin::Barrier acting(2, [&] { never.wait(); });
    std::vector<Greenlet<>> gone;
    gone.push_back(verdin::spawn([&] { barrier.wait(); }));
    for (int i = 0; i < 3; ++i) gone.push_back(verdin::spawn([&] { acting.wait(); }));
    verdin::yield();
    verdin::yield();
    EXPECT_EQ(in_child([&] {
                never.set();
                return barrier.waiting() == 0 &&
                       reaches_its_own([&] { barrier.wait(); }, [&] { barrier.wait(); }) &&
                       reaches_its_own([&] { acting.wait(); }, [&] { acting.wait(); });
              }),
              0);
    EXPECT_EQ(barrier.waiting(), 1u);
    verdin::kill_all(gone);
  });
}

TEST(Fork, in_the_action_of_a_barrier_leaves_that_in_order) {
  verdin::run([] {
    bool child = false;
    int status = -1;
    verdin::Barrier barrier(2, [&] {
      if (child || status >= 0) return;
      verdin::test::await_monitor();
      const pid_t pid = ::fork();
      child = pid == 0;
      if (child) return;
      EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    });
    auto first = verdin::spawn([&] { barrier.wait(); });
    verdin::yield();
    barrier.wait();
    if (child) {
      const bool well =
          barrier.waiting() == 0 && reaches_its_own([&] { barrier.wait(); }, [&] { barrier.wait(); });
      ::_exit(well ? 0 : 1);
    }
    EXPECT_EQ(status, 0);
    first.get();
  });
}

/// What every fork() does before it, if there is something. Said before any hub could say what it does: the
/// last that was said comes first.
std::function<void()>& before_fork() {
  static std::function<void()> function;
  return function;
}
[[maybe_unused]] const int said = ::pthread_atfork(
    [] {
      if (before_fork()) before_fork()();
    },
    nullptr, nullptr);

TEST(Fork, holds_up_nobody_who_tells_the_hub) {
  verdin::run([] {
    verdin::shared::Event event;
    auto waiter = verdin::spawn([&] { event.wait(); });
    verdin::yield();
    std::promise<void> told;
    std::thread teller;
    bool in_time = false;
    before_fork() = [&] {
      teller = std::thread([&] {
        event.set();
        told.set_value();
      });
      in_time = told.get_future().wait_for(60s) == std::future_status::ready;
      if (in_time) teller.join();
    };
    EXPECT_EQ(in_child([&] {
                event.clear();  // nobody holds its mutex
                return reaches_its_own([&] { event.wait(); }, [&] { event.set(); });
              }),
              0);
    before_fork() = nullptr;
    if (teller.joinable()) teller.join();
    EXPECT_TRUE(in_time);
    waiter.get();
  });
}

#if !defined(__SANITIZE_ADDRESS__)  // whose allocator may be locked in the child

TEST(Fork, in_the_middle_of_what_others_post_the_child_can_be_posted_to) {
  constexpr int kMostOnTheirWay = 1000;
  std::atomic<bool> over = false;
  std::atomic<int> on_their_way = 0;
  verdin::run([&] {
    std::thread poster([&, here = verdin::Hub::current().ref()] {
      while (!over) {
        if (on_their_way >= kMostOnTheirWay) {
          std::this_thread::yield();
        } else if (here.post([&] { --on_their_way; })) {
          ++on_their_way;
        }
      }
    });
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(in_child([&] {
                  verdin::Event posted;
                  verdin::Hub::current().post([&] { posted.set(); });
                  posted.wait();
                  return true;
                }),
                0);
      verdin::yield();
    }
    over = true;
    poster.join();
  });
}

#endif

TEST(Fork, a_wait_for_several_that_goes_on_in_the_child_hears_of_those_that_are_gone) {
  verdin::run([] {
    verdin::Event never;
    std::vector<Greenlet<>> all;
    for (int i = 0; i < 2; ++i) all.push_back(verdin::spawn([&] { never.wait(); }));
    verdin::yield();
    auto ready = verdin::as_ready(all);
    EXPECT_EQ(in_child([&] {
                std::size_t count = 0;
                for (const auto& greenlet : ready) count += greenlet.killed();
                return count == 2;
              }),
              0);
    verdin::kill_all(all);
  });
}

TEST(Fork, what_an_imap_had_under_way_ends_as_killed_in_the_child) {
  verdin::run([] {
    for (const bool ordered : {true, false}) {
      verdin::Event go;
      verdin::Group group;
      const auto work = [&](int item) {
        if (item > 0) go.wait();
        return item;
      };
      const std::vector<int> items{0, 1, 2, 3, 4};
      auto results =
          ordered ? group.imap(work, items).look_ahead(3) : group.imap_unordered(work, items).look_ahead(3);
      EXPECT_EQ(results.next(), 0);
      verdin::yield();  // three more are under way, and the last is not
      EXPECT_EQ(in_child([&] {
                  int killed = 0;
                  for (;;) {
                    try {
                      if (!results.next()) return killed == 4;
                    } catch (const verdin::GreenletKilled&) {
                      ++killed;
                    }
                  }
                }),
                0);
      go.set();
      int sum = 0;
      while (const auto result = results.next()) sum += *result;
      EXPECT_EQ(sum, 10);
    }
  });
}

TEST(Fork, a_wake_up_that_was_on_its_way_is_not_in_the_way_of_the_childs) {
  verdin::run([] {
    verdin::shared::Event before;
    auto waiter = verdin::spawn([&] { before.wait(); });
    verdin::yield();
    std::thread([&] { before.set(); }).join();  // the hub has not run since
    EXPECT_EQ(in_child([] {
                verdin::shared::Event own;
                // Runs when the other waits.
                verdin::spawn([&] { std::thread([&] { own.set(); }).join(); });
                return own.wait_for(60s);
              }),
              0);
    waiter.get();
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

TEST(Fork, who_waited_for_nothing_to_do_is_not_waited_for_in_the_child) {
  verdin::run([] {
    auto idler = verdin::spawn([] { verdin::idle(); });
    auto waiter = verdin::spawn([] { verdin::wait(); });
    verdin::yield();
    EXPECT_EQ(in_child([] {
                try {
                  verdin::Event().wait();
                } catch (const verdin::LoopExit&) {
                  return true;
                }
                return false;
              }),
              0);
  });
}

TEST(Fork, an_imap_that_nobody_has_asked_yet_begins_in_the_child) {
  verdin::run([] {
    verdin::Group group;
    const std::vector<int> items{1, 2, 3};
    auto results = group.imap([](int i) { return i; }, items);
    EXPECT_EQ(in_child([&] {
                int sum = 0;
                for (const int result : results) sum += result;
                return sum == 6;
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

TEST(Fork, in_another_greenlet_has_run_throw_in_the_child) {
  for (const bool in_hub : {false, true}) {
    const pid_t parent = ::getpid();
    pid_t child = -1;
    bool killed = false;
    try {
      verdin::run([&] {
        verdin::test::await_monitor();
        verdin::Event forked;
        const auto fork = [&] {
          child = ::fork();
          if (child == 0) ::alarm(60);
          forked.set();
        };
        if (in_hub) {
          verdin::Hub::current().post(fork);
        } else {
          verdin::spawn(fork);
        }
        forked.wait();
      });
    } catch (const verdin::GreenletKilled&) {
      killed = true;
    }
    if (::getpid() != parent) ::_exit(killed ? 0 : 1);
    EXPECT_FALSE(killed);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

#endif

}  // namespace
