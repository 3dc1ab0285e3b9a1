#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>

#include <verdin/net/error.hpp>
#include <verdin/net/loop_stream.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/socket_pairs.hpp"
#include "support/stream_teller.hpp"
#include "support/tls_identity.hpp"

namespace verdin::net {
namespace {

using test::kLong;
using Teller = test::StreamTeller;

enum class Kind { plain, tls };

void PrintTo(Kind kind, std::ostream* out) { *out << (kind == Kind::plain ? "plain" : "tls"); }

struct TlsContexts {
  test::TlsIdentity identity{"DNS:server.test"};
  std::optional<TlsContext> server = identity.server();
  std::optional<TlsContext> client = identity.client();
};

/// Both ends of a connection, the handshake done.
std::pair<std::unique_ptr<StreamSocket>, std::unique_ptr<StreamSocket>> shaken_pair() {
  static const TlsContexts contexts;
  auto [ours, theirs] = test::tcp_pair();
  auto server = std::make_unique<TlsStream>(std::move(ours), *contexts.server);
  auto client = std::make_unique<TlsStream>(std::move(theirs), *contexts.client, "server.test");
  auto shaking = spawn([&] { client->handshake(kLong); });
  server->handshake(kLong);
  shaking.get();
  return {std::move(server), std::move(client)};
}

Socket& carrier(StreamSocket& stream) {
  auto* const tls = dynamic_cast<TlsStream*>(&stream);
  return tls ? tls->socket() : dynamic_cast<Socket&>(stream);
}

struct LoopStreamTest : testing::TestWithParam<Kind> {
  static std::pair<std::unique_ptr<StreamSocket>, std::unique_ptr<StreamSocket>> pair() {
    if (GetParam() == Kind::tls) return shaken_pair();
    auto [ours, theirs] = test::tcp_pair();
    return {std::make_unique<Socket>(std::move(ours)), std::make_unique<Socket>(std::move(theirs))};
  }

  /// Runs `body` with one end as a stream, whose handler is `teller`, and the other as a socket.
  template <typename Body>
  void with_pair(Body body) {
    run([&] {
      auto [ours, theirs] = pair();
      loop::StreamPtr stream = loop_stream(std::move(ours));
      Teller teller;
      stream->set_handler(&teller);
      body(stream, *theirs, teller);
      stream.reset();
    });
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, LoopStreamTest, testing::Values(Kind::plain, Kind::tls),
                         [](const auto& each) { return each.param == Kind::plain ? "plain" : "tls"; });

TEST_P(LoopStreamTest, CarriesOctetsBothWays) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    peer.send_all("hello");
    EXPECT_TRUE(teller.wait_for("hello"));
    stream->send("one ");
    stream->send_in_place() += "two ";
    stream->send(SharedBuffer::copy("three"));
    EXPECT_EQ(stream->unsent(), 13u);
    EXPECT_EQ(peer.recv_exactly(13, kLong), "one two three");
    EXPECT_EQ(stream->peer_address(), "127.0.0.1");
    EXPECT_GE(stream->fd(), 0);
    EXPECT_EQ(&stream->loop(), &Hub::current().loop());
  });
}

TEST_P(LoopStreamTest, TellsTheEnd) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    EXPECT_FALSE(stream->peer_gone());
    peer.send_all("bye");
    peer.shutdown_write();
    EXPECT_TRUE(teller.wait_until([&] { return teller.eof; }));
    EXPECT_EQ(teller.got, "bye");
    EXPECT_TRUE(stream->peer_gone());
    stream->send("still");
    EXPECT_EQ(peer.recv_exactly(5, kLong), "still");
  });
}

TEST_P(LoopStreamTest, TellsThatTheConnectionIsBroken) {
  with_pair([](loop::StreamPtr&, StreamSocket& peer, Teller& teller) {
    test::close_hard(carrier(peer));
    EXPECT_TRUE(teller.wait_until([&] { return teller.error.has_value(); }));
    EXPECT_EQ(*teller.error, std::errc::connection_reset);
  });
}

TEST_P(LoopStreamTest, DeliversNothingWhilePaused) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    stream->pause();
    peer.send_all("later");
    peer.shutdown_write();
    // The end can be seen all the same; by then the octets could have been delivered.
    while (!stream->peer_gone()) sleep(std::chrono::milliseconds(1));
    for (int i = 0; i < 10; ++i) sleep(std::chrono::milliseconds(0));
    EXPECT_EQ(teller.got, "");
    stream->resume();
    EXPECT_TRUE(teller.wait_until([&] { return teller.eof; }));
    EXPECT_EQ(teller.got, "later");
  });
}

TEST_P(LoopStreamTest, SaysWhenAllIsWritten) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    const std::string much(20'000'000, 'm');
    stream->send(much);
    stream->flush();
    EXPECT_EQ(stream->unsent(), much.size());
    EXPECT_FALSE(teller.drained);
    EXPECT_EQ(peer.recv_exactly(much.size(), kLong), much);
    EXPECT_TRUE(teller.wait_until([&] { return teller.drained; }));
    EXPECT_EQ(stream->unsent(), 0u);
  });
}

TEST_P(LoopStreamTest, RetiringSendsWhatIsQueuedAndWaitsForThePeer) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    peer.send_all("unread");
    EXPECT_TRUE(teller.wait_for("unread"));
    const std::string much(5'000'000, 'm');
    stream->send(much);
    loop::retire(std::move(stream));
    peer.send_all("too late");
    EXPECT_EQ(peer.recv_exactly(much.size(), kLong), much);
    EXPECT_EQ(peer.recv(1, kLong), "");
    EXPECT_EQ(teller.got, "unread");
  });
}

TEST_P(LoopStreamTest, ShowsWhatThePeerTakesPieceByPiece) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller&) {
    const std::string much(20'000'000, 'm');
    stream->send(much);
    EXPECT_EQ(peer.recv_exactly(1'000'000, kLong).size(), 1'000'000u);
    EXPECT_LT(stream->unsent(), much.size());
    EXPECT_GT(stream->unsent(), 0u);
  });
}

TEST_P(LoopStreamTest, APeerThatNeverReadsDoesNotKeepWhatIsRetired) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller&) {
    const std::string much(20'000'000, 'm');
    stream->send(much);
    char octet;
    peer.recv_exactly(std::span(&octet, 1), kLong);  // by now the writer stands in the midst of it
    const int fd = stream->fd();
    loop::retire(std::move(stream));
    while (::fcntl(fd, F_GETFD) >= 0) sleep(std::chrono::milliseconds(20));  // 5 seconds
  });
}

TEST_P(LoopStreamTest, WhatComesWithoutAHandlerWaitsForOne) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    peer.send_all("one");
    EXPECT_TRUE(teller.wait_for("one"));
    stream->set_handler(nullptr);
    peer.send_all("two");
    peer.shutdown_write();
    while (!stream->peer_gone()) sleep(std::chrono::milliseconds(1));
    for (int i = 0; i < 10; ++i) sleep(std::chrono::milliseconds(0));
    stream->set_handler(&teller);
    EXPECT_TRUE(teller.wait_until([&] { return teller.eof; }));
    EXPECT_EQ(teller.got, "onetwo");
  });
}

TEST_P(LoopStreamTest, DroppingClosesAtOnce) {
  with_pair([](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
    stream.reset();
    EXPECT_EQ(peer.recv(1, kLong), "");
    EXPECT_FALSE(teller.eof || teller.error);
  });
}

TEST_P(LoopStreamTest, MayBeDroppedInACallback) {
  for (const bool politely : {false, true}) {
    with_pair([&](loop::StreamPtr& stream, StreamSocket& peer, Teller& teller) {
      teller.then = [&] {
        stream->send("last");
        if (politely) return loop::retire(std::move(stream));
        stream.reset();
      };
      peer.send_all("x");
      EXPECT_EQ(peer.recv_all(100, kLong), politely ? "last" : "");
      EXPECT_EQ(teller.got, "x");
    });
  }
}

TEST_P(LoopStreamTest, MayBeDroppedBeforeItHasAHandler) {
  run([] {
    auto [ours, theirs] = pair();
    loop_stream(std::move(ours)).reset();
    EXPECT_EQ(theirs->recv(1, kLong), "");
  });
}

TEST(LoopStreamOverTls, ShakesHandsItself) {
  const test::TlsIdentity identity("DNS:server.test");
  run([&] {
    const TlsContext context = identity.server();
    const TlsContext trusting = identity.client();
    auto [ours, theirs] = test::tcp_pair();
    loop::StreamPtr stream = loop_stream(std::make_unique<TlsStream>(std::move(ours), context));
    Teller teller;
    stream->set_handler(&teller);
    TlsStream client(std::move(theirs), trusting, "server.test");
    client.send_all("hello", kLong);
    EXPECT_TRUE(teller.wait_for("hello"));
    const std::string much(3'000'000, 'm');
    stream->send(much);
    EXPECT_EQ(client.recv_exactly(much.size(), kLong), much);
    loop::retire(std::move(stream));
    EXPECT_EQ(client.recv(1, kLong), "");  // and it was said that this is the end
    client.close();
  });
}

}  // namespace
}  // namespace verdin::net
