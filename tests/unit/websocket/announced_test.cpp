// Messages in parts whose length is told before: one frame, into which nothing else may come.
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/topics.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_fake_stream.hpp"

namespace verdin::websocket {
namespace {

using protocol::websocket::DeflateParams;
using protocol::websocket::make_frame;
using test::client_frame;
using test::FakeLoop;
using test::FakePeer;
using test::FakeStream;

std::string frame(Opcode opcode, std::string_view payload) {
  return std::string(make_frame(opcode, {payload}).view());
}

/// Hands each message on to `to` as it comes.
class Relay final : public ConnectionHandler {
 public:
  void on_text(std::span<char>) override { ADD_FAILURE() << "not in parts"; }
  void on_binary(std::span<char>) override { ADD_FAILURE() << "not in parts"; }
  void on_part(const MessagePart& part) override {
    if (part.first) {
      std::optional<std::uint64_t> length;
      if (part.remaining) length = part.octets.size() + *part.remaining;
      announced.push_back(length);
      to->begin_message(part.opcode, length);
    }
    to->send_part({part.octets.data(), part.octets.size()});
    if (!part.last) return;
    EXPECT_EQ(part.remaining.value_or(0), 0u);
    to->end_message();
  }
  void on_close(const Close& end) override { close = end; }

  Connection* to = nullptr;
  std::vector<std::optional<std::uint64_t>> announced;
  std::optional<Close> close;
};

class AnnouncedTest : public testing::Test {
 protected:
  void begin(Role role = Role::server, std::optional<DeflateParams> deflate = {}) {
    connection =
        make_intrusive<Connection>(FakeStream::make(loop, peer), options, handler, "", deflate, role);
    connection->receive_parts(true);
    handler.to = connection.get();
  }
  std::string sent() {
    peer.end_turn();
    return peer.take_received();
  }

  FakeLoop loop;
  FakePeer peer;
  Options options;
  Relay handler;
  IntrusivePtr<Connection> connection;
};

TEST_F(AnnouncedTest, IsOneFrameThatLeavesAsItIsMade) {
  begin();
  for (const std::size_t size : {std::size_t{5}, std::size_t{200}, std::size_t{100'000}}) {
    const std::string text(size, 'x');
    const std::string whole = frame(Opcode::binary, text);
    EXPECT_TRUE(connection->begin_message(Opcode::binary, size));
    EXPECT_EQ(sent(), whole.substr(0, whole.size() - size)) << "the header alone";
    EXPECT_TRUE(connection->send_part(std::string_view(text).substr(0, 3)));
    EXPECT_EQ(sent(), "xxx");
    EXPECT_TRUE(connection->send_part(""));
    EXPECT_TRUE(connection->send_part(std::string_view(text).substr(3)));
    EXPECT_EQ(sent(), whole.substr(whole.size() - size + 3));
    EXPECT_TRUE(connection->end_message());
    EXPECT_EQ(sent(), "");
  }
  connection->begin_message(Opcode::text, 0);
  EXPECT_THROW(connection->send_part("x"), std::logic_error);
  EXPECT_TRUE(connection->end_message());
  EXPECT_EQ(sent(), frame(Opcode::text, ""));
}

TEST_F(AnnouncedTest, NothingComesIntoTheFrame) {
  begin();
  Topics topics;
  topics.subscribe(*connection, "news");
  connection->begin_message(Opcode::text, 6);
  connection->send_part("abc");
  connection->send_text("later");
  topics.publish("news", "rain");
  {
    MessageWriter writer(*connection);
    writer.out() += "written";
    writer.finish(Opcode::text);
  }
  connection->ping("now");
  peer.deliver(client_frame(0x89, "?"));
  connection->send_part("def");
  connection->ping("whole");
  connection->end_message();
  EXPECT_EQ(sent(), frame(Opcode::text, "abcdef") + frame(Opcode::ping, "whole") +
                        frame(Opcode::text, "later") + frame(Opcode::text, "rain") +
                        frame(Opcode::text, "written") + frame(Opcode::ping, "now") +
                        frame(Opcode::pong, "?"));
}

TEST_F(AnnouncedTest, OnlyThatLengthFinishesIt) {
  begin();
  EXPECT_THROW(connection->begin_message(Opcode::text, ~std::uint64_t{0}), std::logic_error);
  connection->begin_message(Opcode::text, 4);
  EXPECT_THROW(connection->begin_message(Opcode::text, 1), std::logic_error);
  EXPECT_THROW(connection->end_message(), std::logic_error);
  connection->send_part("abc");
  EXPECT_THROW(connection->send_part("de"), std::logic_error);
  EXPECT_THROW(connection->end_message(), std::logic_error);
  connection->send_part("d");
  EXPECT_THROW(connection->send_part("e"), std::logic_error);
  EXPECT_TRUE(connection->end_message());
  EXPECT_EQ(sent(), frame(Opcode::text, "abcd")) << "what was refused has left no trace";
}

TEST_F(AnnouncedTest, WhatEndsTheConnectionCutsIt) {
  begin();
  connection->begin_message(Opcode::text, 6);
  connection->send_part("abc");
  connection->close();
  EXPECT_FALSE(connection->is_open());
  EXPECT_FALSE(connection->send_part("def"));
  EXPECT_FALSE(connection->end_message());
  EXPECT_FALSE(handler.close) << "not within the call";
  loop.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(handler.close);
  EXPECT_EQ(handler.close->code, 1006);
  EXPECT_TRUE(peer.closed);

  for (const std::string_view octets : {"\x88\x82mask\x6e\x89", "\xC1\x80"}) {  // a close frame; nonsense
    FakePeer other;
    Relay relay;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, relay);
    made->begin_message(Opcode::text, 6);
    made->send_part("abc");
    other.deliver(octets);
    ASSERT_TRUE(relay.close);
    EXPECT_EQ(relay.close->code, octets[0] == '\x88' ? 1000 : 1002);
    EXPECT_FALSE(relay.close->clean) << "no close frame of ours has left";
    EXPECT_TRUE(other.retired);
    EXPECT_EQ(other.received,
              "\x81\x06"
              "abc")
        << "a close frame would be taken for text";
  }
}

TEST_F(AnnouncedTest, NobodyIsAskedForAPongWithinIt) {
  options.ping_interval = std::chrono::seconds(1);
  begin();
  connection->begin_message(Opcode::text, 1);
  sent();
  for (int i = 0; i < 5; ++i) loop.advance(std::chrono::seconds(1));
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(connection->is_open()) << "that it says nothing is no sign";
  connection->send_part("a");
  connection->end_message();
  EXPECT_EQ(sent(), "a");
  loop.advance(std::chrono::seconds(1));
  EXPECT_EQ(sent(), frame(Opcode::ping, ""));
  loop.advance(std::chrono::seconds(1));
  EXPECT_FALSE(connection->is_open());

  FakePeer gone;
  Relay relay;
  const auto other = make_intrusive<Connection>(FakeStream::make(loop, gone), options, relay);
  other->begin_message(Opcode::text, 1);
  gone.gone_unseen = true;
  for (int i = 0; i < 5; ++i) loop.advance(std::chrono::seconds(1));
  EXPECT_FALSE(relay.close) << "what it sent before is still to be read";
  other->pause();
  loop.advance(std::chrono::seconds(1));
  EXPECT_TRUE(relay.close) << "but that it has gone is one where nobody will read that";
}

TEST_F(AnnouncedTest, APeerWithinItsOwnFrameOwesTheRest) {
  options.ping_interval = std::chrono::seconds(1);
  for (const std::size_t more : {std::size_t{0}, std::size_t{10}, std::size_t{600}}) {  // octets a second
    FakePeer other;
    Relay relay;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, relay);
    made->receive_parts(true);
    relay.to = made.get();
    const std::string whole = client_frame(0x82, std::string(100'000, 'x'));
    other.deliver(whole.substr(0, 20));
    std::size_t at = 20;
    for (int i = 0; i < 20 && !relay.close; ++i) {
      if (more > 0) other.deliver(whole.substr(at, more));
      at += more;
      loop.advance(std::chrono::seconds(1));
      other.end_turn();
    }
    if (more < 500) {  // Options::frame_rate
      ASSERT_TRUE(relay.close) << more;
      EXPECT_EQ(relay.close->code, 1006);
      continue;
    }
    EXPECT_FALSE(relay.close);
    other.deliver(whole.substr(at));
    other.end_turn();
    EXPECT_EQ(other.take_received(), frame(Opcode::binary, std::string(100'000, 'x')));
    made->begin_message(Opcode::text, 1);
    for (int i = 0; i < 20; ++i) loop.advance(std::chrono::seconds(1));
    EXPECT_FALSE(relay.close) << "it owes nothing now";
    made->abort();
  }
}

TEST_F(AnnouncedTest, APeerWithinAHeaderOwesTheRest) {
  options.ping_interval = std::chrono::seconds(1);
  const std::string whole = client_frame(0x82, std::string(300, 'x'));
  for (const std::size_t begun : {1, 3, 7}) {
    FakePeer other;
    Relay relay;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, relay);
    made->begin_message(Opcode::binary, 2);
    other.deliver(whole.substr(0, begun));
    loop.advance(std::chrono::seconds(1));
    EXPECT_FALSE(relay.close) << begun;
    other.deliver(whole.substr(begun, 1));
    loop.advance(std::chrono::seconds(1));
    EXPECT_FALSE(relay.close) << begun;
    loop.advance(std::chrono::seconds(1));
    ASSERT_TRUE(relay.close) << begun;
    EXPECT_EQ(relay.close->code, 1006);
  }
}

/// It was in the midst of a frame when it could not be asked, and of another when it could.
TEST_F(AnnouncedTest, WhoWasNotAskedOwesNoPong) {
  options.ping_interval = std::chrono::seconds(1);
  const std::string part = client_frame(0x02, "1234567890");  // more of the message follows
  const std::string next = client_frame(0x00, "1234567890");
  for (const std::string& rest : {part.substr(11), part.substr(11) + next.substr(0, 8)}) {
    FakePeer other;
    Relay relay;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, relay);
    made->begin_message(Opcode::binary, 2);
    other.deliver(part.substr(0, 11));
    loop.advance(std::chrono::seconds(1));
    other.deliver(rest);
    made->send_part("ab");
    made->end_message();
    other.end_turn();
    EXPECT_EQ(other.take_received(), frame(Opcode::binary, "ab"));
    loop.advance(std::chrono::seconds(1));
    EXPECT_FALSE(relay.close);
    other.end_turn();
    EXPECT_EQ(other.take_received(), frame(Opcode::ping, "")) << "now it is asked";
    loop.advance(std::chrono::seconds(1));
    EXPECT_TRUE(relay.close) << "and owes the answer";
  }
}

TEST_F(AnnouncedTest, WhatWaitsBehindItIsLimited) {
  options.send_limit = 1000;
  options.drop_limit = 5000;
  begin();
  connection->begin_message(Opcode::text, 10);
  for (int i = 0; i < 1000 && connection->is_open(); ++i) peer.deliver(client_frame(0x89, "12345678"));
  EXPECT_FALSE(connection->is_open()) << "pongs as well";
  loop.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(handler.close);
  EXPECT_EQ(handler.close->code, 1008);
  EXPECT_EQ(handler.close->reason, "too much waits behind a message in parts") << "the peer has read it all";
}

TEST_F(AnnouncedTest, APeerIsNotReadWhileManyAnswersWaitBehindIt) {
  options.send_limit = 1000;
  options.drop_limit = 5000;
  options.ping_interval = std::chrono::milliseconds(0);
  begin();
  std::string pings;
  for (int i = 0; i < 60; ++i) pings += client_frame(0x89, "12345678");
  const auto answered = [&] {
    std::string all;
    for (int i = 0; i < 60; ++i) all += frame(Opcode::pong, "12345678");
    return all;
  };
  for (int i = 0; i < 10; ++i) {  // however often
    connection->begin_message(Opcode::text, 2);
    connection->send_part("a");
    peer.deliver(pings);
    EXPECT_FALSE(peer.paused);
    peer.deliver(pings);
    EXPECT_TRUE(peer.paused);
    connection->send_part("b");
    EXPECT_TRUE(peer.paused);
    connection->end_message();
    EXPECT_FALSE(peer.paused);
    EXPECT_EQ(sent(), frame(Opcode::text, "ab") + answered() + answered());
  }
  connection->begin_message(Opcode::text, 2);
  for (int i = 0; i < 4; ++i) connection->send_text(std::string(500, 'x'));
  EXPECT_FALSE(peer.paused) << "this may be waiting for what the peer sends";
  peer.deliver(client_frame(0x89, ""));
  EXPECT_TRUE(peer.paused);
  loop.advance(options.backpressure_timeout);
  EXPECT_FALSE(peer.paused) << "and so may this";
  EXPECT_TRUE(connection->is_open());
}

TEST_F(AnnouncedTest, MessagesOfNoOctetsCountAsWhatTheyAre) {
  options.send_limit = 1000;
  options.drop_limit = 5000;
  peer.room = 0;
  begin();
  std::string flood;
  for (int i = 0; i < 100; ++i) flood += client_frame(0x82, "");
  for (int i = 0; i < 100 && !peer.paused; ++i) peer.deliver(flood);
  EXPECT_TRUE(peer.paused) << "who does not read is not read";
  EXPECT_LT(connection->unsent(), 2000u);
  loop.advance(options.backpressure_timeout);
  ASSERT_TRUE(handler.close);
  EXPECT_EQ(handler.close->code, 1008);

  FakePeer other;
  other.room = 0;
  Relay relay;
  const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, relay);
  int sent_to_other = 0;
  while (made->begin_message(Opcode::binary, 0) && made->end_message()) ASSERT_LT(++sent_to_other, 5000);
  EXPECT_FALSE(made->is_open());
  loop.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(relay.close);
  EXPECT_EQ(relay.close->code, 1008) << "drop_limit";
}

TEST_F(AnnouncedTest, IsNotCompressedAndOthersAre) {
  options.deflate.emplace().threshold = 1;
  begin(Role::server, DeflateParams{});
  const std::string text(100, 'x');
  connection->begin_message(Opcode::text, text.size());
  connection->send_part(text);
  connection->end_message();
  EXPECT_EQ(sent(), frame(Opcode::text, text));
  connection->send_text(text);
  EXPECT_EQ(static_cast<unsigned char>(sent()[0]), 0xC1);
}

TEST_F(AnnouncedTest, AClientMasksItAsOneFrame) {
  begin(Role::client);
  const std::string text = "some text, which is cut where no mask is";
  connection->begin_message(Opcode::text, text.size());
  for (std::size_t at = 0; at < text.size(); at += 7) connection->send_part(text.substr(at, 7));
  connection->end_message();
  std::string octets = sent();
  EXPECT_EQ(octets.find(text.substr(0, 7)), std::string::npos);
  const std::size_t size = octets.size();
  octets.append(protocol::websocket::kMessagePadding, '\0');
  protocol::websocket::FrameDecoder decoder(Role::server, 1000);
  std::span<char> input(octets.data(), size);
  const protocol::websocket::DecoderEvent event = decoder.next(input);
  EXPECT_EQ(std::string(event.payload.data(), event.payload.size()), text);
  EXPECT_TRUE(input.empty());
}

/// However they arrive.
TEST_F(AnnouncedTest, HandsOnWhatComesAsItCame) {
  const std::string large(100'000, 'y');
  std::string octets;
  std::string expected;
  for (const std::string& text : {std::string("all at once"), std::string(), std::string(300, 'x'), large}) {
    octets += client_frame(0x82, text);
    expected += frame(Opcode::binary, text);
  }
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, octets.size()}) {
    FakePeer other;
    Relay relay;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, relay);
    made->receive_parts(true);
    relay.to = made.get();
    for (std::size_t at = 0; at < octets.size(); at += size)
      other.deliver(std::string_view(octets).substr(at, size));
    other.end_turn();
    EXPECT_EQ(relay.announced, (std::vector<std::optional<std::uint64_t>>{11, 0, 300, 100'000})) << size;
    EXPECT_TRUE(other.received == expected) << size;
    made->abort();
  }
}

TEST_F(AnnouncedTest, ALengthThatNobodyHasSaidIsNotKnown) {
  options.deflate.emplace();
  begin(Role::server, DeflateParams{});
  peer.deliver(client_frame(0x01, "a") + client_frame(0x80, "b"));
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i * 7919 % 10'007);
  std::string compressed;
  protocol::websocket::Deflater(DeflateParams{}, {}, Role::client).deflate(text, compressed);
  peer.deliver(client_frame(0xC1, compressed));
  EXPECT_EQ(handler.announced, (std::vector<std::optional<std::uint64_t>>{std::nullopt, std::nullopt}));
  EXPECT_FALSE(handler.close);
}

}  // namespace
}  // namespace verdin::websocket
