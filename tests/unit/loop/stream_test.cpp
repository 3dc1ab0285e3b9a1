#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>

#include "unit/loop/backends.hpp"

using namespace std::chrono_literals;
using namespace verdin::loop;

namespace {

struct Recorder : StreamHandler {
  virtual ~Recorder() = default;

  void on_data(std::span<char> data) override {
    received.append(data.data(), data.size());
    if (then) then();
  }
  void on_eof() override { eof = true; }
  void on_error(std::error_code reason) override { error = reason; }
  void on_drained() override { ++drained; }

  std::string received;
  bool eof = false;
  std::error_code error;
  int drained = 0;
  std::function<void()> then;
};

class StreamTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (fell_back(*loop, GetParam())) GTEST_SKIP() << "there is no " << GetParam() << " here";
  }
  StreamTest() : loop(Loop::make(GetParam())) {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    peer = pair[0];
    stream = loop->adopt(pair[1]);
    stream->set_handler(&handler);
  }
  ~StreamTest() override {
    if (peer >= 0) ::close(peer);
  }

  template <typename Condition>
  void turn_until(Condition condition) {
    const auto give_up = Clock::now() + 10s;
    while (!condition()) {
      ASSERT_LT(Clock::now(), give_up);
      Timer tick(
          *loop, [](void*) {}, nullptr);
      tick.start(5ms);
      loop->turn(true);
    }
  }
  std::string read_peer() {
    std::string text(1 << 20, '\0');
    const ssize_t n = ::recv(peer, text.data(), text.size(), MSG_DONTWAIT);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  static int status_of(pid_t child) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }

  std::unique_ptr<Loop> loop;
  int peer = -1;
  Recorder handler;
  StreamPtr stream;
};

INSTANTIATE_TEST_SUITE_P(Backends, StreamTest, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(StreamTest, delivers_what_comes_in_and_the_end) {
  ASSERT_EQ(::send(peer, "hello", 5, 0), 5);
  turn_until([&] { return handler.received == "hello"; });
  ::shutdown(peer, SHUT_WR);
  turn_until([&] { return handler.eof; });
  stream->send("still");
  loop->turn(false);
  EXPECT_EQ(read_peer(), "still");
}

TEST_P(StreamTest, a_turn_writes_all_that_was_sent_in_one_piece) {
  stream->send("a");
  stream->send(verdin::SharedBuffer::copy("b"));
  stream->send_in_place() += "c";
  const auto large = verdin::SharedBuffer::copy(std::string(10'000, 'x'));
  stream->send(large);
  stream->send("d");
  stream->send(large);
  EXPECT_EQ(stream->unsent(), 20'004u);
  EXPECT_EQ(read_peer(), "");
  loop->turn(false);
  EXPECT_EQ(stream->unsent(), 0u);
  const std::string x(10'000, 'x');
  EXPECT_EQ(read_peer(), "abc" + x + "d" + x);
}

TEST_P(StreamTest, what_is_large_goes_at_once_behind_what_is_queued) {
  const std::string large(40'000, 'x');
  stream->send("a");
  stream->send(verdin::SharedBuffer::copy(large));
  stream->send("b");
  stream->send(large);
  EXPECT_EQ(stream->unsent(), 0u);
  EXPECT_TRUE(read_peer() == "a" + large + "b" + large);
  loop->turn(false);
  EXPECT_EQ(read_peer(), "");
  EXPECT_EQ(handler.drained, 0);
}

TEST_P(StreamTest, what_the_kernel_refuses_of_it_keeps_its_place) {
  std::string sent;
  std::string got;
  for (int i = 0; i < 3; ++i) {
    const std::string large(1'000'000, static_cast<char>('a' + i));
    stream->send("before");
    stream->send(large);
    sent += "before" + large;
  }
  EXPECT_GT(stream->unsent(), 2'000'000u);
  EXPECT_LT(stream->unsent(), sent.size());
  turn_until([&] {
    got += read_peer();
    return got.size() == sent.size();
  });
  EXPECT_TRUE(got == sent);
  turn_until([&] { return handler.drained == 1; });
}

TEST_P(StreamTest, what_is_large_finds_a_broken_pipe_without_a_signal) {
  ::close(std::exchange(peer, -1));
  stream->pause();  // so that only the write finds out
  stream->send(std::string(100'000, 'x'));
  EXPECT_FALSE(handler.error) << "not from within a call";
  turn_until([&] { return static_cast<bool>(handler.error); });
}

/// A file that has been unlinked, with the octets of a pattern.
class FileStreamTest : public StreamTest {
 protected:
  FileStreamTest() {
    std::string name = testing::TempDir() + "verdin_stream_XXXXXX";
    file = ::mkstemp(name.data());
    ::unlink(name.c_str());
    octets.resize(3'000'000);
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>(i * 7 / 1000);
    EXPECT_EQ(::pwrite(file, octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
  }
  ~FileStreamTest() override { ::close(file); }

  int file = -1;
  std::string octets;
};

INSTANTIATE_TEST_SUITE_P(Backends, FileStreamTest, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(FileStreamTest, arrives_behind_what_is_queued) {
  stream->send("head");
  std::uint64_t offset = 1000;
  std::uint64_t size = octets.size() - 2000;
  FileSend last = stream->send_file(file, offset, size);
  if (last == FileSend::unsupported) GTEST_SKIP() << "read and sent instead";
  EXPECT_EQ(last, FileSend::full);
  EXPECT_EQ(offset + size, octets.size() - 1000);
  std::string got;
  turn_until([&] {
    got += read_peer();
    if (handler.drained > 0 && last == FileSend::full) {
      handler.drained = 0;
      last = stream->send_file(file, offset, size);
    }
    return last != FileSend::full && got.size() == octets.size() - 2000 + 4;
  });
  EXPECT_EQ(last, FileSend::done);
  EXPECT_EQ(size, 0u);
  EXPECT_TRUE(got == "head" + octets.substr(1000, octets.size() - 2000));
}

TEST_P(FileStreamTest, says_that_it_is_shorter) {
  std::uint64_t offset = octets.size() - 10;
  std::uint64_t size = 20;
  const FileSend first = stream->send_file(file, offset, size);
  if (first == FileSend::unsupported) GTEST_SKIP() << "read and sent instead";
  EXPECT_EQ(first, FileSend::failed);
  EXPECT_EQ(size, 10u);
}

TEST_P(FileStreamTest, finds_a_broken_pipe_without_a_signal) {
  ::close(std::exchange(peer, -1));
  stream->pause();
  std::uint64_t offset = 0;
  std::uint64_t size = octets.size();
  const FileSend first = stream->send_file(file, offset, size);
  if (first == FileSend::unsupported) GTEST_SKIP() << "read and sent instead";
  EXPECT_EQ(first, FileSend::full);
  turn_until([&] { return static_cast<bool>(handler.error); });
}

TEST_P(StreamTest, keeps_what_the_kernel_refuses_and_says_when_it_is_gone) {
  std::string sent;
  std::string got;
  for (int i = 0; i < 400; ++i) {
    std::string piece(5'000, static_cast<char>('a' + i % 26));
    i % 2 ? stream->send(verdin::SharedBuffer::copy(piece)) : stream->send(piece);
    sent += piece;
  }
  loop->turn(false);
  EXPECT_GT(stream->unsent(), 0u);
  EXPECT_EQ(handler.drained, 0);
  turn_until([&] {
    got += read_peer();
    return got.size() == sent.size();
  });
  EXPECT_TRUE(got == sent);
  turn_until([&] { return handler.drained == 1; });
  EXPECT_EQ(stream->unsent(), 0u);
}

#if defined(SO_MEMINFO)
TEST_P(StreamTest, knows_the_room_that_the_kernel_has) {
  const std::size_t room = stream->room();
  EXPECT_GT(room, 50'000u);
  stream->send(std::string(50'000, 'x'));
  loop->turn(false);
  EXPECT_LE(stream->room(), room - 50'000);
  EXPECT_EQ(read_peer().size(), 50'000u);
  EXPECT_EQ(stream->room(), room);
}
#endif

// What is left may have moved to less memory.
TEST_P(StreamTest, a_little_that_the_kernel_refuses_keeps_its_place) {
  for (std::size_t before = 0; before < 40'000; before += 5'000) {
    std::string sent, got;
    const auto queue = [&](std::size_t size) {
      for (std::size_t i = 0; i < size; i += 1'000) {
        const std::string piece(1'000, static_cast<char>('a' + sent.size() / 1'000 % 26));
        stream->send(piece);
        sent += piece;
      }
      loop->turn(false);
    };
    queue(before);
    while (stream->unsent() == 0) queue(40'000);
    queue(2'000);
    EXPECT_GE(stream->unsent(), 2'000u);
    turn_until([&] {
      got += read_peer();
      return got.size() == sent.size();
    });
    EXPECT_TRUE(got == sent);
    turn_until([&] { return stream->unsent() == 0; });
  }
}

TEST_P(StreamTest, reads_nothing_while_paused) {
  stream->pause();
  ASSERT_EQ(::send(peer, "x", 1, 0), 1);
  loop->turn(false);
  loop->turn(false);
  EXPECT_EQ(handler.received, "");
  stream->resume();
  turn_until([&] { return handler.received == "x"; });
}

TEST_P(StreamTest, may_be_dropped_inside_its_callback) {
  handler.then = [&] {
    stream->send("lost");
    stream.reset();
  };
  ASSERT_EQ(::send(peer, "bye", 3, 0), 3);
  turn_until([&] { return !stream; });
  loop->turn(false);
  loop->turn(false);
  char c;
  EXPECT_EQ(::recv(peer, &c, 1, MSG_DONTWAIT), 0) << "dropping closes at once";
}

TEST_P(StreamTest, a_broken_pipe_is_an_error_and_no_signal) {
  ::close(peer);
  peer = -1;
  stream->send("x");
  turn_until([&] { return handler.eof || handler.error; });
  turn_until([&] {
    stream->send("x");
    return static_cast<bool>(handler.error);
  });
}

TEST_P(StreamTest, an_error_found_without_a_handler_is_told_to_the_next) {
  stream->set_handler(nullptr);
  ::close(std::exchange(peer, -1));
  stream->send("into the void");
  for (int i = 0; i < 3; ++i) loop->turn(false);
  Recorder next;
  stream->set_handler(&next);
  turn_until([&] { return next.error || next.eof; });
  EXPECT_TRUE(next.error);
  EXPECT_FALSE(handler.error);
  stream.reset();
}

TEST_P(StreamTest, a_turn_that_told_of_an_error_does_not_wait) {
  Timer far(
      *loop, [](void*) {}, nullptr);
  far.start(20s);
  loop->turn(false);
  ::close(std::exchange(peer, -1));
  stream->pause();  // so that only the write finds out
  stream->send("hello");
  const auto before = Clock::now();
  loop->turn(true);
  EXPECT_TRUE(handler.error);
  EXPECT_LT(Clock::now() - before, 10s) << "whom the handler woke would wait too";
}

TEST_P(StreamTest, tells_while_paused_whether_the_peer_has_gone) {
  stream->pause();
  EXPECT_FALSE(stream->peer_gone());
  EXPECT_EQ(::send(peer, "unread", 6, 0), 6);
  EXPECT_FALSE(stream->peer_gone());
  ::shutdown(peer, SHUT_WR);
  EXPECT_TRUE(stream->peer_gone());
  loop->turn(false);
  EXPECT_EQ(handler.received, "");
  stream->resume();
  turn_until([&] { return handler.eof; });
  EXPECT_EQ(handler.received, "unread");
  EXPECT_TRUE(stream->peer_gone());
}

TEST_P(StreamTest, retire_writes_everything_before_it_closes) {
  const std::string text(3'000'000, 'y');
  stream->send(text);
  retire(std::move(stream));
  std::string got;
  turn_until([&] {
    got += read_peer();
    return got.size() == text.size();
  });
  ::close(peer);
  peer = -1;
  turn_until([&] { return !loop->has_work(); });
}

TEST_P(StreamTest, retire_gives_a_silent_peer_up_after_five_seconds_at_most) {
  retire(std::move(stream));
  EXPECT_TRUE(loop->has_work());
  const auto due = loop->wheel().next_due();
  ASSERT_TRUE(due);
  EXPECT_LE(*due - Clock::now(), 5s + 2 * kTimerTick);
}

TEST_P(StreamTest, says_nothing_in_a_child_process) {
  stream->send("parent");
  const pid_t child = ::fork();
  if (child == 0) {
    bool nothing_unsent = stream->unsent() == 0;
    stream->send("child ");
    stream->send(verdin::SharedBuffer::copy(std::string(5000, 'c')));
    stream->send_in_place() += "child ";
    nothing_unsent = nothing_unsent && stream->unsent() == 0;
    stream->flush();
    for (int i = 0; i < 3; ++i) loop->turn(false);
    ::_exit(nothing_unsent && stream->unsent() == 0 ? 0 : 1);
  }
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(read_peer(), "");
  loop->turn(false);
  EXPECT_EQ(read_peer(), "parent");
}

TEST_P(StreamTest, tells_a_child_process_of_no_error) {
  struct Told final : Recorder {
    void on_error(std::error_code) override {
      if (++*told == 1) *child = ::fork();
    }
    int* told = nullptr;
    pid_t* child = nullptr;
  };
  int told = 0;
  pid_t child = -1;
  std::array<Told, 3> handlers;
  std::array<StreamPtr, 3> streams;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    handlers[i].told = &told;
    handlers[i].child = &child;
    streams[i] = loop->adopt(pair[1]);
    streams[i]->set_handler(&handlers[i]);
    streams[i]->pause();  // so that only the write finds out
    ::close(pair[0]);
    streams[i]->send("into the void");
  }
  turn_until([&] { return child >= 0; });
  if (child == 0) {
    for (int i = 0; i < 5; ++i) loop->turn(false);
    ::_exit(told == 1 && !HasFailure() ? 0 : 1);
  }
  turn_until([&] { return told == 3; });
  EXPECT_EQ(status_of(child), 0);
}

/// What ThreadSanitizer knows of who may read what: it must see the loop's calls.
TEST_P(StreamTest, what_was_written_before_is_seen_by_the_thread_that_receives) {
  if (loop->backend() == "uring") GTEST_SKIP() << "there the kernel sends";
  int value = 0;
  std::thread reader([&] {
    char octet = 0;
    pollfd readable{peer, POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 10'000), 1);
    EXPECT_EQ(::recv(peer, &octet, 1, 0), 1);
    EXPECT_EQ(value, 7);
  });
  value = 7;
  stream->send("x");
  loop->turn(false);
  reader.join();
}

/// The kernel had room for a part; the child makes more, and would see what its loop writes there.
TEST_P(StreamTest, leaves_what_the_kernel_would_not_take_to_the_parent) {
  for (const bool retired : {false, true}) {
    const std::string text(3'000'000, 't');
    stream->send(text);
    for (int i = 0; i < 3; ++i) loop->turn(false);
    const std::size_t unsent = stream->unsent();
    ASSERT_GT(unsent, 0U);
    if (retired) retire(std::move(stream));
    const pid_t child = ::fork();
    if (child == 0) {
      loop->after_fork();
      while (!read_peer().empty()) continue;
      bool silent = true;
      for (int i = 0; i < 20; ++i) {
        loop->turn(false);
        ::usleep(1000);
        silent = silent && read_peer().empty();
      }
      if (!retired) turn_until([&] { return handler.drained > 0; });
      ::_exit(silent && (!retired || !loop->has_work()) && !HasFailure() ? 0 : 1);
    }
    EXPECT_EQ(status_of(child), 0);
    std::size_t got = 0;
    turn_until([&] { return (got += read_peer().size()) >= unsent; });
    if (HasFailure()) return;
    EXPECT_EQ(got, unsent) << "and the child has read the rest";
  }
}

TEST_P(StreamTest, the_octets_behind_the_data_may_be_used) {
  struct Padding final : Recorder {
    void on_data(std::span<char> data) override {
      std::fill_n(data.data() + data.size(), kReadPadding, 'p');
      Recorder::on_data(data);
    }
  } padding;
  stream->set_handler(&padding);
  const std::string text(64 * 1024, 'z');
  std::size_t sent = 0;
  turn_until([&] {
    const ssize_t n = ::send(peer, text.data() + sent, text.size() - sent, MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    return padding.received.size() == text.size();
  });
  EXPECT_EQ(padding.received, text);
}

}  // namespace
