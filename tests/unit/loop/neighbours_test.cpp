// Several streams with something to read in one turn, where the handler of one does something to the others:
// what the loop has read of those already is neither lost nor told to who may not hear it.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
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

constexpr std::size_t kStreams = 5;

struct Neighbour : StreamHandler {
  virtual ~Neighbour() = default;
  void on_data(std::span<char> data) override {
    received.append(data.data(), data.size());
    if (then) then(*this);
  }
  void on_eof() override { ++eofs; }
  void on_error(std::error_code) override { ++errors; }
  void on_drained() override {
    if (++drained == 1 && when_drained) when_drained();
  }

  int peer = -1;
  StreamPtr stream;
  std::string received;
  int eofs = 0;
  int errors = 0;
  int drained = 0;
  std::function<void(Neighbour&)> then;
  std::function<void()> when_drained;
};

class NeighboursTest : public testing::TestWithParam<const char*> {
 protected:
  NeighboursTest() : loop(Loop::make(GetParam())) {}
  void SetUp() override {
    if (fell_back(*loop, GetParam())) GTEST_SKIP() << "there is no " << GetParam() << " here";
    for (Neighbour& each : all) connect(each);
    loop->turn(false);  // all are watched
  }
  ~NeighboursTest() override {
    for (const Neighbour& each : all) {
      if (each.peer >= 0) ::close(each.peer);
    }
  }

  void connect(Neighbour& each) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    if (each.peer >= 0) ::close(each.peer);
    each.peer = pair[0];
    each.stream = loop->adopt(pair[1]);
    each.stream->set_handler(&each);
  }
  void connect_by_tcp(Neighbour& each) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listener, generic, size), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    ASSERT_EQ(::getsockname(listener, generic, &size), 0);
    each.peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(each.peer, generic, size), 0);
    each.stream = loop->adopt(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    each.stream->set_handler(&each);
    ::close(listener);
  }
  /// Says something to all; whoever hears it first does that to each other one.
  void first_does(const std::function<void(Neighbour&)>& what, std::string_view text = "one ") {
    for (Neighbour& each : all) {
      each.then = [this, what](Neighbour& heard) {
        if (std::exchange(first, first ? first : &heard)) return;
        for_others(what);
      };
      say(each, text);
    }
    turn_until([&] { return first != nullptr; });
  }
  static void say(const Neighbour& to, std::string_view text) {
    ASSERT_EQ(::send(to.peer, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  void for_others(const std::function<void(Neighbour&)>& what) {
    for (Neighbour& each : all) {
      if (&each != first) what(each);
    }
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
  void turns(int count) {
    for (int i = 0; i < count; ++i) loop->turn(false);
  }
  /// As turn_until(), for handlers that throw. How often they did.
  template <typename Condition>
  int turn_and_catch_until(Condition condition) {
    int caught = 0;
    for (const auto give_up = Clock::now() + 10s; !condition();) {
      if (Clock::now() > give_up) {
        ADD_FAILURE() << "it does not come";
        break;
      }
      Timer tick(
          *loop, [](void*) {}, nullptr);
      tick.start(5ms);
      try {
        loop->turn(true);
      } catch (const std::runtime_error&) {
        ++caught;
      }
    }
    return caught;
  }

  std::unique_ptr<Loop> loop;
  std::array<Neighbour, kStreams> all;
  Neighbour* first = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Backends, NeighboursTest, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(NeighboursTest, each_hears_its_own) {
  for (Neighbour& each : all) {
    each.then = [](Neighbour& heard) { heard.stream->send(heard.received); };
    say(each, std::string(static_cast<std::size_t>(&each - all.data()) * 9'000 + 1, 'x'));
  }
  for (Neighbour& each : all) {
    const std::size_t size = static_cast<std::size_t>(&each - all.data()) * 9'000 + 1;
    turn_until([&] { return each.received.size() >= size; });
    EXPECT_EQ(each.received, std::string(size, 'x'));
  }
}

TEST_P(NeighboursTest, one_that_is_paused_hears_it_when_it_is_resumed_and_in_order) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  for_others([](Neighbour& other) { say(other, "two"); });
  turns(3);
  for_others([](Neighbour& other) {
    EXPECT_EQ(other.received, "");
    other.stream->resume();
  });
  for_others([&](Neighbour& other) {
    turn_until([&] { return other.received.size() >= 7; });
    EXPECT_EQ(other.received, "one two");
  });
}

TEST_P(NeighboursTest, one_that_is_resumed_and_paused_again_goes_on_waiting) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  for_others([](Neighbour& other) {
    other.stream->resume();
    other.stream->pause();
  });
  turns(3);
  for_others([](Neighbour& other) {
    EXPECT_EQ(other.received, "");
    other.stream->resume();
    other.stream->resume();
  });
  for_others([&](Neighbour& other) { turn_until([&] { return other.received == "one "; }); });
  turns(3);
  for_others([](Neighbour& other) { EXPECT_EQ(other.received, "one "); });
}

TEST_P(NeighboursTest, its_end_comes_behind_what_it_has_said) {
  for (Neighbour& each : all) {
    each.then = [this](Neighbour& heard) {
      if (std::exchange(first, first ? first : &heard)) return;
      for_others([](Neighbour& other) { other.stream->pause(); });
    };
    say(each, "one ");
    ::shutdown(each.peer, SHUT_WR);
  }
  turn_until([&] { return first && first->eofs == 1; });
  turns(3);
  for_others([](Neighbour& other) {
    EXPECT_EQ(other.received, "");
    EXPECT_EQ(other.eofs, 0);
    other.stream->resume();
  });
  for_others([&](Neighbour& other) {
    turn_until([&] { return other.eofs == 1; });
    EXPECT_EQ(other.received, "one ");
    EXPECT_EQ(other.errors, 0);
  });
}

TEST_P(NeighboursTest, the_end_of_one_that_is_paused_waits_too) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  for_others([](Neighbour& other) { ::shutdown(other.peer, SHUT_WR); });
  turns(3);
  for_others([](Neighbour& other) {
    EXPECT_EQ(other.eofs, 0);
    other.stream->resume();
  });
  for_others([&](Neighbour& other) {
    turn_until([&] { return other.eofs == 1; });
    EXPECT_EQ(other.received, "one ");
  });
}

TEST_P(NeighboursTest, one_that_loses_its_handler_tells_the_next_one) {
  first_does([](Neighbour& other) { other.stream->set_handler(nullptr); });
  turns(3);
  std::array<Neighbour, kStreams> next;
  for_others([&](Neighbour& other) {
    EXPECT_EQ(other.received, "");
    other.stream->set_handler(&next[static_cast<std::size_t>(&other - all.data())]);
  });
  for_others([&](Neighbour& other) {
    Neighbour& heir = next[static_cast<std::size_t>(&other - all.data())];
    turn_until([&] { return heir.received == "one "; });
    EXPECT_EQ(other.received, "");
  });
  for_others([](Neighbour& other) { other.stream.reset(); });
}

TEST_P(NeighboursTest, one_that_is_dropped_says_nothing_more) {
  first_does([](Neighbour& other) { other.stream.reset(); });
  turns(3);
  for_others([](Neighbour& other) {
    EXPECT_EQ(other.received, "");
    EXPECT_EQ(other.eofs + other.errors, 0);
    char octet;
    EXPECT_EQ(::recv(other.peer, &octet, 1, MSG_DONTWAIT), 0);
  });
}

TEST_P(NeighboursTest, one_that_is_dropped_while_something_waits_for_it_says_nothing_more) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  turns(1);
  for_others([](Neighbour& other) {
    other.stream->resume();
    other.stream.reset();
  });
  turns(3);
  for_others([](Neighbour& other) { EXPECT_EQ(other.received, ""); });
}

/// The next stream may well lie where it did.
TEST_P(NeighboursTest, what_waited_for_one_that_was_dropped_is_no_others) {
  for (int round = 0; round < 3; ++round) {
    first = nullptr;
    for (Neighbour& each : all) {
      each.received.clear();
      if (!each.stream) connect(each);
    }
    const std::string text = "round " + std::to_string(round);
    first_does([](Neighbour& other) { other.stream->pause(); }, text);
    turns(3);
    for_others([](Neighbour& other) { EXPECT_EQ(other.received, ""); });
    if (round == 2) {
      for_others([&](Neighbour& other) {
        other.stream->resume();
        turn_until([&] { return !other.received.empty(); });
        EXPECT_EQ(other.received, text);
      });
    }
    for (Neighbour& each : all) each.stream.reset();
    turns(2);
  }
}

TEST_P(NeighboursTest, one_that_is_retired_writes_its_last_and_closes) {
  first_does([](Neighbour& other) {
    other.stream->send("bye");
    retire(std::move(other.stream));
  });
  for_others([&](Neighbour& other) {
    std::string said;
    turn_until([&] {
      char octets[16];
      const ssize_t n = ::recv(other.peer, octets, sizeof octets, MSG_DONTWAIT);
      if (n > 0) said.append(octets, static_cast<std::size_t>(n));
      return n == 0;
    });
    EXPECT_EQ(said, "bye");
    EXPECT_EQ(other.received, "");
  });
}

TEST_P(NeighboursTest, what_one_throws_costs_the_others_nothing) {
  int thrown = 0;
  for (Neighbour& each : all) {
    each.then = [&](Neighbour&) {
      if (++thrown <= 2) throw std::runtime_error("heard enough");
    };
    say(each, "one ");
  }
  int caught = 0;
  const auto all_have_heard = [&] {
    return std::all_of(all.begin(), all.end(), [](const Neighbour& each) { return each.received == "one "; });
  };
  for (const auto give_up = Clock::now() + 10s; !all_have_heard() && Clock::now() < give_up;) {
    try {
      loop->turn(false);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  EXPECT_EQ(caught, 2);
  turns(3);
  for (const Neighbour& each : all) EXPECT_EQ(each.received, "one ");
}

TEST_P(NeighboursTest, what_waits_for_one_that_is_resumed_keeps_the_loop_from_waiting) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  turns(2);
  for_others([](Neighbour& other) { other.stream->resume(); });
  Timer late(
      *loop, [](void*) {}, nullptr);
  late.start(60s);
  const auto began = Clock::now();
  const auto all_have_heard = [&] {
    return std::all_of(all.begin(), all.end(), [](const Neighbour& each) { return each.received == "one "; });
  };
  while (!all_have_heard() && Clock::now() - began < 30s) loop->turn(true);
  EXPECT_TRUE(all_have_heard());
  EXPECT_LT(Clock::now() - began, 30s);
}

/// They lie in the loop's buffer by then: nothing that the kernel tells of would end the wait.
TEST_P(NeighboursTest, what_is_left_behind_a_throw_keeps_the_loop_from_waiting) {
  for (Neighbour& each : all) {
    each.then = [&](Neighbour& heard) {
      if (!std::exchange(first, first ? first : &heard)) throw std::runtime_error("heard enough");
    };
    say(each, "one ");
  }
  bool thrown = false;
  for (const auto give_up = Clock::now() + 10s; !thrown && Clock::now() < give_up;) {
    try {
      loop->turn(false);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
  }
  ASSERT_TRUE(thrown);
  EXPECT_TRUE(loop->has_work());
  Timer late(
      *loop, [](void*) {}, nullptr);
  late.start(60s);
  const auto began = Clock::now();
  const auto all_have_heard = [&] {
    return std::all_of(all.begin(), all.end(), [](const Neighbour& each) { return each.received == "one "; });
  };
  while (!all_have_heard() && Clock::now() - began < 30s) loop->turn(true);
  EXPECT_TRUE(all_have_heard());
  EXPECT_LT(Clock::now() - began, 30s);
}

TEST_P(NeighboursTest, a_throw_and_pauses_lose_nothing_before_an_end) {
  std::minstd_rand random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<Neighbour> many(28);
    bool thrown = false;
    int heard = 0;
    for (Neighbour& each : many) {
      connect(each);
      each.then = [&](Neighbour&) {
        if (!std::exchange(thrown, true)) throw std::runtime_error("heard enough");
        if (++heard < 16) return;
        for (int i = 0; i < 9; ++i) {
          Neighbour& other = many[random() % many.size()];
          random() % 2 ? other.stream->pause() : other.stream->resume();
        }
      };
    }
    turns(1);
    for (const Neighbour& each : many) {
      say(each, "one ");
      ::shutdown(each.peer, SHUT_WR);
    }
    for (int i = 0; i < 6; ++i) {
      try {
        turns(1);
      } catch (const std::runtime_error&) {
        EXPECT_TRUE(thrown);
      }
    }
    for (Neighbour& each : many) {
      each.then = nullptr;
      each.stream->resume();
    }
    for (Neighbour& each : many) {
      turn_until([&] { return each.eofs == 1; });
      EXPECT_EQ(each.received, "one ");
      ::close(each.peer);
    }
  }
}

/// More streams, and more of each, than are read in a row.
TEST_P(NeighboursTest, a_turn_hears_all_that_lies_there) {
  if (std::string_view(GetParam()) == "uring") GTEST_SKIP() << "there the kernel reads, when it likes";
  std::vector<Neighbour> many(40);
  for (Neighbour& each : many) connect(each);
  turns(1);
  for (const Neighbour& each : many) say(each, std::string(9'000, 'x'));
  turns(1);
  for (Neighbour& each : many) {
    EXPECT_EQ(each.received.size(), 9'000u);
    each.stream.reset();
    ::close(each.peer);
  }
}

/// More than are handed to the kernel in a row, of every kind that there is.
TEST_P(NeighboursTest, what_many_send_in_one_turn_is_each_ones_own) {
  enum Kind { plain, shared, large, full, broken, retired, closed, kinds };
  std::vector<Neighbour> many(70);
  std::vector<std::string> expected(many.size());
  const auto kind_of = [](std::size_t i) { return static_cast<Kind>((i + i / kinds) % kinds); };
  for (std::size_t i = 0; i < many.size(); ++i) {
    connect(many[i]);
    if (kind_of(i) == broken) ::close(std::exchange(many[i].peer, -1));
  }
  for (std::size_t i = 0; i < many.size(); ++i) {
    std::string& text = expected[i];
    const auto send = [&](std::string piece) {
      many[i].stream->send(piece);
      text += piece;
    };
    send("I am " + std::to_string(i) + ". ");
    if (kind_of(i) == large) send(std::string(12'000, static_cast<char>('a' + i % 26)));
    if (kind_of(i) == full) {
      const int room = 64 * 1024;
      ASSERT_EQ(::setsockopt(many[i].stream->fd(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
      for (int n = 0; n < 50; ++n) send(std::string(10'000, static_cast<char>('a' + n % 26)));
    }
    if (kind_of(i) == shared) {
      const std::string piece(3'000, static_cast<char>('a' + i % 26));
      many[i].stream->send(verdin::SharedBuffer::copy(piece));
      text += piece;
      send("behind it");
    }
    if (kind_of(i) == retired) retire(std::move(many[i].stream));
    if (kind_of(i) == closed) many[i].stream.reset();
  }
  turns(1);
  for (std::size_t i = 0; i < many.size(); ++i) {
    SCOPED_TRACE(i);
    if (kind_of(i) == broken) {
      turn_until([&] { return many[i].errors + many[i].eofs > 0; });
      continue;
    }
    std::string got;
    bool ended = false;
    const bool ends = kind_of(i) == retired || kind_of(i) == closed;
    if (kind_of(i) == full) {
      EXPECT_GT(many[i].stream->unsent(), 0u);
    }
    turn_until([&] {
      std::string piece(1 << 20, '\0');
      const ssize_t n = ::recv(many[i].peer, piece.data(), piece.size(), MSG_DONTWAIT);
      if (n > 0) got.append(piece, 0, static_cast<std::size_t>(n));
      ended = n == 0;
      return ends ? ended : got.size() >= expected[i].size();
    });
    EXPECT_EQ(ended, ends);
    EXPECT_TRUE(kind_of(i) == closed || got == expected[i]);
    if (kind_of(i) == full) turn_until([&] { return many[i].drained == 1; });
    EXPECT_EQ(many[i].errors, 0);
  }
  for (Neighbour& each : many) {
    each.stream.reset();
    if (each.peer >= 0) ::close(each.peer);
  }
}

/// One whose peer has reset it, over TCP.
TEST_P(NeighboursTest, an_error_is_told_when_there_is_somebody_who_hears_it) {
  for (const bool by_pause : {true, false}) {
    first = nullptr;
    std::array<Neighbour, 4> some;
    for (Neighbour& each : some) connect_by_tcp(each);
    turns(2);
    for (Neighbour& each : some) {
      each.then = [&](Neighbour& heard) {
        if (std::exchange(first, first ? first : &heard)) return;
        for (Neighbour& other : some) {
          if (&other == first) continue;
          by_pause ? other.stream->pause() : other.stream->set_handler(nullptr);
        }
      };
    }
    // All but one: whoever is told of that one last has found the others' resets read.
    for (std::size_t i = 1; i < some.size(); ++i) {
      const linger reset{1, 0};
      ::setsockopt(some[i].peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      ::close(std::exchange(some[i].peer, -1));
    }
    say(some[0], "one ");
    turn_until([&] { return first != nullptr; });
    turns(3);
    for (Neighbour& each : some) {
      if (&each == first) continue;
      by_pause ? each.stream->resume() : each.stream->set_handler(&each);
      turn_until([&] { return each.errors + each.eofs > 0; });
      EXPECT_EQ(each.errors, 1);
    }
    ::close(some[0].peer);
  }
}

/// One of those that are resumed drops its stream and throws, another is resumed behind that.
TEST_P(NeighboursTest, what_one_throws_does_not_keep_what_waits_from_the_others) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  turns(3);
  Neighbour* thrower = nullptr;
  Neighbour* late = nullptr;
  for_others([&](Neighbour& other) {
    EXPECT_EQ(other.received, "");
    late = &other;
    other.then = [&](Neighbour& heard) {
      if (std::exchange(thrower, thrower ? thrower : &heard)) return;
      heard.stream.reset();
      throw std::runtime_error("heard enough");
    };
  });
  for_others([&](Neighbour& other) {
    if (&other != late) other.stream->resume();
  });
  const int caught = turn_and_catch_until([&] {
    return std::all_of(all.begin(), all.end(),
                       [&](const Neighbour& each) { return &each == late || each.received == "one "; });
  });
  EXPECT_EQ(caught, 1);
  late->stream->resume();
  turn_until([&] { return late->received == "one "; });
  turns(3);
  for (const Neighbour& each : all) EXPECT_EQ(each.received, "one ");
}

/// More than one turn's share, and an end.
TEST_P(NeighboursTest, one_that_throws_hears_the_rest_and_the_end) {
  Neighbour& it = all[0];
  std::string text(150'000, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  std::size_t said = 0;
  const auto say_more = [&] {
    if (said == text.size()) return true;
    const ssize_t n = ::send(it.peer, text.data() + said, text.size() - said, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) said += static_cast<std::size_t>(n);
    if (said == text.size()) ::shutdown(it.peer, SHUT_WR);
    return said == text.size();
  };
  it.then = [](Neighbour&) { throw std::runtime_error("each time"); };
  const int caught = turn_and_catch_until([&] { return say_more() && it.eofs == 1; });
  EXPECT_GE(caught, 1);
  EXPECT_EQ(it.received, text);
  turns(3);
  EXPECT_EQ(it.eofs, 1);
  EXPECT_EQ(it.errors, 0);
}

TEST_P(NeighboursTest, what_waited_is_followed_by_its_end_though_the_handler_throws) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  for_others([](Neighbour& other) { ::shutdown(other.peer, SHUT_WR); });
  turns(3);
  for_others([](Neighbour& other) {
    other.then = [](Neighbour&) { throw std::runtime_error("heard enough"); };
    other.stream->resume();
  });
  int thrown = 0;
  for_others([&](Neighbour& other) {
    thrown += turn_and_catch_until([&] { return other.eofs == 1; });
    EXPECT_EQ(other.received, "one ");
  });
  EXPECT_EQ(thrown, static_cast<int>(kStreams) - 1);
  turns(3);
  for_others([](Neighbour& other) { EXPECT_EQ(other.eofs, 1); });
}

TEST_P(NeighboursTest, one_that_pauses_at_its_last_octets_hears_the_end_when_it_is_resumed) {
  first_does([](Neighbour& other) { other.stream->pause(); });
  for_others([](Neighbour& other) { ::shutdown(other.peer, SHUT_WR); });
  turns(3);
  for_others([](Neighbour& other) {
    other.then = [](Neighbour& heard) { heard.stream->pause(); };
    other.stream->resume();
  });
  for_others([&](Neighbour& other) { turn_until([&] { return other.received == "one "; }); });
  turns(3);
  for_others([&](Neighbour& other) {
    EXPECT_EQ(other.eofs, 0);
    other.stream->resume();
    turn_until([&] { return other.eofs == 1; });
    EXPECT_EQ(other.received, "one ");
  });
}

TEST_P(NeighboursTest, each_is_told_once_that_it_has_drained_though_one_throws) {
  const std::string much(4 << 20, 'x');
  bool thrown = false;
  for (Neighbour& each : all) {
    each.when_drained = [&] {
      if (!std::exchange(thrown, true)) throw std::runtime_error("told");
    };
    each.stream->send(much);
  }
  std::array<char, 65536> octets;
  const auto read_all = [&] {
    for (const Neighbour& each : all) {
      while (::recv(each.peer, octets.data(), octets.size(), MSG_DONTWAIT) > 0) {
      }
    }
    return std::all_of(all.begin(), all.end(), [](const Neighbour& each) { return each.drained > 0; });
  };
  EXPECT_EQ(turn_and_catch_until(read_all), 1);
  turns(3);
  for (const Neighbour& each : all) EXPECT_EQ(each.drained, 1);
}

TEST_P(NeighboursTest, that_one_broke_while_it_had_no_handler_is_told_to_the_next_one) {
  Neighbour& it = all[0];
  it.stream->set_handler(nullptr);
  turns(2);
  ::close(std::exchange(it.peer, -1));
  it.stream->send("to nobody");
  turns(3);
  EXPECT_EQ(it.errors, 0);
  it.stream->set_handler(&it);
  turn_until([&] { return it.errors == 1; });
  it.stream->set_handler(nullptr);
  it.stream->set_handler(&it);
  turns(3);
  EXPECT_EQ(it.errors, 1);
}

TEST_P(NeighboursTest, a_child_process_hears_nothing_of_it_and_the_parent_all) {
  pid_t child = -1;
  const pid_t self = ::getpid();
  first_does([&](Neighbour&) {
    if (child < 0) child = ::fork();
  });
  if (::getpid() != self) {
    turns(3);
    bool silent = true;
    for_others([&](Neighbour& other) { silent = silent && other.received.empty(); });
    ::_exit(silent ? 0 : 1);
  }
  for (const Neighbour& each : all) turn_until([&] { return each.received == "one "; });
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
