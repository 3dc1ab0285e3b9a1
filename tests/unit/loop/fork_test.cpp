// What of a loop's connections a forked child leaves to its parent.
#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>

#include "unit/loop/backends.hpp"

using namespace std::chrono_literals;
using namespace verdin::loop;

namespace {

/// A stream of the loop, and its peer.
struct Connection final : StreamHandler {
  explicit Connection(Loop& loop) {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    peer = pair[0];
    stream = loop.adopt(pair[1]);
    stream->set_handler(this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(peer); }

  void on_data(std::span<char> data) override {
    received.append(data.data(), data.size());
    if (then) then();
  }
  void on_eof() override { ended = true; }
  void on_error(std::error_code) override {
    ended = true;
    if (then_broken) then_broken();
  }

  void say(const std::string& text) const {
    EXPECT_EQ(::send(peer, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  /// What came from the stream; "(end)" behind it, if that is what came.
  std::string heard() const {
    std::array<char, 1000> data{};
    std::string all;
    ssize_t size = 0;
    while ((size = ::recv(peer, data.data(), data.size(), MSG_DONTWAIT)) > 0)
      all.append(data.data(), static_cast<std::size_t>(size));
    return size == 0 ? all + "(end)" : all;
  }

  int peer = -1;
  StreamPtr stream;
  std::string received;
  bool ended = false;
  std::function<void()> then;
  std::function<void()> then_broken;
};

class ForkedLoop : public testing::TestWithParam<const char*> {
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
  /// More turns than anything takes that is there.
  void turn_a_few_times() {
    for (int i = 0; i < 10; ++i) loop->turn(false);
  }
  /// Of a child that does `body`: does it end as it should?
  template <typename Body>
  bool child_is_well(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      body();
      ::_exit(HasFailure() ? 1 : 0);
    }
    return ended_well(child);
  }
  static bool ended_well(pid_t child) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status == 0;
  }

  std::unique_ptr<Loop> loop = Loop::make(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Backends, ForkedLoop, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(ForkedLoop, reads_nothing_from_its_parents_streams) {
  Connection connection(*loop);
  turn_a_few_times();
  EXPECT_TRUE(child_is_well([&] {
    connection.say("for the parent");
    EXPECT_NO_FATAL_FAILURE(turn_a_few_times());
    EXPECT_EQ(connection.received, "");
    EXPECT_FALSE(loop->has_work());
    connection.stream->send("from the child");
    turn_a_few_times();
    EXPECT_EQ(connection.heard(), "");
    Connection own(*loop);
    own.say("for the child");
    turn_until([&] { return own.received == "for the child"; });
  }));
  turn_until([&] { return connection.received == "for the parent"; });
}

TEST_P(ForkedLoop, ends_its_parents_streams_without_a_word) {
  Connection dropped(*loop), retired(*loop), retired_with_words(*loop), of_loop(*loop);
  turn_a_few_times();
  EXPECT_TRUE(child_is_well([&] {
    dropped.stream.reset();
    retire(std::move(retired.stream));
    retired_with_words.stream->send("last words");
    retire(std::move(retired_with_words.stream));
    turn_a_few_times();
    EXPECT_FALSE(loop->has_work());
    EXPECT_EQ(of_loop.heard(), "");
    of_loop.stream.reset();
    loop.reset();
  }));
  for (Connection* each : {&dropped, &retired, &retired_with_words, &of_loop}) EXPECT_EQ(each->heard(), "");
  for (Connection* each : {&dropped, &retired, &retired_with_words, &of_loop}) {
    each->say("go on");
    turn_until([&] { return each->received == "go on"; });
    each->stream->send("yes");
    turn_until([&] { return each->heard() == "yes"; });
  }
}

struct CountedConnections final : AcceptHandler {
  void on_accept(StreamPtr stream) override { streams.push_back(std::move(stream)); }
  std::vector<StreamPtr> streams;
};

TEST_P(ForkedLoop, accepts_nothing_at_its_parents_listeners) {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listening, generic, size), 0);
  ASSERT_EQ(::listen(listening, 5), 0);
  ASSERT_EQ(::getsockname(listening, generic, &size), 0);
  CountedConnections connections;
  const WatchPtr listener = loop->accept(listening, connections);
  turn_a_few_times();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_TRUE(child_is_well([&] {
    ASSERT_EQ(::connect(client, generic, size), 0);
    turn_a_few_times();
    EXPECT_EQ(connections.streams.size(), 0U);
    EXPECT_FALSE(loop->has_work());
  }));
  turn_until([&] { return connections.streams.size() == 1; });
  ::close(client);
}

TEST_P(ForkedLoop, rings_none_of_its_parents_timers) {
  int rung = 0;
  const auto count = [](void* to) { ++*static_cast<int*>(to); };
  Timer parents(*loop, count, &rung);
  parents.start(1ms);
  EXPECT_TRUE(child_is_well([&] {
    int own_rung = 0;
    Timer own(*loop, count, &own_rung);
    own.start(20ms);
    while (own_rung == 0) loop->turn(true);
    EXPECT_EQ(rung, 0);
    EXPECT_FALSE(loop->has_work());
  }));
  while (rung == 0) loop->turn(true);
}

/// Several have something to say in one turn, and whoever is told first forks.
TEST_P(ForkedLoop, made_in_a_callback_leaves_the_rest_of_the_turn_to_the_parent) {
  constexpr int kMany = 20;
  std::vector<std::unique_ptr<Connection>> all;
  pid_t child = -1;
  int told = 0;
  for (int i = 0; i < kMany; ++i) {
    all.push_back(std::make_unique<Connection>(*loop));
    all.back()->then = [&] {
      if (++told == 3) child = ::fork();
    };
  }
  turn_a_few_times();
  for (const auto& each : all) each->say("something");
  turn_until([&] { return child >= 0; });
  if (child == 0) {
    ::alarm(60);
    turn_a_few_times();
    EXPECT_EQ(told, 3);
    for (const auto& each : all) each->stream.reset();
    Connection own(*loop);
    own.say("for the child");
    turn_until([&] { return own.received == "for the child"; });
    own.say(std::string(500, 'x'));
    turn_until([&] { return own.received.size() == 513; });
    loop.reset();
    ::_exit(HasFailure() ? 1 : 0);
  }
  EXPECT_TRUE(ended_well(child));
  turn_until([&] { return told == kMany; });
  for (const auto& each : all) {
    each->say(" more");
    turn_until([&] { return each->received == "something more"; });
    EXPECT_EQ(each->heard(), "");
  }
}

TEST_P(ForkedLoop, made_as_broken_connections_are_told_leaves_the_rest_of_the_turn_to_the_parent) {
  std::vector<std::unique_ptr<Connection>> all;
  pid_t child = -1;
  int told = 0;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::make_unique<Connection>(*loop));
    all.back()->then_broken = [&] {
      if (++told == 2) child = ::fork();
    };
  }
  turn_a_few_times();
  for (const auto& each : all) {
    each->stream->pause();  // so that it is the sending that finds out
    ::shutdown(each->peer, SHUT_RD);
    each->stream->send("nobody hears it");
    each->stream->flush();
  }
  turn_until([&] { return child >= 0; });
  if (child == 0) {
    ::alarm(60);
    for (const auto& each : all) each->stream.reset();
    Connection own(*loop);
    own.say("for the child");
    turn_until([&] { return own.received == "for the child"; });
    ::_exit(HasFailure() ? 1 : 0);
  }
  EXPECT_TRUE(ended_well(child));
  turn_until([&] { return told == 4; });
}

TEST_P(ForkedLoop, drops_the_rest_of_a_turn_of_its_parents) {
  Connection connection(*loop);
  std::array<std::array<int, 2>, 20> pipes{};
  std::vector<WatchPtr> watches;
  int told = 0;
  pid_t child = -1;
  for (auto& pipe : pipes) {
    ASSERT_EQ(::pipe(pipe.data()), 0);
    ASSERT_EQ(::write(pipe[1], "x", 1), 1);
    watches.push_back(loop->watch(pipe[0], Interest::read, [&] {
      if (++told != 3 || child >= 0) return;
      child = ::fork();
      if (child != 0) return;
      loop->after_fork();
      loop->drop_rest_of_turn();
      EXPECT_TRUE(loop->dropping());
    }));
  }
  turn_until([&] { return child >= 0; });
  if (child == 0) {
    ::alarm(60);
    EXPECT_EQ(told, 3);
    EXPECT_FALSE(loop->dropping());
    turn_until([&] { return told > 3; });  // watches go on
    loop->drop_rest_of_turn();             // of none
    EXPECT_FALSE(loop->dropping());
    ::_exit(HasFailure() ? 1 : 0);
  }
  EXPECT_TRUE(ended_well(child));
  turn_until([&] { return told >= 20; });
  for (const auto& pipe : pipes) {
    for (const int end : pipe) ::close(end);
  }
}

TEST_P(ForkedLoop, tells_the_timers_behind_one_that_forks_in_the_parent_only) {
  struct Told {
    static void fork_once(void* self) {
      auto& told = *static_cast<Told*>(self);
      if (++told.rung == 1) told.child = ::fork();
    }
    int rung = 0;
    pid_t child = -1;
  } told;
  Timer first(*loop, &Told::fork_once, &told), second(*loop, &Told::fork_once, &told);
  first.start(1ms);
  second.start(1ms);
  while (told.child < 0) loop->turn(true);
  if (told.child == 0) {
    turn_a_few_times();
    ::_exit(told.rung == 1 && !first.active() && !second.active() ? 0 : 1);
  }
  EXPECT_TRUE(ended_well(told.child));
  while (told.rung < 2) loop->turn(true);
}

TEST_P(ForkedLoop, knows_the_timers_behind_one_that_throws) {
  static int rung;
  rung = 0;
  const auto throwing = [](void*) {
    if (++rung == 1) throw std::runtime_error("from a callback");
  };
  Timer first(*loop, throwing, nullptr), second(*loop, throwing, nullptr);
  first.start(1ms);
  second.start(1ms);
  try {
    for (;;) loop->turn(true);
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(loop->has_work());
  loop->turn(true);
  EXPECT_EQ(rung, 2);
}

}  // namespace
