#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/run.hpp>
#include <verdin/websocket/topics.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_fake_stream.hpp"
#include "support/websocket_raw_client.hpp"

namespace verdin::websocket {
namespace {

using protocol::websocket::make_compressed_frame;
using protocol::websocket::make_frame;
using test::FakeLoop;
using test::FakePeer;
using test::FakeStream;

/// A connection whose peer is the test.
class Reader final : public ConnectionHandler {
 public:
  explicit Reader(loop::Loop& loop, const Options& options = {},
                  const std::optional<protocol::websocket::DeflateParams>& deflate = {})
      : connection(make_intrusive<Connection>(FakeStream::make(loop, peer), options, *this, "", deflate)) {}

  /// What has arrived by the end of the turn.
  std::string take() {
    peer.end_turn();
    return peer.take_received();
  }

  void on_text(std::span<char>) override {}
  void on_binary(std::span<char>) override {}
  void on_close(const Close&) override { closed = true; }

  FakePeer peer;
  bool closed = false;
  IntrusivePtr<Connection> connection;
};

std::string text_frame(std::string_view text) { return std::string(make_frame(Opcode::text, {text}).view()); }

TEST(Topics, WhatIsPublishedGoesToItsSubscribers) {
  FakeLoop loop;
  Topics topics;
  Reader a(loop), b(loop), c(loop);
  EXPECT_TRUE(topics.subscribe(*a.connection, "news"));
  EXPECT_TRUE(topics.subscribe(*b.connection, "news"));
  EXPECT_TRUE(topics.subscribe(*b.connection, "sport"));
  EXPECT_FALSE(topics.subscribe(*b.connection, "sport"));
  EXPECT_EQ(topics.subscribers("news"), 2u);
  EXPECT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics.publish("news", "rain"), 2u);
  EXPECT_EQ(topics.publish("sport", "goal"), 1u);
  EXPECT_EQ(topics.publish("nobody", "here"), 0u);
  EXPECT_EQ(a.take(), text_frame("rain"));
  EXPECT_EQ(b.take(), text_frame("rain") + text_frame("goal"));
  EXPECT_EQ(c.take(), "");
  EXPECT_EQ(topics.publish("news", "snow", *a.connection), 1u);
  EXPECT_EQ(a.take(), "");
  EXPECT_EQ(b.take(), text_frame("snow"));
  EXPECT_EQ(topics.publish_binary("sport", "\x01\x02"), 1u);
  EXPECT_EQ(b.take(), make_frame(Opcode::binary, {"\x01\x02"}).view());
}

TEST(Topics, UnsubscribingAndEndsOfConnectionsLeave) {
  FakeLoop loop;
  Topics topics;
  Reader a(loop), b(loop), c(loop);
  for (Reader* each : {&a, &b, &c}) topics.subscribe(*each->connection, "news");
  EXPECT_TRUE(topics.unsubscribe(*a.connection, "news"));
  EXPECT_FALSE(topics.unsubscribe(*a.connection, "news"));
  EXPECT_FALSE(topics.unsubscribe(*a.connection, "other"));
  EXPECT_FALSE(topics.is_subscribed(*a.connection, "news"));
  EXPECT_TRUE(topics.is_subscribed(*b.connection, "news"));
  b.peer.handler->on_eof();
  EXPECT_TRUE(b.closed);
  EXPECT_EQ(topics.subscribers("news"), 1u);
  EXPECT_FALSE(topics.subscribe(*b.connection, "news"));  // it is closed
  c.connection->abort();
  EXPECT_EQ(topics.size(), 0u);
  EXPECT_EQ(topics.publish("news", "x"), 0u);
}

TEST(Topics, AConnectionThatIsDroppedOrClosesGetsNothingMore) {
  FakeLoop loop;
  Topics topics;
  Reader a(loop), b(loop);
  topics.subscribe(*a.connection, "news");
  topics.subscribe(*b.connection, "news");
  a.connection.reset();
  EXPECT_EQ(topics.subscribers("news"), 1u);
  b.connection->close();
  EXPECT_EQ(topics.publish("news", "x"), 0u);
}

TEST(Topics, LongNamesAreRefused) {
  FakeLoop loop;
  Topics topics;
  Reader a(loop);
  const std::string longest(kMaxTopicName, 'n'), longer(kMaxTopicName + 1, 'n'), far_longer(10'000, '\0');
  EXPECT_TRUE(topics.subscribe(*a.connection, longest));
  EXPECT_EQ(topics.publish(longest, "x"), 1u);
  EXPECT_EQ(a.take(), text_frame("x"));
  for (const std::string& name : {longer, far_longer}) {
    EXPECT_THROW(topics.subscribe(*a.connection, name), std::length_error);
    EXPECT_FALSE(topics.is_subscribed(*a.connection, name));
    EXPECT_FALSE(topics.unsubscribe(*a.connection, name));
    EXPECT_EQ(topics.publish(name, "x"), 0u);
    EXPECT_EQ(topics.subscribers(name), 0u);
  }
  EXPECT_EQ(topics.size(), 1u);
  EXPECT_EQ(a.take(), "");
  EXPECT_FALSE(a.closed);
}

TEST(Topics, MayBeDestroyedBeforeItsConnections) {
  FakeLoop loop;
  Reader a(loop);
  Topics others;
  {
    Topics topics;
    topics.subscribe(*a.connection, "news");
    others.subscribe(*a.connection, "news");
    topics.subscribe(*a.connection, "more");
  }
  EXPECT_EQ(others.publish("news", "still"), 1u);
  EXPECT_EQ(a.take(), text_frame("still"));
}

TEST(Topics, APeerThatDoesNotReadHoldsNobodyUp) {
  FakeLoop loop;
  Topics topics;
  Options options;
  options.send_limit = 100;
  options.drop_limit = 200;
  Reader slow(loop, options), other(loop, options);
  slow.peer.room = 0;
  topics.subscribe(*slow.connection, "news");
  topics.subscribe(*other.connection, "news");
  const std::string text(90, 'x');
  for (int i = 0; i < 5; ++i) {
    topics.publish("news", text);
    EXPECT_EQ(other.take(), text_frame(text));
  }
  EXPECT_FALSE(slow.connection->is_open());
  loop.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(slow.closed);
  EXPECT_EQ(topics.subscribers("news"), 1u);
}

TEST(Topics, CompressesOnceForAllThatTakeNothingOver) {
  FakeLoop loop;
  Topics topics;
  Options options;
  options.deflate.emplace().threshold = 10;
  protocol::websocket::DeflateParams alone;
  alone.server_no_context_takeover = true;
  protocol::websocket::DeflateParams narrow = alone;
  narrow.server_max_window_bits = 9;
  const protocol::websocket::DeflateParams takes_over;
  Reader a(loop, options, alone), b(loop, options, alone), c(loop, options, narrow),
      d(loop, options, takes_over), e(loop);
  for (Reader* each : {&a, &b, &c, &d, &e}) topics.subscribe(*each->connection, "news");
  const std::string text(3000, 'x');
  SharedMessage message(Opcode::text, text);
  EXPECT_EQ(topics.publish("news", message), 5u);
  const std::string first = a.take();
  EXPECT_LT(first.size(), 100u);
  EXPECT_EQ(static_cast<unsigned char>(first[0]), 0xC1);
  EXPECT_EQ(b.take(), first);
  protocol::websocket::Deflater deflater(narrow, *options.deflate);
  std::string compressed;
  deflater.deflate(text, compressed);
  EXPECT_EQ(c.take(), make_compressed_frame(Opcode::text, compressed).view());
  EXPECT_EQ(static_cast<unsigned char>(d.take()[0]), 0xC1);
  EXPECT_EQ(e.take(), text_frame(text));
  topics.publish("news", "short");
  EXPECT_EQ(a.take(), text_frame("short"));
}

/// Where the octets of the last frame lie that was sent to it by reference, which keeps them there.
const char* frame_at(const Reader& reader) { return reader.peer.shared.view().data(); }

TEST(Topics, EncodesOnceForAll) {
  FakeLoop loop;
  Topics topics;
  Options options;
  options.deflate.emplace().threshold = 10;
  protocol::websocket::DeflateParams alone;
  alone.server_no_context_takeover = true;
  protocol::websocket::DeflateParams narrow = alone;
  narrow.server_max_window_bits = 9;
  Reader plain(loop), plain_too(loop), plain_as_well(loop);
  Reader packed(loop, options, alone), packed_too(loop, options, alone), packed_as_well(loop, options, alone);
  Reader narrower(loop, options, narrow), narrower_too(loop, options, narrow);
  for (Reader* each :
       {&plain, &packed, &narrower, &plain_too, &packed_too, &narrower_too, &plain_as_well, &packed_as_well})
    topics.subscribe(*each->connection, "news");
  const std::string text(3000, 'x');
  SharedMessage message(Opcode::text, text);
  const SharedBuffer frame = message.frame();
  EXPECT_EQ(topics.publish("news", message), 8u);
  for (const Reader* each : {&plain, &plain_too, &plain_as_well})
    EXPECT_EQ(frame_at(*each), frame.view().data());
  for (const Reader* each : {&packed_too, &packed_as_well}) EXPECT_EQ(frame_at(*each), frame_at(packed));
  EXPECT_EQ(frame_at(narrower_too), frame_at(narrower));
  EXPECT_NE(frame_at(packed), frame_at(plain));
  EXPECT_NE(frame_at(narrower), frame_at(packed));
  protocol::websocket::Deflater deflater(narrow, *options.deflate);
  EXPECT_EQ(message.compressed_frame(deflater).view().data(), frame_at(narrower));

  topics.publish("news", "short");  // text that is no SharedMessage yet, and below the threshold
  for (const Reader* each : {&packed, &narrower, &plain_as_well}) EXPECT_EQ(frame_at(*each), frame_at(plain));
  EXPECT_NE(frame_at(plain), frame.view().data());
}

TEST(Topics, WhatDoesNotBecomeSmallerGoesAsItIs) {
  FakeLoop loop;
  Topics topics;
  Options options;
  options.deflate.emplace().threshold = 1;
  protocol::websocket::DeflateParams alone;
  alone.server_no_context_takeover = true;
  Reader a(loop, options, alone);
  topics.subscribe(*a.connection, "news");
  topics.publish("news", "q");
  EXPECT_EQ(a.take(), text_frame("q"));
}

/// Against sets of numbers, with connections that come and go.
TEST(Topics, RandomCoursesAgreeWithAModel) {
  std::mt19937 random(7);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  FakeLoop loop;
  Topics topics;
  const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  std::vector<std::unique_ptr<Reader>> readers(12);
  std::vector<std::set<std::size_t>> model(names.size());
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t who = below(readers.size());
    const std::size_t topic = below(names.size());
    if (!readers[who]) readers[who] = std::make_unique<Reader>(loop);
    Connection& connection = *readers[who]->connection;
    switch (below(8)) {
      case 0:
        readers[who].reset();
        for (auto& members : model) members.erase(who);
        break;
      case 1:
      case 2:
        EXPECT_EQ(topics.unsubscribe(connection, names[topic]), model[topic].erase(who) == 1);
        break;
      default:
        EXPECT_EQ(topics.subscribe(connection, names[topic]), model[topic].insert(who).second);
    }
    ASSERT_EQ(topics.publish(names[topic], "x"), model[topic].size());
    for (std::size_t i = 0; i < readers.size(); ++i) {
      if (!readers[i]) continue;
      ASSERT_EQ(readers[i]->take(), model[topic].count(i) ? text_frame("x") : "");
    }
  }
}

TEST(Topics, OfStreams) {
  run([] {
    http::App app;
    Topics topics;
    route(app, "/chat", [&topics](Stream& peer) {
      topics.subscribe(peer, "chat");
      while (auto message = peer.receive()) topics.publish("chat", *message, peer);
    });
    test::RawClient one(app), other(app);
    for (test::RawClient* client : {&one, &other}) {
      client->send(test::upgrade_request("/chat"));
      client->read_until("\r\n\r\n");
    }
    one.send(test::client_text("hello"));
    EXPECT_EQ(other.read(7), text_frame("hello"));
    other.send(test::client_text("you"));
    EXPECT_EQ(one.read(5), text_frame("you"));  // nothing of its own before
    other.send(test::client_binary("\xFF\xFE"));
    EXPECT_EQ(one.read(4), make_frame(Opcode::binary, {"\xFF\xFE"}).view());
    one.disconnect();
    other.disconnect();
  });
}

}  // namespace
}  // namespace verdin::websocket
