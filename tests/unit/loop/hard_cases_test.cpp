// What goes wrong on a bad day, on every backend: nothing is lost, nothing is left behind.
#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>

#include "unit/loop/backends.hpp"

using namespace std::chrono_literals;
using namespace verdin::loop;

namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Octet `i` of every stream in these tests: what is lost, doubled or swapped shows.
char octet(std::size_t i) { return static_cast<char>((i * 2654435761u) >> 13); }

std::string octets(std::size_t from, std::size_t count) {
  std::string text(count, '\0');
  for (std::size_t i = 0; i < count; ++i) text[i] = octet(from + i);
  return text;
}

struct Checker : StreamHandler {
  virtual ~Checker() = default;
  void on_data(std::span<char> data) override {
    for (const char c : data) correct = correct && c == octet(received++);
    std::fill_n(data.data() + data.size(), kReadPadding, '!');
    if (then) then();
  }
  void on_eof() override { eof = true; }
  void on_error(std::error_code reason) override { error = reason; }
  void on_drained() override { ++drained; }
  bool over() const { return eof || error; }

  std::size_t received = 0;
  bool correct = true;
  bool eof = false;
  std::error_code error;
  int drained = 0;
  std::function<void()> then;
};

class HardCases : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (fell_back(*loop, GetParam())) GTEST_SKIP() << "there is no " << GetParam() << " here";
  }
  ~HardCases() override {
    for (const int fd : peers) ::close(fd);
    loop.reset();
    EXPECT_EQ(open_descriptors(), before);
  }

  /// A stream of the loop; its other end is peers.back().
  StreamPtr make_stream(Checker& handler) {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    peers.push_back(pair[0]);
    StreamPtr stream = loop->adopt(pair[1]);
    stream->set_handler(&handler);
    return stream;
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

  const std::size_t before = open_descriptors();
  std::unique_ptr<Loop> loop = Loop::make(GetParam());
  std::vector<int> peers;
  std::mt19937 random{20};
};

INSTANTIATE_TEST_SUITE_P(Backends, HardCases, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(HardCases, many_readers_at_once_get_every_octet) {
  constexpr std::size_t kStreams = 150;
  static constexpr std::size_t kEach = 300'000;
  std::vector<std::unique_ptr<Checker>> checkers;
  std::vector<StreamPtr> streams;
  for (std::size_t i = 0; i < kStreams; ++i) {
    checkers.push_back(std::make_unique<Checker>());
    streams.push_back(make_stream(*checkers.back()));
  }
  const std::string text = octets(0, kEach);
  std::vector<std::size_t> sent(kStreams, 0);
  turn_until([&] {
    for (std::size_t i = 0; i < kStreams; ++i) {
      const ssize_t n = ::send(peers[i], text.data() + sent[i], kEach - sent[i], MSG_DONTWAIT);
      if (n > 0) sent[i] += static_cast<std::size_t>(n);
    }
    return std::all_of(checkers.begin(), checkers.end(), [](const auto& c) { return c->received == kEach; });
  });
  for (const auto& c : checkers) EXPECT_TRUE(c->correct);
}

TEST_P(HardCases, a_flood_leaves_room_for_others_in_each_turn) {
  Checker flood;
  Checker other;
  StreamPtr flooded = make_stream(flood);
  StreamPtr quiet = make_stream(other);
  const std::string text = octets(0, 4'000'000);
  std::size_t sent = 0;
  std::size_t most = 0;
  turn_until([&] {
    for (int i = 0; i < 20; ++i) {
      const ssize_t n = ::send(peers[0], text.data() + sent, text.size() - sent, MSG_DONTWAIT);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    const std::size_t before_turn = flood.received;
    turn();
    most = std::max(most, flood.received - before_turn);
    return flood.received == text.size();
  });
  EXPECT_TRUE(flood.correct);
  EXPECT_LE(most, 128u * 1024);
  ASSERT_EQ(::send(peers[1], octets(0, 3).data(), 3, 0), 3);
  turn_until([&] { return other.received == 3; });
}

TEST_P(HardCases, pausing_and_resuming_at_random_loses_nothing) {
  constexpr std::size_t kTotal = 4'000'000;
  Checker checker;
  StreamPtr stream = make_stream(checker);
  bool paused = false;
  bool delivered_while_paused = false;
  const auto toggle = [&] {
    if (random() % 3 != 0) return;
    paused = !paused;
    paused ? stream->pause() : stream->resume();
  };
  checker.then = [&] {
    delivered_while_paused = delivered_while_paused || paused;
    toggle();
  };
  const std::string text = octets(0, kTotal);
  std::size_t sent = 0;
  turn_until([&] {
    for (std::size_t i = random() % 4; i > 0; --i) toggle();
    const std::size_t count = std::min<std::size_t>(kTotal - sent, 1 + random() % 100'000);
    const ssize_t n = ::send(peers[0], text.data() + sent, count, MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    return checker.received == kTotal;
  });
  EXPECT_TRUE(checker.correct);
  EXPECT_FALSE(delivered_while_paused);
  paused = false;
  stream->resume();
  ::shutdown(peers[0], SHUT_WR);
  turn_until([&] { return checker.eof; });
}

TEST_P(HardCases, a_paused_stream_holds_its_peer_up) {
  Checker checker;
  StreamPtr stream = make_stream(checker);
  turn();
  stream->pause();
  const std::string text = octets(0, 8'000'000);
  std::size_t sent = 0;
  for (int i = 0; i < 50; ++i) {
    const ssize_t n = ::send(peers[0], text.data() + sent, text.size() - sent, MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    turn();
  }
  EXPECT_LT(sent, 2'000'000u);
  EXPECT_EQ(checker.received, 0u);
  ::shutdown(peers[0], SHUT_WR);
  turn();
  EXPECT_FALSE(checker.eof);
  stream->resume();
  turn_until([&] { return checker.eof; });
  EXPECT_EQ(checker.received, sent);
  EXPECT_TRUE(checker.correct);
}

TEST_P(HardCases, a_new_handler_gets_what_the_old_one_did_not) {
  Checker first;
  Checker second;
  StreamPtr stream = make_stream(first);
  const std::string text = octets(0, 1000);
  ASSERT_EQ(::send(peers[0], text.data(), 400, 0), 400);
  turn_until([&] { return first.received == 400; });
  stream->set_handler(nullptr);
  ASSERT_EQ(::send(peers[0], text.data() + 400, 600, 0), 600);
  turn();
  turn();
  second.received = 400;
  stream->set_handler(&second);
  turn_until([&] { return second.received == 1000; });
  EXPECT_TRUE(second.correct);
  EXPECT_EQ(first.received, 400u);
}

TEST_P(HardCases, much_is_sent_to_a_slow_reader_in_order) {
  Checker checker;
  StreamPtr stream = make_stream(checker);
  std::size_t queued = 0;
  std::string got;
  const std::string text = octets(0, 1'500'000);
  turn_until([&] {
    if (queued < text.size()) {
      const std::size_t count = std::min<std::size_t>(text.size() - queued, 1 + random() % 60'000);
      const std::string_view piece(text.data() + queued, count);
      random() % 2 ? stream->send(piece) : stream->send(verdin::SharedBuffer::copy(piece));
      if (random() % 4 == 0) stream->flush();
      queued += count;
    }
    std::array<char, 10'000> buffer;
    const ssize_t n = ::recv(peers[0], buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
    return got.size() == text.size();
  });
  EXPECT_TRUE(got == text);
  turn_until([&] { return stream->unsent() == 0; });
  turn_until([&] { return checker.drained > 0; });
}

TEST_P(HardCases, both_directions_at_once) {
  constexpr std::size_t kTotal = 2'000'000;
  struct Echo final : Checker {
    void on_data(std::span<char> data) override {
      stream->send(std::string_view(data.data(), data.size()));
      if (stream->unsent() > 300'000) {
        stream->flush();
        if (stream->unsent() > 300'000) stream->pause();
      }
      Checker::on_data(data);
    }
    void on_drained() override { stream->resume(); }
    Stream* stream = nullptr;
  } echo;
  StreamPtr stream = make_stream(echo);
  echo.stream = stream.get();
  const std::string text = octets(0, kTotal);
  std::size_t sent = 0;
  std::string got;
  turn_until([&] {
    const ssize_t n = ::send(peers[0], text.data() + sent, kTotal - sent, MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    std::array<char, 50'000> buffer;
    if (random() % 2) {
      const ssize_t m = ::recv(peers[0], buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (m > 0) got.append(buffer.data(), static_cast<std::size_t>(m));
    }
    return got.size() == kTotal;
  });
  EXPECT_TRUE(got == text);
}

TEST_P(HardCases, a_stream_that_cannot_write_may_be_dropped) {
  Checker checker;
  for (int i = 0; i < 100; ++i) {
    StreamPtr stream = make_stream(checker);
    stream->send(octets(0, 2'000'000));
    for (int turns = i % 4; turns > 0; --turns) loop->turn(false);
    stream.reset();
    loop->turn(false);
  }
  turn();
  turn();
  EXPECT_FALSE(loop->has_work());
  std::array<char, 4096> buffer;
  for (const int fd : peers) {
    ssize_t n = 0;
    while ((n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    }
    EXPECT_EQ(n, 0) << "the socket is still open";
  }
}

TEST_P(HardCases, a_half_closed_peer_still_gets_its_answer) {
  Checker checker;
  StreamPtr stream = make_stream(checker);
  ASSERT_EQ(::send(peers[0], octets(0, 10).data(), 10, 0), 10);
  ::shutdown(peers[0], SHUT_WR);
  turn_until([&] { return checker.eof; });
  EXPECT_EQ(checker.received, 10u);
  stream->send(octets(0, 1'000'000));
  std::string got;
  turn_until([&] {
    std::array<char, 65'536> buffer;
    const ssize_t n = ::recv(peers[0], buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
    return got.size() == 1'000'000;
  });
  EXPECT_TRUE(got == octets(0, 1'000'000));
}

TEST_P(HardCases, streams_may_be_dropped_in_each_others_callbacks) {
  for (int round = 0; round < 50; ++round) {
    constexpr std::size_t kStreams = 20;
    std::vector<std::unique_ptr<Checker>> checkers;
    std::vector<StreamPtr> streams(kStreams);
    for (std::size_t i = 0; i < kStreams; ++i) {
      checkers.push_back(std::make_unique<Checker>());
      streams[i] = make_stream(*checkers[i]);
      checkers[i]->then = [&] {
        streams[random() % kStreams].reset();
        streams[random() % kStreams].reset();
        if (StreamPtr& other = streams[random() % kStreams]) other->send("x");
        if (StreamPtr& other = streams[random() % kStreams]) retire(std::move(other));
      };
    }
    if (round % 2) loop->turn(false);
    for (std::size_t i = 0; i < kStreams; ++i) ::send(peers[peers.size() - 1 - i], octets(0, 5).data(), 5, 0);
    for (int i = 0; i < 3; ++i) loop->turn(false);
    streams.clear();
    for (const int fd : peers) ::close(fd);
    peers.clear();
    turn_until([&] { return !loop->has_work(); });
  }
}

class HardTcp : public HardCases, public AcceptHandler {
 protected:
  HardTcp() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd, 1024), 0);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    watch = loop->accept(fd, *this);
  }
  ~HardTcp() override {
    watch.reset();
    connections.clear();
    for (int i = 0; i < 3; ++i) loop->turn(false);
  }

  struct Connection final : Checker {
    void on_data(std::span<char> data) override {
      received += data.size();
      if (stream) stream->send(std::string_view(data.data(), data.size()));
      if (then) then();
    }
    void on_eof() override {
      eof = true;
      stream.reset();
    }
    void on_error(std::error_code reason) override {
      error = reason;
      stream.reset();
    }
    StreamPtr stream;
  };

  void on_accept(StreamPtr stream) override {
    connections.push_back(std::make_unique<Connection>());
    Connection& connection = *connections.back();
    connection.stream = std::move(stream);
    connection.stream->set_handler(&connection);
    if (on_new) on_new(connection);
    ++accepted;
  }

  int connect_blocking() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void reset(int fd) {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
  }

  sockaddr_in address{};
  WatchPtr watch;
  std::vector<std::unique_ptr<Connection>> connections;
  std::function<void(Connection&)> on_new;
  std::size_t accepted = 0;
};

INSTANTIATE_TEST_SUITE_P(Backends, HardTcp, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(HardTcp, thousands_come_and_go_with_data_in_flight) {
  constexpr std::size_t kConnections = 4000;
  on_new = [&](Connection& c) {
    const auto fate = random() % 4;
    if (fate == 0) c.then = [&c] { c.stream.reset(); };
    if (fate == 1) c.then = [&c] { retire(std::move(c.stream)); };
    if (fate == 2 && random() % 4 == 0) c.stream.reset();
  };
  std::vector<int> clients;
  std::size_t made = 0;
  turn_until([&] {
    for (int i = 0; i < 40 && made < kConnections; ++i, ++made) {
      const int fd = connect_blocking();
      ::send(fd, "some data", 9, MSG_NOSIGNAL | MSG_DONTWAIT);
      clients.push_back(fd);
    }
    while (clients.size() > (made < kConnections ? 30u : 0u)) {
      std::swap(clients[random() % clients.size()], clients.back());
      random() % 2 ? reset(clients.back()) : static_cast<void>(::close(clients.back()));
      clients.pop_back();
    }
    std::erase_if(connections, [](const auto& c) { return !c->stream; });
    return made == kConnections && accepted == kConnections && connections.empty();
  });
  EXPECT_EQ(accepted, kConnections);
  turn_until([&] {
    turn();
    return open_descriptors() <= before + 6;
  });
}

TEST_P(HardTcp, a_reset_is_told_once_while_reading_and_while_writing) {
  const int reader = connect_blocking();
  const int writer = connect_blocking();
  turn_until([&] { return accepted == 2; });
  ::send(reader, "x", 1, 0);
  turn_until([&] { return connections[0]->received + connections[1]->received == 1; });
  for (const auto& c : connections) {
    if (c->received == 0) c->stream->send(octets(0, 20'000'000));
  }
  turn();
  reset(reader);
  reset(writer);
  turn_until([&] { return connections[0]->over() && connections[1]->over(); });
  for (const auto& c : connections) EXPECT_FALSE(c->stream);
}

TEST_P(HardTcp, a_peer_that_never_reads_is_dropped_and_costs_nothing_afterwards) {
  std::vector<int> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(connect_blocking());
  turn_until([&] { return accepted == silent.size(); });
  for (const auto& c : connections) c->stream->send(octets(0, 5'000'000));
  for (int i = 0; i < 5; ++i) turn();
  for (const auto& c : connections) {
    EXPECT_GT(c->stream->unsent(), 0u);
    c->stream.reset();
  }
  turn();
  turn();
  for (const int fd : silent) {
    std::array<char, 65'536> buffer;
    ssize_t n = 0;
    while ((n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    }
    EXPECT_TRUE(n == 0 || errno == ECONNRESET) << "still open";
    ::close(fd);
  }
}

}  // namespace
