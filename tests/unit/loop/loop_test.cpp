#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/base/log.hpp>
#include <verdin/loop/loop.hpp>

#include "unit/loop/backends.hpp"

using namespace std::chrono_literals;
using namespace verdin::loop;

namespace {

class LoopTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (fell_back(*loop, GetParam())) GTEST_SKIP() << "there is no " << GetParam() << " here";
  }
  template <typename Condition>
  void turn_until(Condition condition) {
    const auto give_up = Clock::now() + 20s;
    while (!condition()) {
      ASSERT_LT(Clock::now(), give_up);
      Timer tick(
          *loop, [](void*) {}, nullptr);
      tick.start(5ms);
      loop->turn(true);
    }
  }

  std::unique_ptr<Loop> loop = Loop::make(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Backends, LoopTest, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(LoopTest, a_watch_may_outlive_its_loop) {
  struct Accepting final : AcceptHandler {
    void on_accept(StreamPtr) override {}
  } handler;
  const auto shared = std::make_shared<int>();
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  std::vector<WatchPtr> watches;
  watches.push_back(loop->watch(pipe[0], Interest::read, [shared] {}));
  watches.push_back(loop->on_signal(SIGUSR1, [shared] {}));
  watches.push_back(loop->accept(listener, handler));
  loop->turn(false);
  loop.reset();
  EXPECT_EQ(shared.use_count(), 1);
  for (const WatchPtr& watch : watches) watch->set_ref(false);
  watches.clear();
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(MakeLoop, refuses_an_unknown_backend) {
  EXPECT_THROW(Loop::make("libev:smoke"), std::invalid_argument);
  EXPECT_THROW(Loop::make("smoke"), std::invalid_argument);
}

TEST(MakeLoop, takes_what_the_environment_says_unless_it_is_told) {
  const char* const set = std::getenv("VERDIN_LOOP");
  const std::string before = set ? set : "";
  ::setenv("VERDIN_LOOP", "poll", 1);
  EXPECT_EQ(Loop::make()->backend(), "libev:poll");
  EXPECT_EQ(Loop::make("select")->backend(), "libev:select");
  ::setenv("VERDIN_LOOP", "smoke", 1);
  EXPECT_THROW(Loop::make(), std::invalid_argument);
  set ? ::setenv("VERDIN_LOOP", before.c_str(), 1) : ::unsetenv("VERDIN_LOOP");
}

TEST(MakeLoop, says_which_backend_it_is) {
  EXPECT_EQ(Loop::make("poll")->backend(), "libev:poll");
  EXPECT_EQ(Loop::make("libev:poll")->backend(), "libev:poll");
  EXPECT_EQ(Loop::make("select")->backend(), "libev:select");
  EXPECT_FALSE(Loop::make("auto")->backend().empty());
}

TEST(MakeLoop, a_backend_that_this_system_has_not_is_an_error) {
#ifdef __linux__
  EXPECT_THROW(Loop::make("kqueue"), std::system_error);
#endif
}

TEST(MakeLoop, falls_back_visibly_where_io_uring_is_not_to_be_had) {
  std::vector<std::string> lines;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view line) { lines.emplace_back(line); });
  const auto loop = Loop::make("uring");
  verdin::set_log_sink({});
  if (loop->backend() == "uring") {
    EXPECT_TRUE(lines.empty());
  } else {
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("io_uring"), std::string::npos);
    EXPECT_TRUE(loop->backend().starts_with("libev"));
  }
}

TEST_P(LoopTest, a_blocking_turn_ends_with_the_next_timer) {
  bool fired = false;
  DeadlineTimer timer(
      *loop, [](void* f) { *static_cast<bool*>(f) = true; }, &fired);
  const auto before = Clock::now();
  timer.start(before + 10ms);
  while (!fired) loop->turn(true);
  EXPECT_GE(Clock::now() - before, 10ms);
  EXPECT_FALSE(loop->has_work());
}

TEST_P(LoopTest, another_thread_ends_a_blocking_turn_each_time) {
  constexpr int kRounds = 300;
  std::atomic<int> asked{0};
  std::atomic<int> seen{0};
  std::thread waker([&] {
    for (int i = 1; i <= kRounds; ++i) {
      asked.store(i);
      loop->wake();
      while (seen.load() < i) std::this_thread::yield();
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    while (asked.load() < i) loop->turn(true);
    seen.store(i);
  }
  waker.join();
}

TEST_P(LoopTest, a_wake_before_the_turn_is_not_lost) {
  loop->turn(false);
  loop->wake();
  loop->turn(true);
}

TEST_P(LoopTest, tells_of_a_signal_and_restores_the_default_action) {
  int first = 0;
  int second = 0;
  auto a = loop->on_signal(SIGUSR1, [&] { ++first; });
  WatchPtr b;
  b = loop->on_signal(SIGUSR1, [&] {
    ++second;
    b.reset();
  });
  EXPECT_FALSE(loop->has_work()) << "a signal is no reason to wait for ever";
  ::raise(SIGUSR1);
  turn_until([&] { return first == 1 && second == 1; });
  ::raise(SIGUSR1);
  turn_until([&] { return first == 2; });
  EXPECT_EQ(second, 1);
  a.reset();
  struct sigaction action {};
  ::sigaction(SIGUSR1, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_P(LoopTest, a_signal_ends_a_wait) {
  bool told = false;
  const auto watch = loop->on_signal(SIGUSR2, [&] { told = true; });
  std::thread other([thread = ::pthread_self()] {
    std::this_thread::sleep_for(5ms);
    ::pthread_kill(thread, SIGUSR2);
  });
  while (!told) loop->turn(true);
  other.join();
}

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::array<int, 2> ends{};
};

TEST_P(LoopTest, a_watch_tells_each_turn_while_its_descriptor_is_ready) {
  Pipe pipe;
  int calls = 0;
  auto watch = loop->watch(pipe.ends[0], Interest::read, [&] { ++calls; });
  EXPECT_TRUE(loop->has_work());
  loop->turn(false);
  loop->turn(false);
  EXPECT_EQ(calls, 0);
  ASSERT_EQ(::write(pipe.ends[1], "x", 1), 1);
  turn_until([&] { return calls == 3; });
  char c;
  ASSERT_EQ(::read(pipe.ends[0], &c, 1), 1);
  loop->turn(false);
  loop->turn(false);
  EXPECT_LE(calls, 4);
  watch.reset();
  EXPECT_FALSE(loop->has_work());
}

TEST_P(LoopTest, a_watch_tells_of_room_and_of_the_other_ends_close) {
  Pipe pipe;
  int writable = 0;
  auto room = loop->watch(pipe.ends[1], Interest::write, [&] { ++writable; });
  turn_until([&] { return writable > 0; });
  room.reset();
  int ended = 0;
  auto end = loop->watch(pipe.ends[0], Interest::read, [&] { ++ended; });
  ::close(pipe.ends[1]);
  pipe.ends[1] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  turn_until([&] { return ended > 0; });
}

TEST_P(LoopTest, a_watch_may_be_dropped_and_replaced_inside_its_callback) {
  Pipe pipe;
  ASSERT_EQ(::write(pipe.ends[1], "x", 1), 1);
  int calls = 0;
  WatchPtr watch;
  std::function<void()> again = [&] {
    ++calls;
    watch.reset();
    if (calls < 50) watch = loop->watch(pipe.ends[0], Interest::read, [&] { again(); });
  };
  watch = loop->watch(pipe.ends[0], Interest::read, [&] { again(); });
  turn_until([&] { return calls == 50; });
  loop->turn(false);
  EXPECT_EQ(calls, 50);
  EXPECT_FALSE(loop->has_work());
}

TEST_P(LoopTest, a_dropped_watch_leaves_the_descriptor_to_others) {
  Pipe pipe;
  int wrong = 0;
  int right = 0;
  auto stale = loop->watch(pipe.ends[0], Interest::read, [&] { ++wrong; });
  loop->turn(false);
  stale.reset();
  auto fresh = loop->watch(pipe.ends[0], Interest::read, [&] { ++right; });
  ASSERT_EQ(::write(pipe.ends[1], "x", 1), 1);
  turn_until([&] { return right > 0; });
  EXPECT_EQ(wrong, 0);
}

int listen_on_loopback(sockaddr_in& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0) << std::strerror(errno);
  EXPECT_EQ(::listen(fd, 256), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return fd;
}

int client_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

int connect_to(const sockaddr_in& address, int fd = client_socket()) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? fd : -1;
}

struct Acceptor final : AcceptHandler {
  void on_accept(StreamPtr s) override { streams.push_back(std::move(s)); }
  void on_accept_error(std::error_code e) override { errors.push_back(e); }
  std::vector<StreamPtr> streams;
  std::vector<std::error_code> errors;
};

TEST_P(LoopTest, a_listener_accepts_many) {
  sockaddr_in address{};
  Acceptor acceptor;
  const auto watch = loop->accept(listen_on_loopback(address), acceptor);
  std::vector<int> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(connect_to(address));
  turn_until([&] { return acceptor.streams.size() == clients.size(); });
  EXPECT_EQ(acceptor.streams[0]->peer_address(), "127.0.0.1");
  for (const int fd : clients) ::close(fd);
}

TEST_P(LoopTest, a_listener_backs_off_while_descriptors_are_out) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "UBSan's check of virtual tables needs descriptors itself";
#endif
  sockaddr_in address{};
  const int listening = listen_on_loopback(address);
  Acceptor acceptor;
  const int first = connect_to(address);
  rlimit old{};
  ::getrlimit(RLIMIT_NOFILE, &old);
  const rlimit none{3, old.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto watch = loop->accept(listening, acceptor);
  int turns = 0;
  while (acceptor.errors.size() < 3 && turns < 1000) {
    loop->turn(true);
    ++turns;
  }
  ::setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_LT(turns, 40) << "it must wait between tries, not spin";
  EXPECT_EQ(acceptor.errors[0], std::errc::too_many_files_open);
  turn_until([&] { return acceptor.streams.size() == 1; });
  ::close(first);
}

TEST_P(LoopTest, a_dropped_listener_refuses_at_once_and_frees_its_port) {
  sockaddr_in address{};
  Acceptor acceptor;
  auto watch = loop->accept(listen_on_loopback(address), acceptor);
  const int client = connect_to(address);
  turn_until([&] { return acceptor.streams.size() == 1; });
  watch.reset();
  const int late = client_socket();
  EXPECT_EQ(connect_to(address, late), -1);
  ::close(late);
  ::close(client);
  acceptor.streams.clear();
  ::close(listen_on_loopback(address));
}

TEST_P(LoopTest, a_listener_may_be_dropped_inside_its_callback) {
  sockaddr_in address{};
  struct Once final : AcceptHandler {
    void on_accept(StreamPtr) override {
      ++accepted;
      watch.reset();
    }
    WatchPtr watch;
    int accepted = 0;
  } once;
  once.watch = loop->accept(listen_on_loopback(address), once);
  const int a = connect_to(address);
  const int b = connect_to(address);
  turn_until([&] { return once.accepted > 0; });
  loop->turn(false);
  EXPECT_EQ(once.accepted, 1);
  EXPECT_FALSE(loop->has_work());
  ::close(a);
  ::close(b);
}

TEST_P(LoopTest, ends_with_everything_still_going_on) {
  sockaddr_in address{};
  {
    Acceptor acceptor;
    auto watch = loop->accept(listen_on_loopback(address), acceptor);
    const int client = connect_to(address);
    turn_until([&] { return acceptor.streams.size() == 1; });
    Pipe pipe;
    auto poll = loop->watch(pipe.ends[0], Interest::read, [] {});
    loop->turn(false);
    retire(std::move(acceptor.streams[0]));
    poll.reset();
    watch.reset();
    loop.reset();
    char c;
    EXPECT_EQ(::recv(client, &c, 1, 0), 0);
    ::close(client);
  }
  ::close(listen_on_loopback(address));
}

struct FileDone final : FileOperation {
  void on_done(int r) override {
    result = r;
    ++calls;
  }
  int result = -1;
  int calls = 0;
};

TEST_P(LoopTest, works_on_files_or_says_that_it_cannot) {
  std::string path = testing::TempDir() + "verdin_loop_" + std::to_string(::getpid()) + GetParam();
  FileDone open;
  open.kind = FileOperation::Kind::open;
  open.fd = AT_FDCWD;
  open.path = path.c_str();
  open.flags = O_RDWR | O_CREAT | O_CLOEXEC;
  open.mode = 0600;
  const bool can = loop->submit(open);
  EXPECT_EQ(can, loop->backend() == "uring");
  if (!can) return;
  turn_until([&] { return open.calls == 1; });
  ASSERT_GE(open.result, 0);
  std::string text = "written by the kernel";
  FileDone write;
  write.kind = FileOperation::Kind::write;
  write.fd = open.result;
  write.buffer = text.data();
  write.size = static_cast<unsigned>(text.size());
  write.offset = 0;
  ASSERT_TRUE(loop->submit(write));
  turn_until([&] { return write.calls == 1; });
  EXPECT_EQ(write.result, static_cast<int>(text.size()));
  FileDone sync;
  sync.kind = FileOperation::Kind::sync;
  sync.fd = open.result;
  std::string back(100, '\0');
  FileDone read;
  read.fd = open.result;
  read.buffer = back.data();
  read.size = 100;
  read.offset = 8;
  struct statx found {};
  FileDone status;
  status.kind = FileOperation::Kind::status;
  status.fd = AT_FDCWD;
  status.path = path.c_str();
  status.mask = STATX_SIZE;
  status.status = &found;
  ASSERT_TRUE(loop->submit(sync) && loop->submit(read) && loop->submit(status));
  turn_until([&] { return sync.calls + read.calls + status.calls == 3; });
  EXPECT_EQ(sync.result, 0);
  EXPECT_EQ(back.substr(0, 13), "by the kernel");
  EXPECT_EQ(found.stx_size, text.size());
  ::close(open.result);
  ::unlink(path.c_str());
  FileDone missing;
  missing.kind = FileOperation::Kind::open;
  missing.fd = AT_FDCWD;
  missing.path = path.c_str();
  ASSERT_TRUE(loop->submit(missing));
  turn_until([&] { return missing.calls == 1; });
  EXPECT_EQ(missing.result, -ENOENT);
  EXPECT_FALSE(loop->has_work());
}

TEST_P(LoopTest, a_file_operation_can_be_cancelled_before_and_after_it_was_submitted) {
  Pipe pipe;
  ::fcntl(pipe.ends[0], F_SETFL, 0);  // so that the read waits
  char c;
  FileDone read;
  read.fd = pipe.ends[0];
  read.buffer = &c;
  read.size = 1;
  if (!loop->submit(read)) return;
  loop->cancel(read);
  turn_until([&] { return read.calls == 1; });
  EXPECT_EQ(read.result, -ECANCELED);
  ASSERT_TRUE(loop->submit(read));
  loop->turn(false);
  EXPECT_EQ(read.calls, 1);
  loop->cancel(read);
  turn_until([&] { return read.calls == 2; });
  EXPECT_TRUE(read.result == -ECANCELED || read.result == -EINTR) << read.result;
  EXPECT_FALSE(loop->has_work());
}

/// Of those that no turn has submitted yet, too.
TEST_P(LoopTest, its_end_is_the_end_of_all_file_operations) {
  FileDone cancelled;
  FileDone waiting;
  for (FileDone* each : {&cancelled, &waiting}) {
    each->kind = FileOperation::Kind::open;
    each->fd = AT_FDCWD;
    each->path = "/dev/null";
    each->flags = O_RDONLY | O_CLOEXEC;
    if (!loop->submit(*each)) return;
  }
  loop->cancel(cancelled);
  loop.reset();
  EXPECT_EQ(cancelled.calls, 1);
  EXPECT_EQ(cancelled.result, -ECANCELED);
  EXPECT_EQ(waiting.calls, 1);
  EXPECT_EQ(waiting.result, -ECANCELED);
}

/// The kernel's thread may be on its way into the call that waits, and not there yet.
TEST_P(LoopTest, no_cancellation_of_a_file_operation_is_lost) {
  Pipe pipe;
  ::fcntl(pipe.ends[0], F_SETFL, 0);
  char c;
  FileDone read;
  read.fd = pipe.ends[0];
  read.buffer = &c;
  read.size = 1;
  for (int i = 1; i <= 300; ++i) {
    if (!loop->submit(read)) return;
    for (int turns = 0; turns < 1 + i % 3; ++turns) loop->turn(false);
    loop->cancel(read);
    turn_until([&] { return read.calls == i; });
    if (HasFatalFailure()) break;
    EXPECT_TRUE(read.result == -ECANCELED || read.result == -EINTR) << read.result;
  }
  EXPECT_FALSE(loop->has_work());
}

TEST_P(LoopTest, a_descriptor_that_is_closed_while_it_is_watched_disturbs_nobody) {
  Pipe closed;
  Pipe open;
  int told = 0;
  int ready = 0;
  const auto count = [](void* number) { ++*static_cast<int*>(number); };
  const auto watch = loop->watch(closed.ends[0], Interest::read, [&] { count(&told); });
  const auto readiness = loop->readiness(closed.ends[0], Interest::read, count, &told);
  const auto other = loop->watch(open.ends[0], Interest::read, [&] { count(&ready); });
  readiness->arm();
  loop->turn(false);
  ::close(closed.ends[0]);
  for (int i = 0; i < 3; ++i) loop->turn(false);
  ASSERT_EQ(::write(open.ends[1], "x", 1), 1);
  turn_until([&] { return ready > 0; });
  ASSERT_EQ(::dup2(open.ends[0], closed.ends[0]), closed.ends[0]);  // the number is another's now
  told = ready = 0;
  turn_until([&] { return ready > 0; });
  const std::string backend = GetParam();
  if (backend == "poll" || backend == "select") turn_until([&] { return told > 0; });
}

struct Collector final : StreamHandler {
  void on_data(std::span<char> data) override { text.append(data.data(), data.size()); }
  void on_eof() override { eof = true; }
  void on_error(std::error_code) override { eof = true; }
  std::string text;
  bool eof = false;
};

TEST_P(LoopTest, a_child_process_that_only_ends_disturbs_nobody) {
  Pipe pipe;
  int ready = 0;
  auto watch = loop->watch(pipe.ends[0], Interest::read, [&] { ++ready; });
  sockaddr_in address{};
  Acceptor acceptor;
  auto listener = loop->accept(listen_on_loopback(address), acceptor);
  loop->turn(false);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    listener.reset();
    watch.reset();
    loop.reset();
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
  ASSERT_EQ(::write(pipe.ends[1], "x", 1), 1);
  turn_until([&] { return ready > 0; });
  const int client = connect_to(address);
  turn_until([&] { return acceptor.streams.size() == 1; });
  ::close(client);
}

TEST_P(LoopTest, file_operations_of_the_parent_do_not_keep_a_child_busy) {
  Pipe pipe;
  ::fcntl(pipe.ends[0], F_SETFL, 0);  // so that the reads wait
  char buffer[3];
  FileDone reads[3];
  for (int i = 0; i < 3; ++i) {
    reads[i].fd = pipe.ends[0];
    reads[i].buffer = &buffer[i];
    reads[i].size = 1;
  }
  if (!loop->submit(reads[0]) || !loop->submit(reads[1])) return;
  loop->turn(false);
  loop->cancel(reads[1]);  // this is repeated
  ASSERT_TRUE(loop->submit(reads[2]));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    loop->after_fork();
    for (FileDone& each : reads) loop->cancel(each);  // whose they were may say that
    loop->turn(false);
    const bool nothing_left = !loop->has_work() && reads[0].calls + reads[1].calls + reads[2].calls == 0;
    reads[0].fd = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    const bool again = loop->submit(reads[0]);
    turn_until([&] { return reads[0].calls == 1; });
    ::_exit(nothing_left && again && reads[0].result == 1 && !HasFailure() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  loop->cancel(reads[0]);
  loop->cancel(reads[2]);
  turn_until([&] { return reads[0].calls + reads[1].calls + reads[2].calls == 3; });
}

TEST_P(LoopTest, goes_on_in_a_child_process) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
  Pipe pipe;
  Collector collector;
  auto stream = loop->adopt(pair[1]);
  stream->set_handler(&collector);
  int ready = 0;
  auto watch = loop->watch(pipe.ends[0], Interest::read, [&] { ++ready; });
  loop->turn(false);

  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    EXPECT_EQ(::write(pipe.ends[1], "x", 1), 1);
    turn_until([&] { return ready > 0; });
    bool woken = false;
    std::thread waker([&] { loop->wake(); });
    loop->turn(true);
    waker.join();
    woken = true;
    const StreamPtr own = loop->adopt(::dup(pair[1]));
    own->send("from the child");
    turn_until([&] { return own->unsent() == 0; });
    loop->turn(false);
    ::_exit(woken && !HasFailure() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  std::string text(64, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(::recv(pair[0], text.data(), 64, 0), 0)));
  EXPECT_EQ(text, "from the child");
  ASSERT_EQ(::send(pair[0], "parent", 6, 0), 6);
  turn_until([&] { return collector.text == "parent"; });
  ::close(pair[0]);
}

}  // namespace
