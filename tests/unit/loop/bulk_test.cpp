// What comes in bulk, on every backend. On io_uring a stream changes its way of receiving for it, and back:
// no octet may be lost, doubled or out of its place, whatever happens meanwhile.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>

#include "unit/loop/backends.hpp"

using namespace std::chrono_literals;
using namespace verdin::loop;

namespace {

// Larger than several buffers for messages, smaller than one for bulk.
constexpr std::size_t kLargePiece = 8 * 1024;

char bulk_octet(std::size_t i) { return static_cast<char>((i * 2654435761u) >> 13); }

struct BulkPeer {
  explicit BulkPeer(int descriptor) : fd(descriptor) {}
  ~BulkPeer() { end(); }
  BulkPeer(const BulkPeer&) = delete;
  BulkPeer& operator=(const BulkPeer&) = delete;

  /// As much of `count` octets as the kernel takes.
  void send(std::size_t count) {
    std::string text(count, '\0');
    for (std::size_t i = 0; i < count; ++i) text[i] = bulk_octet(sent + i);
    const ssize_t n = ::send(fd, text.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  void end() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }

  int fd;
  std::size_t sent = 0;
};

struct BulkChecker : StreamHandler {
  virtual ~BulkChecker() = default;
  void on_data(std::span<char> data) override {
    ++pieces;
    largest = std::max(largest, data.size());
    for (const char c : data) correct = correct && c == bulk_octet(received++);
    std::fill_n(data.data() + data.size(), kReadPadding, '!');
    if (then) then();
  }
  void on_eof() override { ++ends; }
  void on_error(std::error_code) override { ++ends; }

  std::size_t pieces = 0;
  std::size_t largest = 0;
  std::size_t received = 0;
  int ends = 0;
  bool correct = true;
  std::function<void()> then;
};

class Bulk : public testing::TestWithParam<const char*> {
 protected:
  struct Connection {
    std::unique_ptr<BulkPeer> peer;
    std::unique_ptr<BulkChecker> checker;
    StreamPtr stream;
  };

  void SetUp() override {
    if (fell_back(*loop, GetParam())) GTEST_SKIP() << "there is no " << GetParam() << " here";
  }

  Connection connection() {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    Connection made{std::make_unique<BulkPeer>(pair[0]), std::make_unique<BulkChecker>(),
                    loop->adopt(pair[1])};
    made.stream->set_handler(made.checker.get());
    return made;
  }

  void turn() {
    Timer tick(
        *loop, [](void*) {}, nullptr);
    tick.start(2ms);
    loop->turn(true);
  }
  template <typename Condition>
  void turn_until(Condition condition) {
    const auto give_up = Clock::now() + 30s;
    while (!condition()) {
      ASSERT_LT(Clock::now(), give_up);
      turn();
    }
  }
  void receive_all(const Connection& c) {
    turn_until([&] { return c.checker->received == c.peer->sent; });
  }
  /// Floods it until it receives in large pieces, and has got all.
  void make_bulk(const Connection& c) {
    c.checker->largest = 0;
    turn_until([&] {
      c.peer->send(100'000);
      return c.checker->largest > kLargePiece;
    });
    receive_all(c);
  }
  /// Sends little until that is received as little is. (A piece can still be cut by the end of a small
  /// buffer.)
  void make_quiet(const Connection& c) {
    for (int i = 0; i < 10; ++i) {
      c.peer->send(5);
      receive_all(c);
    }
  }
  bool is_uring() const { return loop->backend() == "uring"; }

  std::unique_ptr<Loop> loop = Loop::make(GetParam());
  std::mt19937 random{7};
};

INSTANTIATE_TEST_SUITE_P(Backends, Bulk, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(Bulk, comes_in_large_pieces_and_little_does_not) {
  const Connection c = connection();
  for (int i = 0; i < 3; ++i) {
    make_bulk(c);
    make_quiet(c);
    c.checker->largest = 0;
    c.peer->send(kLargePiece - 1);
    receive_all(c);
    if (is_uring()) {
      EXPECT_LT(c.checker->largest, kLargePiece / 2) << "it lies in the buffers of all";
    }
  }
  EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, keeps_its_order_however_it_is_cut) {
  const Connection c = connection();
  for (int phase = 0; phase < 60; ++phase) {
    const std::size_t most = std::array<std::size_t, 4>{40, 3'000, 30'000, 200'000}[random() % 4];
    for (int i = 0; i < 12; ++i) {
      c.peer->send(1 + random() % most);
      if (random() % 2 == 0) turn();
    }
    if (random() % 2 == 0) receive_all(c);
  }
  receive_all(c);
  EXPECT_TRUE(c.checker->correct);
  EXPECT_EQ(c.checker->ends, 0);
}

TEST_P(Bulk, comes_in_larger_pieces_where_they_are_expected) {
  const Connection c = connection();
  turn();
  int expected = 0;
  c.checker->then = [&] {
    if (expected > 0 && --expected > 0) c.stream->expect_bulk();
  };
  const auto flood = [&] {
    c.checker->largest = 0;
    for (int i = 0; i < 20; ++i) {
      c.peer->send(500'000);
      receive_all(c);
    }
  };
  flood();
  EXPECT_LE(c.checker->largest, kMostRead);
  expected = 1'000'000;
  c.stream->expect_bulk();
  flood();
  EXPECT_GT(c.checker->largest, kMostRead);
  EXPECT_LE(c.checker->largest, kBulkRead);
  expected = 0;
  c.peer->send(500'000);
  receive_all(c);  // the last one that was expected may be among it
  flood();
  EXPECT_LE(c.checker->largest, kMostRead) << "each is asked for";
  EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, of_many_is_little_in_large_pieces_in_a_turn) {
  constexpr std::size_t kCount = 40;
  std::vector<Connection> all;
  std::size_t in_turn = 0;  // what came in large pieces
  std::size_t most = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    all.push_back(connection());
    const int room = 1'000'000;
    ASSERT_EQ(::setsockopt(all.back().peer->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    BulkChecker& checker = *all.back().checker;
    checker.then = [&in_turn, &checker, &stream = *all.back().stream, before = std::size_t{0}]() mutable {
      const std::size_t size = checker.received - std::exchange(before, checker.received);
      if (size > kMostRead) in_turn += size;
      stream.expect_bulk();
    };
    all.back().stream->expect_bulk();
  }
  for (int round = 0; round < 40; ++round) {
    for (const Connection& c : all) c.peer->send(300'000);
    in_turn = 0;
    turn();
    most = std::max(most, in_turn);
  }
  EXPECT_GT(most, kBulkOfTurn / 2) << "a few may";
  EXPECT_LT(most, kBulkOfTurn + kBulkRead);
  for (const Connection& c : all) receive_all(c);
  all[0].checker->largest = 0;
  all[0].peer->send(300'000);
  receive_all(all[0]);
  EXPECT_GT(all[0].checker->largest, kMostRead) << "and one alone";
  for (const Connection& c : all) EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, keeps_its_order_while_it_is_paused_and_resumed) {
  const Connection c = connection();
  bool paused = false;
  bool told_while_paused = false;
  const auto toggle = [&] {
    paused = random() % 2 == 0;
    paused ? c.stream->pause() : c.stream->resume();
  };
  c.checker->then = [&] {
    told_while_paused = told_while_paused || paused;
    if (random() % 3 == 0) toggle();
    if (random() % 3 == 0) c.stream->expect_bulk();
  };
  for (int i = 0; i < 600; ++i) {
    c.peer->send(1 + random() % (random() % 2 == 0 ? 60 : 150'000));
    if (random() % 4 == 0) toggle();
    turn();
  }
  paused = false;
  c.checker->then = nullptr;
  c.stream->resume();
  receive_all(c);
  EXPECT_TRUE(c.checker->correct);
  EXPECT_FALSE(told_while_paused);
}

TEST_P(Bulk, waits_in_the_kernel_while_paused) {
  const Connection c = connection();
  make_bulk(c);
  turn();  // so that a poll is under way
  c.stream->pause();
  const std::size_t before = c.checker->received;
  c.peer->send(50'000);
  for (int i = 0; i < 5; ++i) turn();
  EXPECT_EQ(c.checker->received, before);
  int unread = 0;
  ASSERT_EQ(::ioctl(c.stream->fd(), FIONREAD, &unread), 0);
  EXPECT_EQ(unread, 50'000);
  c.stream->resume();
  receive_all(c);
  EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, ends_with_its_last_octet_and_can_be_answered) {
  const Connection c = connection();
  make_bulk(c);
  c.peer->send(100'000);
  ::shutdown(c.peer->fd, SHUT_WR);
  turn_until([&] { return c.checker->ends == 1; });
  EXPECT_EQ(c.checker->received, c.peer->sent);
  EXPECT_TRUE(c.checker->correct);
  c.stream->send("answer");
  turn();
  std::array<char, 16> answer{};
  EXPECT_EQ(::recv(c.peer->fd, answer.data(), answer.size(), MSG_DONTWAIT), 6);
}

TEST_P(Bulk, ends_while_nothing_comes) {
  const Connection c = connection();
  make_bulk(c);
  for (int i = 0; i < 3; ++i) turn();
  c.peer->end();
  turn_until([&] { return c.checker->ends == 1; });
  EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, may_be_dropped_in_its_callback_and_outside) {
  for (const bool idle : {false, true}) {
    Connection c = connection();
    make_bulk(c);
    c.peer->send(100'000);
    if (idle) {
      receive_all(c);
      turn();
      c.stream.reset();
    } else {
      c.checker->then = [&] { c.stream.reset(); };
      turn_until([&] { return !c.stream; });
    }
    const std::size_t pieces = c.checker->pieces;
    c.peer->send(100'000);
    char nothing;
    turn_until([&] { return ::recv(c.peer->fd, &nothing, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET; });
    EXPECT_EQ(c.checker->pieces, pieces);
    EXPECT_EQ(c.checker->ends, 0);
  }
}

TEST_P(Bulk, may_be_dropped_as_its_way_of_receiving_changes) {
  for (int turns = 0; turns < 4; ++turns) {
    Connection c = connection();
    c.peer->send(100'000);
    for (int i = 0; i < turns; ++i) loop->turn(false);
    c.stream.reset();
    char nothing;
    turn_until([&] { return ::recv(c.peer->fd, &nothing, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET; });
    EXPECT_TRUE(c.checker->correct);
  }
}

TEST_P(Bulk, may_be_dropped_with_its_loop) {
  Connection c = connection();
  make_bulk(c);
  c.peer->send(100'000);
  loop->turn(false);
  c.stream.reset();
  loop.reset();
  char nothing;
  EXPECT_TRUE(::recv(c.peer->fd, &nothing, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
}

TEST_P(Bulk, is_discarded_once_retired) {
  Connection c = connection();
  make_bulk(c);
  c.stream->send("farewell");
  retire(std::move(c.stream));
  const std::size_t pieces = c.checker->pieces;
  std::array<char, 16> text{};
  ssize_t got = 0;
  for (int i = 0; i < 20; ++i) {
    c.peer->send(100'000);
    turn();
    if (got <= 0) got = ::recv(c.peer->fd, text.data(), text.size(), MSG_DONTWAIT);
  }
  EXPECT_EQ(got, 8);
  EXPECT_GT(c.peer->sent, 1'000'000U);
  c.peer->end();
  turn_until([&] { return !loop->has_work(); });
  EXPECT_EQ(c.checker->pieces, pieces);
}

TEST_P(Bulk, goes_on_behind_what_a_handler_throws) {
  const Connection c = connection();
  make_bulk(c);
  bool throws = true;
  c.checker->then = [&] {
    if (std::exchange(throws, !throws)) throw std::runtime_error("handler");
  };
  int caught = 0;
  for (int i = 0; i < 10; ++i) {
    c.peer->send(60'000);
    turn_until([&] {
      try {
        loop->turn(false);
      } catch (const std::runtime_error&) {
        ++caught;
      }
      return c.checker->received == c.peer->sent;
    });
  }
  EXPECT_GT(caught, 3);
  EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, goes_to_the_handler_of_the_day) {
  const Connection c = connection();
  make_bulk(c);
  c.peer->send(100'000);
  c.stream->set_handler(nullptr);
  for (int i = 0; i < 3; ++i) turn();
  BulkChecker other;
  other.received = c.checker->received;
  c.stream->set_handler(&other);
  turn_until([&] { return other.received == c.peer->sent; });
  EXPECT_TRUE(other.correct);
  EXPECT_TRUE(c.checker->correct);
}

TEST_P(Bulk, of_many_leaves_each_its_turn) {
  constexpr std::size_t kCount = 40;
  std::vector<Connection> all;
  for (std::size_t i = 0; i < kCount; ++i) all.push_back(connection());
  for (const Connection& c : all) make_bulk(c);
  const Connection little = connection();
  for (int round = 0; round < 20; ++round) {
    std::vector<std::size_t> before;
    for (const Connection& c : all) {
      c.peer->send(200'000);
      before.push_back(c.checker->received);
    }
    little.peer->send(3);
    turn();
    for (std::size_t i = 0; i < kCount; ++i) EXPECT_LE(all[i].checker->received - before[i], 128U * 1024);
  }
  for (const Connection& c : all) receive_all(c);
  receive_all(little);
  for (const Connection& c : all) EXPECT_TRUE(c.checker->correct);
  EXPECT_TRUE(little.checker->correct);
}

/// On io_uring there are buffers for 128 of them; the others may not be those who always come too late.
TEST_P(Bulk, of_more_than_have_room_at_once_leaves_each_its_turn) {
  std::vector<Connection> all;
  for (int i = 0; i < 400; ++i) {
    all.push_back(connection());
    const auto& [peer, checker, stream] = all.back();
    checker->then = [to = peer.get()] { to->send(100); };  // and at once there is more
  }
  for (const Connection& c : all) c.peer->send(100);
  for (int i = 0; i < 50; ++i) loop->turn(false);
  std::size_t least = all.front().checker->pieces;
  std::size_t most = least;
  for (const Connection& c : all) {
    least = std::min(least, c.checker->pieces);
    most = std::max(most, c.checker->pieces);
    EXPECT_TRUE(c.checker->correct);
  }
  EXPECT_GT(most, 10u);
  EXPECT_GT(least, most / 4) << "some hear nothing while others do";
}

TEST_P(Bulk, is_the_parents_in_a_child_process) {
  const Connection c = connection();
  make_bulk(c);
  turn();
  c.peer->send(50'000);
  const std::size_t pieces = c.checker->pieces;
  const pid_t child = ::fork();
  if (child == 0) {
    loop->after_fork();
    for (int i = 0; i < 5; ++i) loop->turn(false);
    ::_exit(c.checker->pieces == pieces ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  receive_all(c);
  EXPECT_TRUE(c.checker->correct);
}

}  // namespace
