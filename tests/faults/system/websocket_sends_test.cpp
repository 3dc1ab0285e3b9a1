// Sends of a WebSocket connection without memory: each allocation of each kind of send fails in turn. What
// throws has sent nothing, and is sent again; or the connection is cut. The peer never sees a wrong frame for
// a right one, nor a message twice, nor one too few.
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/shared_message.hpp>
#include <verdin/websocket/topics.hpp>

#include "system/failing_calls.h"

namespace verdin::test {
namespace {

namespace codec = protocol::websocket;
using codec::DecoderEvent;
using websocket::Connection;
using websocket::Opcode;
using websocket::Role;

class Handler final : public websocket::ConnectionHandler {
 public:
  void on_text(std::span<char>) override {}
  void on_binary(std::span<char>) override {}
  void on_close(const websocket::Close& close) override { code = close.code; }
  int code = 0;
};

enum class Compression { none, alone, taken_over };

struct Kind {
  const char* backend;
  Role role;
  Compression compression;
};

void PrintTo(const Kind& kind, std::ostream* out) {
  constexpr std::array<const char*, 3> kCompressions{"none", "alone", "taken_over"};
  *out << kind.backend << (kind.role == Role::server ? " server " : " client ")
       << kCompressions[static_cast<std::size_t>(kind.compression)];
}

std::optional<codec::DeflateParams> params_of(Compression compression) {
  if (compression == Compression::none) return std::nullopt;
  codec::DeflateParams params;
  params.server_no_context_takeover = params.client_no_context_takeover = compression == Compression::alone;
  return params;
}

websocket::Options options_of(Compression compression) {
  websocket::Options options;
  options.ping_interval = std::chrono::milliseconds(0);
  if (compression != Compression::none) options.deflate.emplace().threshold = 100;
  return options;
}

/// One connection over a socket, and what its peer makes of what comes.
class Pair {
 public:
  Pair(loop::Loop& loop, const Kind& kind, const websocket::Options& options)
      : loop_(loop), decoder_(kind.role == Role::server ? Role::client : Role::server, 100'000'000) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer_ = ends[0];
    const auto params = params_of(kind.compression);
    if (params) decoder_.enable_deflate(*params);
    connection = make_intrusive<Connection>(loop.adopt(ends[1]), options, handler, std::string_view(), params,
                                            kind.role);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() { ::close(peer_); }

  /// All that is on its way, until nothing more comes; and that it was cut, if it was.
  void read() {
    while (is_cut() && handler.code == 0) loop_.turn(true);
    for (int quiet = 0; quiet < 3;) {
      loop_.turn(false);
      std::string octets(1 << 20, '\0');
      const ssize_t count =
          ::recv(peer_, octets.data(), octets.size() - codec::kMessagePadding, MSG_DONTWAIT);
      quiet = count > 0 ? 0 : quiet + 1;
      if (count <= 0) continue;
      std::span<char> input(octets.data(), static_cast<std::size_t>(count));
      for (;;) {
        const DecoderEvent event = decoder_.next(input);
        if (event.kind == DecoderEvent::Kind::need_more) break;
        if (event.kind == DecoderEvent::Kind::failed) {
          ADD_FAILURE() << event.reason;
          return;
        }
        if (event.kind == DecoderEvent::Kind::text || event.kind == DecoderEvent::Kind::binary)
          received.emplace_back(event.payload.data(), event.payload.size());
      }
    }
  }

  /// Not by close().
  bool is_cut() const { return !connection->is_open() && !closed; }

  Handler handler;
  bool closed = false;
  IntrusivePtr<Connection> connection;
  std::vector<std::string> received;

 private:
  loop::Loop& loop_;
  int peer_ = -1;
  codec::FrameDecoder decoder_;
};

std::string message_of(std::size_t size, int salt) {
  std::string text(size, '\0');
  unsigned state = static_cast<unsigned>(salt) * 2654435761u + 1;
  for (char& c : text) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>('a' + (state >> 24) % 20);
  }
  return text;
}

/// A step: something is sent, in one call that may throw, and after it the peer is to have these.
struct Step {
  std::function<bool(Connection&)> call;
  std::vector<std::string> messages;
};

Step sends(std::string text) {
  return {[text](Connection& c) { return c.send_text(text); }, {text}};
}

std::vector<Step> script_of(Role role, websocket::Topics& topics) {
  std::vector<Step> steps;
  int salt = 0;
  for (const std::size_t size : {0, 10, 300, 5'000, 20'000, 100'000})
    steps.push_back(sends(message_of(size, ++salt)));
  for (const std::size_t size : {10, 20'000}) {
    const auto text = message_of(size, ++salt);
    steps.push_back({[text](Connection& c) {
                       websocket::MessageWriter writer(c);
                       writer.out() += text;
                       return writer.finish(Opcode::text);
                     },
                     {text}});
    const auto shared = message_of(size, ++salt);
    steps.push_back({[shared](Connection& c) {
                       websocket::SharedMessage message(Opcode::text, shared);
                       return c.send(message);
                     },
                     {shared}});
    const auto published = message_of(size, ++salt);
    steps.push_back(
        {[published, &topics](Connection&) { return topics.publish("all", published) > 0; }, {published}});
    if (role == Role::server) {
      const auto framed = message_of(size, ++salt);
      steps.push_back(
          {[framed](Connection& c) { return c.send_frame(codec::make_frame(Opcode::text, {framed})); },
           {framed}});
    }
  }
  const std::string first = message_of(3'000, ++salt), second = message_of(40'000, ++salt), third = "last",
                    meanwhile = message_of(2'000, ++salt), after = message_of(500, ++salt);
  steps.push_back({[](Connection& c) { return c.begin_message(Opcode::text); }, {}});
  for (const std::string& part : {first, second, third})
    steps.push_back({[part](Connection& c) { return c.send_part(part); }, {}});
  steps.push_back({[meanwhile](Connection& c) { return c.send_text(meanwhile); }, {}});
  steps.push_back({[](Connection& c) { return c.ping("!"); }, {}});
  steps.push_back({[](Connection& c) { return c.end_message(); }, {first + second + third, meanwhile}});
  steps.push_back(sends(after));
  return steps;
}

/// Plays the script with the n-th allocation of step `failing` failing, and the step tried again if it threw.
/// False: it has no n-th.
bool play(const Kind& kind, std::size_t failing, int n, bool reads, const websocket::Options& options) {
  const auto loop = loop::Loop::make(kind.backend);
  websocket::Topics topics;
  Pair pair(*loop, kind, options);
  topics.subscribe(*pair.connection, "all");
  const std::vector<Step> steps = script_of(kind.role, topics);
  std::vector<std::string> expected;
  bool struck = false;
  std::size_t at = 0;
  for (; at < steps.size() && pair.connection->is_open(); ++at) {
    const auto call = [&] { EXPECT_TRUE(steps[at].call(*pair.connection)) << "step " << at; };
    if (at == failing) {
      bool threw = false;
      failing_begin(failing_new, n, ENOMEM);
      try {
        steps[at].call(*pair.connection);
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      struck = failing_end() != 0;
      if (threw && pair.connection->is_open()) call();
      if (!pair.connection->is_open()) break;
    } else {
      call();
    }
    expected.insert(expected.end(), steps[at].messages.begin(), steps[at].messages.end());
    if (reads) pair.read();
  }
  pair.read();
  if (at < steps.size()) {
    EXPECT_TRUE(struck);
    EXPECT_EQ(pair.handler.code, 1006) << "it is told why";
    // What was queued may have been lost with the connection; what has come is right.
    EXPECT_LE(pair.received.size(), expected.size());
    expected.resize(std::min(expected.size(), pair.received.size()));
  }
  EXPECT_TRUE(pair.received == expected) << pair.received.size() << " of " << expected.size();
  return struck;
}

class WebSocketSends : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(WithoutMemory, WebSocketSends,
                         testing::Values(Kind{"epoll", Role::server, Compression::none},
                                         Kind{"epoll", Role::server, Compression::alone},
                                         Kind{"epoll", Role::server, Compression::taken_over},
                                         Kind{"epoll", Role::client, Compression::none},
                                         Kind{"epoll", Role::client, Compression::taken_over},
                                         Kind{"uring", Role::server, Compression::none},
                                         Kind{"uring", Role::server, Compression::taken_over}));

void sweep(const Kind& kind, bool reads, const websocket::Options& options) {
  int failed = 0;
  std::size_t steps;
  {
    websocket::Topics topics;
    steps = script_of(kind.role, topics).size();
  }
  for (std::size_t step = 0; step < steps; ++step) {
    for (int n = 1; n < 200; ++n) {
      SCOPED_TRACE("step " + std::to_string(step) + ", allocation " + std::to_string(n));
      if (!play(kind, step, n, reads, options)) break;
      ++failed;
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(failed, 8);
}

TEST_P(WebSocketSends, are_whole_or_nothing_for_a_peer_who_reads) {
  sweep(GetParam(), true, options_of(GetParam().compression));
}

TEST_P(WebSocketSends, are_whole_or_nothing_for_a_peer_who_is_slow) {
  sweep(GetParam(), false, options_of(GetParam().compression));
}

// Watching a slow peer takes memory, too.
TEST_P(WebSocketSends, are_whole_or_nothing_above_the_limit) {
  websocket::Options options = options_of(GetParam().compression);
  options.send_limit = 30'000;
  options.drop_limit = 100'000'000;
  sweep(GetParam(), false, options);
}

// Who can be given it has it, once.
TEST(WebSocketPublish, reaches_the_others_without_memory_for_one) {
  const Kind kind{"epoll", Role::server, Compression::none};
  int failed = 0, cut = 0;
  for (int n = 1;; ++n) {
    const auto loop = loop::Loop::make(kind.backend);
    websocket::Topics topics;
    std::vector<std::unique_ptr<Pair>> pairs;
    for (int i = 0; i < 3; ++i) {
      pairs.push_back(std::make_unique<Pair>(*loop, kind, options_of(kind.compression)));
      topics.subscribe(*pairs.back()->connection, "all");
    }
    const std::string text = message_of(1'000, 1);
    bool threw = false;
    failing_begin(failing_new, n, ENOMEM);
    try {
      topics.publish("all", text);
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    const bool struck = failing_end() != 0;
    if (threw) {
      EXPECT_EQ(topics.publish("all", text), 3u);
    }
    for (const auto& pair : pairs) {
      const bool open = pair->connection->is_open();
      pair->read();
      EXPECT_EQ(pair->received, std::vector<std::string>(open ? 1 : 0, text));
      EXPECT_EQ(pair->handler.code, open ? 0 : 1006);
      if (!open) ++cut;
    }
    if (!struck) break;
    ++failed;
  }
  EXPECT_GT(failed, 2);
  EXPECT_GT(cut, 0);
}

// A close that cannot be said has not begun.
TEST(WebSocketClose, is_said_or_has_not_begun_without_memory) {
  const Kind kind{"epoll", Role::server, Compression::none};
  int failed = 0;
  for (bool struck = true; struck; ++failed) {
    const auto loop = loop::Loop::make(kind.backend);
    Pair pair(*loop, kind, options_of(kind.compression));
    bool threw = false;
    failing_begin(failing_new, failed + 1, ENOMEM);
    try {
      pair.connection->close();
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    struck = failing_end() != 0;
    pair.closed = !threw;
    EXPECT_EQ(threw, pair.connection->is_open());
    EXPECT_EQ(pair.connection->send_text("still there"), threw);
    pair.read();
    EXPECT_EQ(pair.received.size(), threw ? 1u : 0u);
  }
  EXPECT_GT(failed, 1);
}

}  // namespace
}  // namespace verdin::test
