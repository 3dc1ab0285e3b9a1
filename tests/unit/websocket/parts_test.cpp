// Messages whose length is not known: sent in parts, and received in parts.
#include <algorithm>
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
using protocol::websocket::Deflater;
using protocol::websocket::make_frame;
using test::client_frame;
using test::FakeLoop;
using test::FakePeer;
using test::FakeStream;

std::string whole(Opcode opcode, std::string_view payload) {
  return std::string(make_frame(opcode, {payload}).view());
}
/// A frame that is not the message's last.
std::string open_frame(Opcode opcode, std::string_view payload) {
  std::string frame = whole(opcode, payload);
  frame[0] = static_cast<char>(frame[0] & 0x7F);
  return frame;
}

class PartsRecorder final : public ConnectionHandler {
 public:
  void on_text(std::span<char> message) override {
    done.push_back("T" + std::string(message.data(), message.size()));
  }
  void on_binary(std::span<char> message) override {
    done.push_back("B" + std::string(message.data(), message.size()));
  }
  void on_part(const MessagePart& part) override {
    EXPECT_EQ(part.first, !open);
    if (!open) open = part.opcode == Opcode::text ? "t" : "b";
    EXPECT_EQ(open->front(), part.opcode == Opcode::text ? 't' : 'b');
    open->append(part.octets.data(), part.octets.size());
    largest = std::max(largest, part.octets.size());
    ++parts;
    if (!part.last) return;
    done.push_back(*open);
    open.reset();
  }
  void on_close(const Close& close) override { code = close.code; }

  std::vector<std::string> done;
  std::optional<std::string> open;  // the message that is not yet complete
  std::size_t largest = 0;
  int parts = 0;
  int code = 0;
};

class PartsTest : public testing::Test {
 protected:
  void begin(std::optional<DeflateParams> deflate = {}) {
    connection = make_intrusive<Connection>(FakeStream::make(loop, peer), options, handler, "", deflate);
    connection->receive_parts(true);
  }
  std::string sent() {
    peer.end_turn();
    return peer.take_received();
  }

  FakeLoop loop;
  FakePeer peer;
  Options options;
  PartsRecorder handler;
  IntrusivePtr<Connection> connection;
};

TEST_F(PartsTest, AreFramesOfOneMessage) {
  begin();
  EXPECT_TRUE(connection->begin_message(Opcode::text));
  EXPECT_TRUE(connection->send_part("one"));
  EXPECT_TRUE(connection->send_part(""));
  EXPECT_TRUE(connection->send_part("two"));
  EXPECT_EQ(sent(), open_frame(Opcode::text, "one") + open_frame(Opcode::continuation, "two"));
  EXPECT_TRUE(connection->end_message());
  EXPECT_EQ(sent(), whole(Opcode::continuation, ""));
  connection->begin_message(Opcode::binary);
  connection->end_message();
  EXPECT_EQ(sent(), whole(Opcode::binary, ""));
  EXPECT_FALSE(connection->send_part("x"));
  EXPECT_FALSE(connection->end_message());
}

TEST_F(PartsTest, OtherMessagesWaitAndControlFramesDoNot) {
  begin();
  Topics topics;
  topics.subscribe(*connection, "news");
  connection->begin_message(Opcode::binary);
  connection->send_part("a");
  connection->send_text("later");
  topics.publish("news", "rain");
  {
    MessageWriter writer(*connection);
    writer.out() += "written";
    writer.finish(Opcode::text);
  }
  connection->ping("now");
  peer.deliver(client_frame(0x89, "?"));
  connection->send_part("b");
  EXPECT_EQ(sent(), open_frame(Opcode::binary, "a") + whole(Opcode::ping, "now") + whole(Opcode::pong, "?") +
                        open_frame(Opcode::continuation, "b"));
  EXPECT_THROW(connection->begin_message(Opcode::text), std::logic_error);
  connection->end_message();
  EXPECT_EQ(sent(), whole(Opcode::continuation, "") + whole(Opcode::text, "later") +
                        whole(Opcode::text, "rain") + whole(Opcode::text, "written"));
  connection->begin_message(Opcode::text);
  connection->close();
  EXPECT_FALSE(connection->send_part("x"));
  EXPECT_EQ(static_cast<unsigned char>(sent()[0]), 0x88);
}

TEST_F(PartsTest, WhatWaitsBehindAMessageIsLimited) {
  options.send_limit = 1000;
  options.drop_limit = 5000;
  begin();
  connection->begin_message(Opcode::text);
  connection->send_part("and then");
  const std::string text(100, 'x');
  int taken = 0;
  while (connection->send_text(text)) ASSERT_LT(++taken, 100);
  EXPECT_GE(taken, 48);
  loop.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(handler.code, 1008);
}

/// The messages below, as they arrive however the octets are cut.
TEST_F(PartsTest, ComeAsTheyArrive) {
  const std::string octets = client_frame(0x81, "all at once") + client_frame(0x02, "be") +
                             client_frame(0x89, "ping") + client_frame(0x00, "") +
                             client_frame(0x80, "hind") + client_frame(0x01, "gr\xC3") +
                             client_frame(0x80, "\xBC\xC3\x9F") + client_frame(0x81, "") +
                             client_frame(0x82, std::string(70'000, 'x'));
  const std::vector<std::string> expected = {"tall at once", "bbehind", "tgr\xC3\xBC\xC3\x9F", "t",
                                             "b" + std::string(70'000, 'x')};
  for (std::size_t size :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{1000}, octets.size()}) {
    FakePeer other;
    PartsRecorder recorder;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, recorder);
    made->receive_parts(true);
    for (std::size_t at = 0; at < octets.size(); at += size)
      other.deliver(std::string_view(octets).substr(at, size));
    EXPECT_EQ(recorder.done, expected) << size;
    EXPECT_FALSE(recorder.open);
    EXPECT_EQ(recorder.code, 0);
    made->abort();
  }
}

TEST_F(PartsTest, AreDeliveredBeforeTheMessageEnds) {
  begin();
  const std::string frame = client_frame(0x82, std::string(1000, 'x'));
  peer.deliver(frame.substr(0, 500));
  ASSERT_TRUE(handler.open);
  const std::size_t first = handler.open->size();
  EXPECT_GT(first, 480u);
  peer.deliver(frame.substr(500));
  EXPECT_EQ(handler.done, (std::vector<std::string>{"b" + std::string(1000, 'x')}));
}

TEST_F(PartsTest, HaveNoLimitOfSizeAndOthersHave) {
  options.max_message_size = 10;
  begin();
  peer.deliver(client_frame(0x02, std::string(50, 'a')) + client_frame(0x80, std::string(50, 'b')));
  EXPECT_EQ(handler.done, (std::vector<std::string>{"b" + std::string(50, 'a') + std::string(50, 'b')}));
  connection->receive_parts(false);
  peer.deliver(client_frame(0x82, std::string(11, 'a')));
  EXPECT_EQ(handler.code, 1009);
}

TEST_F(PartsTest, WhatHasBegunInOneWayGoesOnInIt) {
  begin();
  peer.deliver(client_frame(0x01, "a"));
  connection->receive_parts(false);
  peer.deliver(client_frame(0x80, "b") + client_frame(0x01, "c"));
  connection->receive_parts(true);
  peer.deliver(client_frame(0x80, "d") + client_frame(0x81, "e"));
  EXPECT_EQ(handler.done, (std::vector<std::string>{"tab", "Tcd", "te"}));
}

TEST_F(PartsTest, BadTextIsFoundWhereItIsBad) {
  begin();
  peer.deliver(client_frame(0x01, "ok"));
  EXPECT_EQ(handler.code, 0);
  peer.deliver(client_frame(0x00, "\xC3(").substr(0, 7));
  EXPECT_EQ(handler.code, 0);
  peer.deliver(client_frame(0x00, "\xC3(").substr(7));
  EXPECT_EQ(handler.code, 1007);
}

TEST_F(PartsTest, TextThatEndsWithinACharacterIsBad) {
  begin();
  peer.deliver(client_frame(0x01, "a\xC3") + client_frame(0x80, ""));
  EXPECT_EQ(handler.code, 1007);
}

/// What a client that agreed on `params` reads: "T" or "B" and the message, or the number of another event.
class ReadingClient {
 public:
  explicit ReadingClient(const DeflateParams& params, std::size_t limit = 10'000'000)
      : decoder_(Role::client, limit) {
    decoder_.enable_deflate(params);
  }
  std::vector<std::string> read(std::string octets) {
    using protocol::websocket::DecoderEvent;
    const std::size_t size = octets.size();
    octets.append(protocol::websocket::kMessagePadding, '\0');
    std::span<char> input(octets.data(), size);
    std::vector<std::string> messages;
    for (;;) {
      const auto event = decoder_.next(input);
      if (event.kind == DecoderEvent::Kind::need_more) return messages;
      std::string kind = std::to_string(static_cast<int>(event.kind));
      if (event.kind == DecoderEvent::Kind::text) kind = "T";
      if (event.kind == DecoderEvent::Kind::binary) kind = "B";
      messages.push_back(kind.append(event.payload.data(), event.payload.size()));
      if (event.kind == DecoderEvent::Kind::failed) return messages;
    }
  }

 private:
  protocol::websocket::FrameDecoder decoder_;
};

unsigned first_octet(std::string_view octets) { return static_cast<unsigned char>(octets.at(0)); }

TEST_F(PartsTest, AreCompressedAsTheyLeave) {
  for (const bool alone : {false, true}) {
    SCOPED_TRACE(alone);
    DeflateParams params;
    params.server_no_context_takeover = alone;
    options.deflate.emplace().threshold = 100;
    begin(params);
    ReadingClient client(params);
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "part " + std::to_string(i % 100) + ' ';
    for (int message = 0; message < 2; ++message) {
      connection->begin_message(Opcode::text);
      connection->send_part(text);
      const std::string first = sent();
      EXPECT_EQ(first_octet(first), 0x41u) << "compressed, and not the last";
      EXPECT_LT(first.size() * 5, text.size());
      EXPECT_TRUE(client.read(first).empty());
      connection->send_part(text);
      connection->send_part("small");
      connection->ping("!");
      const std::string rest = sent();
      EXPECT_EQ(first_octet(rest), 0x00u) << "only the first says that it is compressed";
      EXPECT_EQ(client.read(rest).size(), 1u) << "the ping";
      connection->end_message();
      EXPECT_EQ(client.read(sent()), (std::vector<std::string>{"T" + text + text + "small"}));
    }
    connection->begin_message(Opcode::binary);
    connection->end_message();
    EXPECT_EQ(client.read(sent()), (std::vector<std::string>{"B"})) << "nothing needs no compression";
    connection->send_text(text);
    const std::string whole_message = sent();
    EXPECT_EQ(first_octet(whole_message), 0xC1u);
    EXPECT_EQ(client.read(whole_message), (std::vector<std::string>{"T" + text}));
    connection->abort();
  }
}

TEST_F(PartsTest, SmallPartsOfAMessageWithinTheLimitAreWelcome) {
  for (const bool alone : {false, true}) {
    for (const std::size_t size : {std::size_t{4}, std::size_t{100}}) {
      SCOPED_TRACE(size);
      DeflateParams params;
      params.server_no_context_takeover = alone;
      options.deflate.emplace().threshold = 1;
      begin(params);
      ReadingClient client(params, 60'000);
      std::string text;
      for (int i = 0; text.size() < 60'000; ++i) text += std::to_string(i * 7919 % 10'007);
      text.resize(60'000);
      connection->begin_message(Opcode::text);
      for (std::size_t at = 0; at < text.size(); at += size) connection->send_part(text.substr(at, size));
      connection->end_message();
      EXPECT_EQ(client.read(sent()), (std::vector<std::string>{"T" + text}));
      connection->abort();
    }
  }
}

TEST_F(PartsTest, ThatBeginWithLittleAreNotCompressedWhereEachStandsAlone) {
  DeflateParams params;
  params.server_no_context_takeover = true;
  options.deflate.emplace().threshold = 100;
  begin(params);
  const std::string large(1000, 'x');
  connection->begin_message(Opcode::text);
  connection->send_part("tok");
  connection->send_part("en");
  connection->send_part(large);
  connection->end_message();
  EXPECT_EQ(sent(), open_frame(Opcode::text, "tok") + open_frame(Opcode::continuation, "en") +
                        open_frame(Opcode::continuation, large) + whole(Opcode::continuation, ""));
}

/// Where the context is taken over, what waits must not come into it before the parts that leave first.
TEST_F(PartsTest, WhatWaitsBehindCompressedOnesIsStillRead) {
  for (const bool alone : {false, true}) {
    SCOPED_TRACE(alone);
    DeflateParams params;
    params.server_no_context_takeover = alone;
    options.deflate.emplace().threshold = 1;
    begin(params);
    Topics topics;
    topics.subscribe(*connection, "news");
    ReadingClient client(params);
    const std::string text(5000, 'w'), other(5000, 'o');
    connection->send_text(text);
    connection->begin_message(Opcode::binary);
    connection->send_part(text);
    connection->send_text(other);
    topics.publish("news", other);
    {
      MessageWriter writer(*connection);
      writer.out() += other;
      writer.finish(Opcode::text);
    }
    connection->send_part(other + text);
    connection->end_message();
    connection->send_text(text);
    EXPECT_EQ(client.read(sent()),
              (std::vector<std::string>{"T" + text, "B" + text + other + text, "T" + other, "T" + other,
                                        "T" + other, "T" + text}));
    connection->abort();
  }
}

TEST_F(PartsTest, AreNotCompressedInAWindowThatZlibHasNot) {
  DeflateParams params;
  params.client_max_window_bits = 8;
  options.deflate.emplace().threshold = 0;
  connection =
      make_intrusive<Connection>(FakeStream::make(loop, peer), options, handler, "", params, Role::client);
  connection->begin_message(Opcode::text);
  connection->send_part(std::string(1000, 'x'));
  const std::string frame = sent();
  EXPECT_EQ(first_octet(frame), 0x01u);
  EXPECT_EQ(frame.size(), 8u + 1000u);
}

std::string compressed(Deflater& deflater, std::string_view text) {
  std::string made;
  deflater.deflate(text, made);
  return made;
}

TEST_F(PartsTest, CompressedOnesAreRestoredPieceByPiece) {
  for (const bool alone : {false, true}) {
    DeflateParams params;
    params.client_no_context_takeover = alone;
    DeflateOptions ours;
    options.deflate = ours;
    Deflater client(params, ours, Role::client);
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919 % 10'007);
    const std::string first = compressed(client, text);
    const std::string second = compressed(client, "\xC3\xA4 short");
    const std::string empty = compressed(client, "");
    const std::string octets = client_frame(0x42, first.substr(0, 1000)) + client_frame(0x00, "") +
                               client_frame(0x80, first.substr(1000)) + client_frame(0xC1, second) +
                               client_frame(0xC1, empty) + client_frame(0x81, "plain");
    for (std::size_t size : {std::size_t{1}, std::size_t{5}, std::size_t{4096}, octets.size()}) {
      FakePeer other;
      PartsRecorder recorder;
      const auto made =
          make_intrusive<Connection>(FakeStream::make(loop, other), options, recorder, "", params);
      made->receive_parts(true);
      for (std::size_t at = 0; at < octets.size(); at += size)
        other.deliver(std::string_view(octets).substr(at, size));
      EXPECT_EQ(recorder.done, (std::vector<std::string>{"b" + text, "t\xC3\xA4 short", "t", "tplain"}))
          << size;
      EXPECT_EQ(recorder.code, 0);
      made->abort();
    }
  }
}

TEST_F(PartsTest, ASmallMessageThatBecomesALargeOneComesInSmallParts) {
  DeflateParams params;
  options.deflate.emplace();
  begin(params);
  Deflater client(params, *options.deflate, Role::client);
  peer.deliver(client_frame(0xC2, compressed(client, std::string(50'000'000, '\0'))));
  ASSERT_EQ(handler.done.size(), 1u);
  EXPECT_EQ(handler.done[0].size(), 50'000'001u);
  EXPECT_LT(handler.largest, 600'000u);
}

TEST_F(PartsTest, CompressedNonsenseIsRefused) {
  DeflateParams params;
  options.deflate.emplace();
  begin(params);
  peer.deliver(client_frame(0x42, "\xff\xff\xff"));
  EXPECT_EQ(handler.code, 1007);
}

TEST_F(PartsTest, MayBePausedBetween) {
  DeflateParams params;
  options.deflate.emplace();
  begin(params);
  Deflater client(params, *options.deflate, Role::client);
  connection->pause();
  peer.deliver(client_frame(0xC2, compressed(client, "later")));
  EXPECT_EQ(handler.parts, 0);
  connection->resume();
  loop.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(handler.done, (std::vector<std::string>{"blater"}));
}

}  // namespace
}  // namespace verdin::websocket
