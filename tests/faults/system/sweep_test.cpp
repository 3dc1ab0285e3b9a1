// What one system call, or one allocation, that fails can do: each scenario is played with its first call of
// a kind failing, then with its second, and so on until there are no more, for each errno that such a call
// may have. Whatever happens, it ends with an exception that is defined or with none; afterwards there are as
// many descriptors and greenlets as before, and the scenario can be played without a fault.
//
// VERDIN_FAULTS_FROM=n begins with the n-th call (to find one again under a debugger).
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/loop/stream.hpp>
#include <verdin/net/file.hpp>
#include <verdin/net/process.hpp>
#include <verdin/net/resolver.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/hub_ref.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/run_info.hpp>
#include <verdin/runtime/shared/event.hpp>
#include <verdin/runtime/shared/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/task_group.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/forks.hpp"
#include "system/failing_calls.h"
#include "system/http_scenarios.hpp"
#include "system/scenarios.hpp"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

struct Failing {
  int kind;
  const char* name;
  std::vector<int> errors;
};

const std::vector<Failing>& everything_that_fails() {
  static const std::vector<Failing> all{
      {failing_receive, "receive", {EINTR, EAGAIN, ENOMEM, ECONNRESET}},
      {failing_send, "send", {EINTR, EAGAIN, ENOBUFS, EPIPE}},
      {failing_accept, "accept", {EINTR, EAGAIN, ECONNABORTED, EMFILE, ENOBUFS, EPROTO}},
      {failing_connect, "connect", {EINTR, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ENOBUFS}},
      {failing_socket, "socket", {EMFILE, ENOBUFS}},
      {failing_bind, "bind", {EADDRINUSE}},
      {failing_option, "setsockopt", {ENOBUFS}},
      {failing_question, "getsockopt", {ENOBUFS}},
      {failing_shutdown, "shutdown", {ENOTCONN}},
      {failing_close, "close", {EINTR, EIO}},
      {failing_poll, "poll", {EINTR, ENOMEM}},
      {failing_fcntl, "fcntl", {EMFILE}},
      {failing_epoll_add, "epoll_ctl", {ENOMEM, ENOSPC}},
      {failing_epoll_create, "epoll_create", {EMFILE}},
      {failing_eventfd, "eventfd", {EMFILE}},
      {failing_epoll_wait, "epoll_wait", {EINTR}},
      {failing_open, "open", {EINTR, EMFILE, ENOMEM}},
      {failing_read, "read", {EINTR, EIO}},
      {failing_read_at_once, "preadv2", {EINTR, EAGAIN, EOPNOTSUPP, EIO}},
      {failing_write, "write", {EINTR, ENOSPC}},
      {failing_sync, "sync", {EIO}},
      {failing_status, "statx", {ENOMEM, EACCES}},
      {failing_map, "mmap", {ENOMEM}},
      {failing_thread, "pthread_create", {EAGAIN}},
      {failing_ring_setup, "io_uring_setup", {ENOMEM, EPERM}},
      {failing_ring_enter, "io_uring_enter", {EINTR, EAGAIN, EBUSY, ENOMEM}},
      {failing_ring_partly, "io_uring_enter, but for one,", {EAGAIN}},
      {failing_ring_entry, "io_uring_operation", {EINTR, EAGAIN, ENOMEM, ENOBUFS, ECANCELED}},
      {failing_new, "new", {ENOMEM}},
      {failing_openssl, "OPENSSL_malloc", {ENOMEM}},
  };
  return all;
}

#if defined(__SANITIZE_THREAD__)
constexpr int kStep = 4;  // it looks for races, which no single call decides
#else
constexpr int kStep = 1;
#endif

/// What stands when the program is ended from outside.
char where_it_was[200];

[[noreturn]] void tell_and_end(const char* what) {
  for (const char* text : {what, ": ", static_cast<const char*>(where_it_was), "\n"}) {
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
  }
  ::signal(SIGABRT, SIG_DFL);
  std::abort();
}

int open_descriptors() {
  int count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (!directory) return -1;
  while (::readdir(directory)) ++count;
  ::closedir(directory);
  return count;
}

class Sweep {
 public:
  explicit Sweep(const SystemScenario& scenario) : scenario_(scenario) {}

  /// In a hub.
  void run() {
    Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
    for (int i = 0; i < 2; ++i) play();  // what is made once is made
    settle();
    descriptors_ = open_descriptors();
    greenlets_ = Hub::current().greenlet_count();
    for (const Failing& failing : everything_that_fails()) {
      for (const int error : failing.errors) {
        sweep(failing, error);
      }
    }
    Hub::current().on_error(nullptr);
  }

  int played() const noexcept { return played_; }
  int failed() const noexcept { return failed_; }

 private:
  // Of many calls of a kind not each is tried, but those of the beginning, and some of all others.
  static constexpr int kEach = 40;
  static constexpr auto kLimit = 10s;

  void sweep(const Failing& failing, int error) {
    const char* const from = std::getenv("VERDIN_FAULTS_FROM");
    int n = from ? std::atoi(from) : 1;
    for (int i = 0; i < scenario_.most; ++i) {
      std::snprintf(where_it_was, sizeof where_it_was, "%s: call %d of %s fails with %s", scenario_.name, n,
                    failing.name, ::strerrorname_np(error));
      SCOPED_TRACE(where_it_was);
      failing_begin(failing.kind, n, error);
      const bool well = play();
      const bool happened = failing_end() != 0;
      if (!happened && !well) spoil("it failed without a fault: " + why_);
      failed_ += !well;
      check_nothing_left();
      if (happened && !spoilt_ && !play()) spoil("it does not work any more: " + why_);
      check_nothing_left();
      if (std::exchange(spoilt_, false)) {
        descriptors_ = open_descriptors();
        greenlets_ = Hub::current().greenlet_count();
        return;
      }
      if (!happened) return;
      n += i < std::min(kEach, scenario_.most / 3) ? kStep : kStep + i / 5;
    }
  }

  /// False if it ended with an exception of those that are defined.
  bool play() {
    ++played_;
    ::alarm(60);
    bool well = false;
    try {
      Timeout limit(kLimit);
      scenario_.play();
      well = true;
    } catch (const std::system_error& e) {
      why_ = e.what();
    } catch (const std::bad_alloc& e) {
      why_ = e.what();
    } catch (const TimeoutExpired&) {
      failing_end();
      spoil("it hangs");
    } catch (const std::exception& e) {
      spoil(typeid(e).name() + std::string(": ") + e.what());
    }
    ::alarm(0);
    return well;
  }

  bool settled() const {
    return Hub::current().greenlet_count() == greenlets_ && open_descriptors() == descriptors_;
  }

  /// Greenlets end in their turn, threads close what was left to them.
  void settle() {
    for (int i = 0; i < 3; ++i) verdin::sleep(1ms);
  }

  void check_nothing_left() {
    const auto give_up = loop::Clock::now() + kLimit;
    for (int i = 0; !settled() && loop::Clock::now() < give_up; ++i) i < 20 ? yield() : verdin::sleep(1ms);
    if (Hub::current().greenlet_count() != greenlets_)
      spoil("greenlets are left:\n" + format_run_info(run_info()));
    if (const int now = open_descriptors(); now != descriptors_)
      spoil(std::to_string(now - descriptors_) + " descriptors are left");
  }

  void spoil(const std::string& how) {
    spoilt_ = true;
    ADD_FAILURE() << how;
  }

  const SystemScenario& scenario_;
  std::string why_;  // it did not go well
  int descriptors_ = 0;
  std::size_t greenlets_ = 0;
  int played_ = 0;
  int failed_ = 0;
  bool spoilt_ = false;
};

/// Making a hub, spawning in it, and its end.
void play_a_hub(const char* backend) {
  HubOptions options;
  options.loop_backend = backend;
  verdin::run(options, [] {
    int sum = 0;
    auto one = spawn([&] { sum += 1; });
    auto other = spawn([&] {
      verdin::sleep(100us);
      sum += 2;
    });
    one.get();
    other.get();
    const auto event = std::make_shared<Event>();
    Hub& hub = Hub::current();
    std::thread thread([event, hub = hub.ref()] { hub.post([event] { event->set(); }); });
    hub.expect_external(1);
    struct Join {
      Hub& hub;
      std::thread& thread;
      ~Join() {
        hub.expect_external(-1);
        thread.join();
      }
    } join{hub, thread};
    event->wait();
    if (sum == 3) return;
    throw std::logic_error("it has lost somebody");
  });
}

class HubOnIts : public testing::TestWithParam<const char*> {};

TEST_P(HubOnIts, own_fails_as_a_whole_or_not_at_all) {
  ::signal(SIGALRM, [](int) { tell_and_end("hangs"); });
  set_log_sink([](LogLevel, std::string_view) {});
  for (int i = 0; i < 2; ++i) play_a_hub(GetParam());
  const int before = open_descriptors();
  int failed = 0;
  for (const Failing& failing : everything_that_fails()) {
    for (const int error : failing.errors) {
      for (int n = 1; n < 300; n += n < 60 ? kStep : 7 * kStep) {
        std::snprintf(where_it_was, sizeof where_it_was, "call %d of %s fails with %s", n, failing.name,
                      ::strerrorname_np(error));
        SCOPED_TRACE(where_it_was);
        ::alarm(60);
        failing_begin(failing.kind, n, error);
        try {
          play_a_hub(GetParam());
        } catch (const std::system_error&) {
          ++failed;
        } catch (const std::bad_alloc&) {
          ++failed;
        } catch (const std::exception& e) {
          ADD_FAILURE() << typeid(e).name() << ": " << e.what();
        }
        const bool happened = failing_end() != 0;
        ::alarm(0);
        ASSERT_EQ(open_descriptors(), before);
        if (HasFailure()) return;
        if (!happened) break;
      }
    }
  }
  EXPECT_GT(failed, 3);
  set_log_sink(nullptr);
}

INSTANTIATE_TEST_SUITE_P(Each, HubOnIts, testing::Values("epoll", "uring"),
                         [](const auto& parameter) { return std::string(parameter.param); });

/// What one side sends by two turns, while the ring takes nothing for `failures` calls in the first.
TEST(RingThatTakesNothing, for_a_while_loses_nothing) {
  const std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  const loop::StreamPtr stream = loop->adopt(ends[1]);
  for (int i = 0; i < 3; ++i) loop->turn(false);
  stream->send("what came first ");
  failing_begin_lasting(failing_ring_enter, 1, 1100, ENOMEM);
  loop->turn(false);
  failing_end();
  stream->send("and WHAT CAME THEN");
  for (int i = 0; i < 3; ++i) loop->turn(false);
  std::array<char, 100> got{};
  const ssize_t size = ::recv(ends[0], got.data(), got.size(), 0);
  EXPECT_EQ(std::string(got.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))),
            "what came first and WHAT CAME THEN");
  ::close(ends[0]);
}

TEST(RingThatTakesNothing, for_good_is_an_error_of_the_turn) {
  const std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  {
    const loop::StreamPtr stream = loop->adopt(ends[1]);
    stream->send("x");
    failing_begin_lasting(failing_ring_enter, 1, 1 << 30, EINVAL);
    EXPECT_THROW(loop->turn(false), std::system_error);
    failing_end();
  }
  ::close(ends[0]);
}

struct Reading final : loop::FileOperation {
  void on_done(int how) override {
    result = how;
    ++calls;
  }
  char octet = 0;
  int result = 1;
  int calls = 0;
};

/// More than one submission holds: none of them waits for anything.
struct ManyReadings {
  explicit ManyReadings(loop::Loop& loop) : all(600) {
    for (Reading& each : all) {
      each.fd = zero;
      each.buffer = &each.octet;
      each.size = 1;
      EXPECT_TRUE(loop.submit(each));
    }
  }
  ManyReadings(const ManyReadings&) = delete;
  ManyReadings& operator=(const ManyReadings&) = delete;
  ~ManyReadings() { ::close(zero); }
  void expect_each_done_once() const {
    for (const Reading& each : all) EXPECT_EQ(each.calls, 1);
  }

  const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  std::vector<Reading> all;
};

void fail_in_a_turn(loop::Loop& loop) {
  failing_begin_lasting(failing_ring_enter, 1, 1 << 30, EINVAL);
  EXPECT_THROW(loop.turn(false), std::system_error);
}

void turn_until_idle(loop::Loop& loop) {
  ::alarm(60);
  while (loop.has_work()) loop.turn(true);
  ::alarm(0);
}

TEST(RingThatTakesNothing, in_the_middle_of_a_turn_does_nothing_twice) {
  const std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  const ManyReadings readings(*loop);
  fail_in_a_turn(*loop);
  failing_end();
  turn_until_idle(*loop);
  readings.expect_each_done_once();
}

TEST(RingThatTakesNothing, in_the_middle_of_a_turn_forgets_watches_once) {
  const std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  std::vector<loop::WatchPtr> watches;
  for (int i = 0; i < 700; ++i) watches.push_back(loop->watch(ends[0], loop::Interest::read, [] {}));
  watches.resize(650);
  watches.erase(watches.begin(), watches.begin() + 50);  // so the turn begins with those that are no more
  fail_in_a_turn(*loop);
  failing_end();
  for (int i = 0; i < 3; ++i) loop->turn(false);
  watches.clear();
  turn_until_idle(*loop);
  EXPECT_FALSE(loop->has_work());
  for (const int end : ends) ::close(end);
}

TEST(RingThatTakesNothing, and_is_full_as_its_loop_ends_is_tried_again) {
  std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  struct Accepting final : loop::AcceptHandler {
    void on_accept(loop::StreamPtr) override {}
  } nobody;
  std::vector<int> listeners;
  std::vector<loop::WatchPtr> watches;
  for (int i = 0; i < 4; ++i) {
    listeners.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(listeners.back(), 1), 0);
    watches.push_back(loop->accept(listeners.back(), nobody));
  }
  for (int i = 0; i < 2; ++i) loop->turn(false);
  const ManyReadings readings(*loop);
  fail_in_a_turn(*loop);
  watches.clear();  // and takes what room is left
  failing_end();
  failing_begin_lasting(failing_ring_enter, 1, 3, ENOMEM);
  loop.reset();
  EXPECT_NE(failing_end(), 0);
  readings.expect_each_done_once();
  for (const int listener : listeners) ::close(listener);
}

/// At `port` of the loopback interface; 0: at one that is free. -1 if somebody has it.
int listen_at(in_port_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = port;
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd, generic, sizeof address) == 0 && ::listen(fd, 1) == 0) return fd;
  ::close(fd);
  return -1;
}

in_port_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address.sin_port;
}

/// That makes room, and the cancellation gets through after all.
TEST(RingThatTakesNothing, but_one_entry_frees_a_port_in_time) {
  std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  struct Accepting final : loop::AcceptHandler {
    void on_accept(loop::StreamPtr) override {}
  } nobody;
  in_port_t port = 0;
  std::vector<loop::WatchPtr> watches;
  for (int i = 0; i < 4; ++i) {
    const int listener = listen_at(0);
    port = port_of(listener);
    watches.push_back(loop->accept(listener, nobody));
  }
  for (int i = 0; i < 2; ++i) loop->turn(false);
  const ManyReadings readings(*loop);
  fail_in_a_turn(*loop);
  watches.erase(watches.begin(), watches.begin() + 3);  // which take what room is left
  failing_end();
  EXPECT_EQ(listen_at(port), -1);
  failing_begin(failing_ring_partly, 1, EAGAIN);
  watches.clear();
  EXPECT_NE(failing_end(), 0);
  // The kernel lets go of the listener a moment after it has said that the operation is cancelled.
  int again = -1;
  for (int i = 0; i < 10'000 && (again = listen_at(port)) < 0; ++i) ::usleep(1000);
  EXPECT_GE(again, 0);
  ::close(again);
  loop.reset();
  readings.expect_each_done_once();
}

/// A thread reads for it, and goes on.
TEST(FileOperations, what_a_killed_reader_would_have_had_needs_no_memory) {
  ::signal(SIGALRM, [](int) { tell_and_end("hangs"); });
  ::alarm(60);
  int reported = 0;
  verdin::run([&] {
    Hub::current().on_error([&](std::string_view, const std::exception_ptr&) { ++reported; });
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    File file = File::adopt(Descriptor(ends[0]));
    failing_begin(failing_read_at_once, 1, EOPNOTSUPP);  // as of an older kernel
    auto reader = spawn([&] { return file.read(1000); });
    while (!failing_struck()) yield();
    failing_end();
    failing_only(ends[0]);
    failing_begin_lasting(failing_read, 1, 1 << 30, EINTR);  // the thread tries again and again
    ASSERT_EQ(::write(ends[1], std::string(500, 'x').data(), 500), 500);
    while (!failing_struck()) yield();
    reader.kill();
    failing_end();
    for (int unread = 500; unread > 0; ::usleep(100)) ASSERT_EQ(::ioctl(ends[0], FIONREAD, &unread), 0);
    failing_begin_lasting(failing_new, 1, 1 << 30, ENOMEM);  // as the hub is told what it has read
    while (!failing_struck()) yield();
    failing_end();
    ::close(ends[1]);
    EXPECT_EQ(file.read_all(), "");
    Hub::current().on_error(nullptr);
  });
  ::alarm(0);
  EXPECT_EQ(reported, 0);
}

/// A greenlet is killed, whatever the memory is like.
TEST(FileOperations, are_cancelled_without_memory) {
  const std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
  if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  std::vector<Reading> all(200);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].fd = ends[0];
    all[i].buffer = &all[i].octet;
    all[i].size = 1;
    ASSERT_TRUE(loop->submit(all[i]));
    if (i == all.size() / 2) loop->turn(false);  // the others have not been submitted yet
  }
  failing_begin_lasting(failing_new, 1, 1 << 30, ENOMEM);
  bool thrown = false;
  try {
    for (Reading& each : all) loop->cancel(each);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  failing_end();
  EXPECT_FALSE(thrown);
  ::alarm(60);
  while (loop->has_work()) loop->turn(true);
  ::alarm(0);
  for (const Reading& each : all) EXPECT_TRUE(each.result == -ECANCELED || each.result == -EINTR);
  for (const int end : ends) ::close(end);
}

TEST(WithoutMemory, greenlets_of_another_hub_are_told) {
  shared::Event event;
  shared::Semaphore waiting(0);
  std::thread hub([&] {
    verdin::run([&] {
      waiting.release();
      event.wait();
    });
  });
  waiting.acquire();
  failing_begin_lasting(failing_new, 1, 1 << 30, ENOMEM);
  event.set();
  EXPECT_EQ(failing_end(), 0) << "it asked for some";
  hub.join();
}

/// The thread that was to wait for it in its place takes no signals, and there is none.
TEST(WithoutThreads, a_process_that_is_left_to_itself_leaves_the_signals_as_they_are) {
  verdin::run([] {
    pid_t pid = 0;
    {
      const Process process({"sleep", "1000"});
      pid = process.pid();
      failing_begin(failing_thread, 1, EAGAIN);
    }
    EXPECT_NE(failing_end(), 0);
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_EQ(::sigismember(&blocked, SIGTERM), 0);
    ::kill(pid, SIGKILL);
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  });
}

/// A kill that comes while the destructor of a TaskGroup waits is thrown when the greenlet suspends next.
TEST(WithoutMemory, what_comes_while_a_destructor_waits_is_kept) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "there each object is allocated anew";
#endif
  verdin::run([] {
    Event never;
    bool killed = false;
    const auto outer = [&] {
      try {
        {
          TaskGroup tasks;
          tasks.spawn([&] { never.wait(); });
        }
        verdin::yield();
      } catch (const GreenletExit&) {
        killed = true;
      }
    };
    for (int round = 0; round < 2; ++round) {  // what is made once is made
      killed = false;
      auto greenlet = spawn(outer);
      yield();
      yield();
      greenlet.kill_async();
      if (round > 0) failing_begin_lasting(failing_new, 1, 1 << 30, ENOMEM);
      while (!greenlet.ready()) yield();
      if (round > 0) {
        EXPECT_EQ(failing_end(), 0) << "it asked for some";
      }
      EXPECT_TRUE(killed);
    }
  });
}

#if !defined(__SANITIZE_THREAD__)

/// The n-th allocation of the first time fails. Where that is the hub's, and not the look-up's, it ends
/// run(), and this is not about that.
[[noreturn]] void ask_twice_and_exit(net::Resolver& resolver, int n) {
  ::alarm(60);
  const auto ask = [&] {
    try {
      resolver.resolve("here.test", 80);
    } catch (const net::ResolveError&) {
      return true;
    } catch (const std::bad_alloc&) {
    }
    return false;
  };
  failing_begin(failing_new, n, ENOMEM);
  ask();
  failing_end();
  ::_exit(ask() ? 0 : 1);
}

/// It makes a channel of its own then, when it can.
TEST(Ares, asks_in_a_child_that_is_short_of_memory_for_a_moment) {
  const pid_t parent = ::getpid();
  const auto play = [] {
    net::ResolverOptions options;
    options.backend = net::ResolverBackend::ares;
    options.servers = {net::Address::loopback_ipv4(9)};  // where nobody answers
    options.timeout = 1ms;
    options.tries = 1;
    options.use_hosts_file = false;
    options.search = false;
    std::optional<net::Resolver> resolver;
    try {
      resolver.emplace(options);
    } catch (const net::ResolveError& error) {
      if (error.code() == net::ResolveErrc::unsupported) GTEST_SKIP() << "built without c-ares";
      throw;
    }
    EXPECT_THROW(resolver->resolve("here.test", 80), net::ResolveError);
    await_monitor();
    for (int n = 1; n <= 12; ++n) {
      const pid_t child = ::fork();
      if (child == 0) ask_twice_and_exit(*resolver, n);
      int status = -1;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0) << "allocation " << n << " failed";
    }
  };
  try {
    verdin::run(play);
  } catch (const std::bad_alloc&) {
    if (::getpid() == parent) throw;
    ::_exit(0);
  }
}

#endif

struct Played {
  const SystemScenario* scenario;
  const char* backend;
};

class SystemCalls : public testing::TestWithParam<Played> {};

TEST_P(SystemCalls, that_fail_leave_nothing_behind) {
  ::signal(SIGALRM, [](int) { tell_and_end("hangs"); });
  ::signal(SIGABRT, [](int) { tell_and_end("aborted"); });
  set_log_sink([](LogLevel, std::string_view) {});
  prepare_scenarios();
  HubOptions options;
  options.loop_backend = GetParam().backend;
  options.warm_workers = 0;  // they would be greenlets that are left
  bool other_backend = false;
  verdin::run(options, [&] {
    other_backend = Hub::current().loop().backend() != GetParam().backend;
    if (other_backend) return;
    Sweep sweep(*GetParam().scenario);
    sweep.run();
    RecordProperty("played", sweep.played());
    EXPECT_GT(sweep.failed(), 0) << "nothing has failed";
  });
  set_log_sink(nullptr);
  ::signal(SIGABRT, SIG_DFL);
  if (other_backend) GTEST_SKIP() << "there is no " << GetParam().backend << " here";
}

/// In a hub of its own each time, where nothing has been allocated yet.
TEST_P(SystemCalls, and_allocations_fail_in_a_hub_that_is_new) {
  ::signal(SIGALRM, [](int) { tell_and_end("hangs"); });
  set_log_sink([](LogLevel, std::string_view) {});
  prepare_scenarios();
  HubOptions options;
  options.loop_backend = GetParam().backend;
  const auto play = [&] {
    verdin::run(options, [] {
      Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
      Timeout limit(10s);
      GetParam().scenario->play();
    });
  };
  play();
  const int before = open_descriptors();
  bool happened = true;
  for (int n = 1; happened && n < 2000; n += n < 30 ? kStep : kStep + n / 20) {
    std::snprintf(where_it_was, sizeof where_it_was, "%s: allocation %d fails", GetParam().scenario->name, n);
    SCOPED_TRACE(where_it_was);
    ::alarm(60);
    failing_begin(failing_new, n, ENOMEM);
    try {
      play();
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {
    } catch (const TimeoutExpired&) {
      ADD_FAILURE() << "it hangs";
    } catch (const std::exception& e) {
      ADD_FAILURE() << typeid(e).name() << ": " << e.what();
    }
    happened = failing_end() != 0;
    ::alarm(0);
    const auto give_up = loop::Clock::now() + 10s;
    while (open_descriptors() != before && loop::Clock::now() < give_up)
      ::usleep(1000);  // a thread closes them
    ASSERT_EQ(open_descriptors(), before);
    if (HasFailure()) break;
  }
  EXPECT_FALSE(happened);
  set_log_sink(nullptr);
}

std::vector<Played> all_of_them() {
  std::vector<Played> all;
  for (const auto& scenarios : {system_scenarios(), http_scenarios()}) {
    for (const SystemScenario& scenario : scenarios) {
      for (const char* const backend : {"libev:epoll", "uring"}) all.push_back({&scenario, backend});
    }
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Played>& info) {
  const std::string backend = info.param.backend;
  return info.param.scenario->name + std::string("_on_") + (backend == "uring" ? backend : "epoll");
}

INSTANTIATE_TEST_SUITE_P(Each, SystemCalls, testing::ValuesIn(all_of_them()), &name_of);

}  // namespace
}  // namespace verdin::test
