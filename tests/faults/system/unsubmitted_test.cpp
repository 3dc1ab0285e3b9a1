// What a loop on io_uring has prepared, or is to make, and the kernel does not let it.
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/loop/stream.hpp>

#include "system/failing_calls.h"

namespace verdin::test {
namespace {

struct Ends {
  Ends() {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    own = pair[0];
    other = pair[1];
  }
  static std::string heard(int fd) {
    std::array<char, 100> got{};
    const ssize_t size = ::recv(fd, got.data(), got.size(), MSG_DONTWAIT);
    return {got.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  }
  int own;
  int other;
};

struct Heard final : loop::StreamHandler {
  void on_data(std::span<char> data) override { text.append(data.data(), data.size()); }
  void on_eof() override {}
  void on_error(std::error_code) override {}
  std::string text;
};

class UnsubmittedEntries : public testing::Test {
 protected:
  void SetUp() override {
    if (loop->backend() != "uring") GTEST_SKIP() << "there is no uring here";
  }
  void turn(int times = 5) const {
    for (int i = 0; i < times; ++i) loop->turn(false);
  }
  void fail_in_a_turn() const {
    failing_begin_lasting(failing_ring_enter, 1, 1 << 30, EINVAL);
    EXPECT_THROW(loop->turn(false), std::system_error);
    failing_end();
  }
  std::unique_ptr<loop::Loop> loop = loop::Loop::make("uring");
};

TEST_F(UnsubmittedEntries, do_nothing_to_the_next_who_gets_the_descriptors_number) {
  turn();
  const Ends first;
  Heard heard;
  loop::StreamPtr stream = loop->adopt(first.own);
  stream->set_handler(&heard);
  stream->send("what the first had to say");
  fail_in_a_turn();
  stream.reset();
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  ASSERT_EQ(pair[0], first.own);
  ASSERT_EQ(::send(pair[1], "for the second", 14, 0), 14);
  turn();
  EXPECT_EQ(Ends::heard(pair[0]), "for the second");
  EXPECT_EQ(Ends::heard(pair[1]), "");
  EXPECT_EQ(heard.text, "");
  for (const int fd : {pair[0], pair[1], first.other}) ::close(fd);
}

TEST_F(UnsubmittedEntries, are_submitted_once_when_that_works_again) {
  const Ends ends;
  Heard heard;
  const loop::StreamPtr stream = loop->adopt(ends.own);
  stream->set_handler(&heard);
  stream->send("one ");
  fail_in_a_turn();
  stream->send("two ");
  fail_in_a_turn();
  stream->send("three");
  turn();
  EXPECT_EQ(Ends::heard(ends.other), "one two three");
  ASSERT_EQ(::send(ends.other, "four", 4, 0), 4);
  turn();
  EXPECT_EQ(heard.text, "four");
  ::close(ends.other);
}

/// No ring, no descriptor to be woken by, no memory for buffers: each is an error of the turn, the next of
/// which may do better. Nothing is lost by then.
TEST_F(UnsubmittedEntries, wait_for_a_forked_childs_ring) {
  const Ends ends;
  Heard heard;
  const loop::StreamPtr stream = loop->adopt(ends.own);
  stream->set_handler(&heard);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  int ready = 0;
  const loop::WatchPtr watch = loop->watch(pipe[0], loop::Interest::read, [&] { ++ready; });
  turn();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    loop->after_fork();
    const loop::StreamPtr own = loop->adopt(::dup(ends.own));
    own->send("from the child");
    loop->wake();
    ::write(pipe[1], "x", 1);
    const std::pair<int, int> failures[] = {
        {failing_eventfd, 1}, {failing_ring_setup, 1}, {failing_ring_setup, 2}, {failing_map, 1}};
    for (const auto& [kind, n] : failures) {
      for (int again = 0; again < 2; ++again) {
        failing_begin(kind, n, ENOMEM);
        EXPECT_THROW(loop->turn(false), std::system_error) << kind << ", call " << n;
        EXPECT_NE(failing_end(), 0) << kind << ", call " << n;
      }
    }
    loop->turn(true);  // woken
    while (ready == 0) loop->turn(true);
    turn();
    ::_exit(HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Ends::heard(ends.other), "from the child");
  for (const int fd : {pipe[0], pipe[1], ends.other}) ::close(fd);
}

TEST_F(UnsubmittedEntries, end_with_a_forked_childs_loop_that_never_got_a_ring) {
  const Ends ends;
  Heard heard;
  loop::StreamPtr stream = loop->adopt(ends.own);
  stream->set_handler(&heard);
  turn();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    failing_begin_lasting(failing_ring_setup, 1, 1 << 30, EPERM);
    EXPECT_THROW(loop->turn(false), std::system_error);
    stream->send("never sent");
    const loop::WatchPtr outlives = loop->watch(ends.other, loop::Interest::read, [] {});
    loop->watch(ends.other, loop::Interest::read, [] {}).reset();
    stream.reset();
    loop.reset();
    ::_exit(HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Ends::heard(ends.other), "");
  ::close(ends.other);
}

}  // namespace
}  // namespace verdin::test
