#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/websocket/connection.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_fake_stream.hpp"

namespace verdin::websocket {
namespace {

using namespace std::chrono_literals;
using test::client_binary;
using test::client_close;
using test::client_frame;
using test::client_ping;
using test::client_text;
using test::close_payload;
using test::FakeLoop;
using test::FakePeer;
using test::FakeStream;

/// As the server sends it.
std::string server_frame(Opcode opcode, std::string_view payload) {
  return std::string(protocol::websocket::make_frame(opcode, {payload}).view());
}
std::string server_text(std::string_view payload) { return server_frame(Opcode::text, payload); }
std::string server_close(unsigned code, std::string_view reason = {}) {
  return server_frame(Opcode::close, close_payload(code, reason));
}

class Recorder final : public ConnectionHandler {
 public:
  void on_text(std::span<char> message) override { note("text", message); }
  void on_binary(std::span<char> message) override { note("binary", message); }
  void on_pong(std::span<char> payload) override { note("pong", payload); }
  void on_drained() override { log.push_back("drained"); }
  void on_close(const Close& close) override {
    log.push_back("close:" + std::to_string(close.code) + (close.clean ? ":clean" : ":unclean"));
    reason = close.reason;
    if (then) then({});
  }

  std::vector<std::string> log;
  std::string reason;
  std::function<void(std::string_view message)> then;  // the test's part of each callback

 private:
  void note(const char* what, std::span<char> payload) {
    log.push_back(std::string(what) + ":" + std::string(payload.data(), payload.size()));
    if (then) then({payload.data(), payload.size()});
  }
};

using Log = std::vector<std::string>;

class ConnectionTest : public testing::Test {
 protected:
  void open(std::string_view early_input = {}) {
    connection = make_intrusive<Connection>(FakeStream::make(loop, peer), options, handler, early_input);
  }
  /// What the peer gets by the end of the turn.
  std::string answer_to(std::string_view octets) {
    peer.deliver(octets);
    peer.end_turn();
    return peer.take_received();
  }

  FakeLoop loop;
  FakePeer peer;
  Options options;
  Recorder handler;
  IntrusivePtr<Connection> connection;
};

TEST_F(ConnectionTest, IsSmall) { EXPECT_LE(sizeof(Connection), 216u); }

TEST_F(ConnectionTest, DeliversMessagesInOrder) {
  open();
  peer.deliver(client_text("a") + client_binary("b") + client_frame(0x01, "c") + client_frame(0x80, "d") +
               client_frame(0x8A, "e"));
  EXPECT_EQ(handler.log, (Log{"text:a", "binary:b", "text:cd", "pong:e"}));
  EXPECT_EQ(answer_to(""), "");
}

TEST_F(ConnectionTest, SendsFrames) {
  open();
  EXPECT_TRUE(connection->send_text("hello"));
  EXPECT_TRUE(connection->send_binary("\xFF"));
  EXPECT_TRUE(connection->send_frame(protocol::websocket::make_frame(Opcode::text, {"for ", "all"})));
  EXPECT_TRUE(connection->ping("p"));
  EXPECT_TRUE(connection->send_text(std::string(70'000, 'x')));
  EXPECT_EQ(answer_to(""), server_text("hello") + server_frame(Opcode::binary, "\xFF") +
                               server_text("for all") + server_frame(Opcode::ping, "p") +
                               server_text(std::string(70'000, 'x')));
}

TEST_F(ConnectionTest, AnswersPingsWithTheSamePayload) {
  open();
  EXPECT_EQ(answer_to(client_ping("") + client_ping("one") + client_ping(std::string(125, '\xFE'))),
            server_frame(Opcode::pong, "") + server_frame(Opcode::pong, "one") +
                server_frame(Opcode::pong, std::string(125, '\xFE')));
  EXPECT_TRUE(handler.log.empty());
}

TEST_F(ConnectionTest, ALongPingPayloadIsCut) {
  open();
  connection->ping(std::string(200, 'x'));
  EXPECT_EQ(answer_to(""), server_frame(Opcode::ping, std::string(125, 'x')));
}

TEST_F(ConnectionTest, WriterWritesEverySizeInPlace) {
  open();
  for (std::size_t size : {0, 1, 125, 126, 65535, 65536}) {
    connection->send_text("before");
    MessageWriter writer(*connection);
    writer.out().append(size, 'w');
    EXPECT_TRUE(writer.finish(Opcode::binary));
    connection->send_text("behind");
    EXPECT_EQ(answer_to(""), server_text("before") + server_frame(Opcode::binary, std::string(size, 'w')) +
                                 server_text("behind"));
  }
}

TEST_F(ConnectionTest, WriterThatIsNotFinishedLeavesNothing) {
  open();
  connection->send_text("before");
  { MessageWriter(*connection).out() += "lost"; }
  EXPECT_EQ(answer_to(""), server_text("before"));
  connection->close();
  peer.end_turn();
  peer.take_received();
  MessageWriter late(*connection);
  late.out() += "late";
  EXPECT_FALSE(late.finish(Opcode::text));
  EXPECT_EQ(answer_to(""), "");
}

TEST_F(ConnectionTest, WhatCameWithTheHandshakeIsServedFirst) {
  open(client_text("early") + client_frame(0x01, "ha"));
  EXPECT_TRUE(handler.log.empty());  // not before the caller has its connection
  peer.deliver(client_frame(0x80, "lf") + client_text("late"));
  EXPECT_EQ(handler.log, (Log{"text:early", "text:half", "text:late"}));
  loop.advance(100ms);
  EXPECT_EQ(handler.log.size(), 3u);
}

TEST_F(ConnectionTest, WhatCameWithTheHandshakeIsServedWithoutMore) {
  open(client_text("early"));
  loop.advance(10ms);
  EXPECT_EQ(handler.log, (Log{"text:early"}));
}

TEST_F(ConnectionTest, WhatCameWithTheHandshakeIsServedBeforeTheEnd) {
  open(client_text("early"));
  peer.handler->on_eof();
  EXPECT_EQ(handler.log, (Log{"text:early", "close:1006:unclean"}));
}

// The close handshake.

struct CloseCase {
  std::string payload;
  std::string answer;  // the payload of our close frame
  std::string end;
};

TEST_F(ConnectionTest, AnswersEachCloseFrameByTheRules) {
  std::vector<CloseCase> cases = {
      {"", "", "close:1005:clean"},
      {close_payload(1000), close_payload(1000), "close:1000:clean"},
      {close_payload(1000, "bye"), close_payload(1000), "close:1000:clean"},
      {close_payload(1000, std::string(123, 'x')), close_payload(1000), "close:1000:clean"},
      {"x", close_payload(1002, "invalid close frame"), "close:1002:unclean"},
      {close_payload(1000, "\xCE\xBA\xED\xA0\x80"), close_payload(1007, "invalid close frame"),
       "close:1007:unclean"},
  };
  for (unsigned code : {1001u, 1002u, 1003u, 1007u, 1008u, 1009u, 1010u, 1011u, 3000u, 3999u, 4000u, 4999u}) {
    cases.push_back({close_payload(code), close_payload(code), "close:" + std::to_string(code) + ":clean"});
  }
  for (unsigned code : {0u, 999u, 1004u, 1005u, 1006u, 1015u, 1016u, 1100u, 2000u, 2999u, 5000u, 65535u}) {
    cases.push_back({close_payload(code), close_payload(1002, "invalid close frame"), "close:1002:unclean"});
  }
  for (const CloseCase& c : cases) {
    peer = {};
    handler.log.clear();
    open();
    // Nothing behind the close frame counts.
    EXPECT_EQ(answer_to(client_frame(0x88, c.payload) + client_text("late") + client_ping("late")),
              server_frame(Opcode::close, c.answer));
    EXPECT_EQ(handler.log, (Log{c.end}));
    EXPECT_TRUE(peer.retired);  // the server closes first
    EXPECT_FALSE(connection->send_text("x"));
  }
}

TEST_F(ConnectionTest, TellsThePeersReason) {
  open();
  peer.deliver(client_close(4000, "too late"));
  EXPECT_EQ(handler.reason, "too late");
}

TEST_F(ConnectionTest, ClosesAndWaitsForTheAnswer) {
  open();
  connection->send_text("last");
  connection->close(4001, "enough");
  EXPECT_FALSE(connection->is_open());
  EXPECT_FALSE(connection->send_text("x"));
  EXPECT_FALSE(connection->ping());
  connection->close(1000);
  EXPECT_EQ(answer_to(client_text("on its way") + client_ping("p")),
            server_text("last") + server_close(4001, "enough"));
  EXPECT_TRUE(handler.log.empty());
  EXPECT_FALSE(peer.gone());
  EXPECT_EQ(answer_to(client_close(4001)), "");
  EXPECT_EQ(handler.log, (Log{"close:4001:clean"}));
  EXPECT_TRUE(peer.retired);
  loop.advance(10s);
  EXPECT_EQ(handler.log.size(), 1u);
}

TEST_F(ConnectionTest, ClosesWithoutACodeOrReasonThatMayNotBeSent) {
  struct Case {
    std::uint16_t code;
    std::string_view reason;
    std::string payload;
  };
  for (const Case& each :
       {Case{1000, "ended \xff", close_payload(1000)}, Case{4999, "x", close_payload(4999, "x")},
        Case{0, "x", ""}, Case{1005, "", ""}, Case{1006, "x", ""}, Case{1015, "x", ""}, Case{2999, "x", ""},
        Case{5000, "x", ""}}) {
    FakePeer other;
    const auto made = make_intrusive<Connection>(FakeStream::make(loop, other), options, handler);
    made->close(each.code, each.reason);
    EXPECT_FALSE(made->is_open());
    other.end_turn();
    EXPECT_EQ(other.received, server_frame(Opcode::close, each.payload)) << each.code;
    made->abort();
  }
}

TEST_F(ConnectionTest, APeerThatDoesNotAnswerTheCloseIsCutIn5Seconds) {
  open();
  connection->close();
  loop.advance(4900ms);
  EXPECT_FALSE(peer.gone());
  peer.deliver(client_text("still here"));
  loop.advance(200ms);
  EXPECT_TRUE(peer.closed);
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
}

TEST_F(ConnectionTest, TheTimeToAnswerACloseIsAnOption) {
  options.close_timeout = 20s;
  open();
  connection->close();
  loop.advance(19900ms);
  EXPECT_FALSE(peer.gone());
  loop.advance(200ms);
  EXPECT_TRUE(peer.closed);
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
}

TEST_F(ConnectionTest, AClosedConnectionMayBeDroppedAtOnce) {
  open();
  connection->send_text("last");
  connection->close();
  connection.reset();
  EXPECT_TRUE(peer.retired);
  EXPECT_EQ(peer.received, server_text("last") + server_close(1000));
}

TEST_F(ConnectionTest, AnOpenConnectionThatIsDroppedIsCut) {
  open();
  connection.reset();
  EXPECT_TRUE(peer.closed);
}

TEST_F(ConnectionTest, AbortCallsNobody) {
  open();
  connection->abort();
  EXPECT_TRUE(peer.closed);
  EXPECT_TRUE(handler.log.empty());
  EXPECT_FALSE(connection->send_text("x"));
  EXPECT_EQ(connection->unsent(), 0u);
  connection->abort();
  connection->close();
  connection->pause();
  connection->resume();
}

TEST_F(ConnectionTest, TheEndOfTheStreamWithoutACloseFrameIsUnclean) {
  open();
  peer.handler->on_eof();
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
  EXPECT_TRUE(peer.closed);
}

TEST_F(ConnectionTest, ABrokenStreamIsUnclean) {
  open();
  peer.handler->on_error(std::make_error_code(std::errc::connection_reset));
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
  EXPECT_TRUE(peer.closed);
}

// Faults.

TEST_F(ConnectionTest, AnswersFaultsByTheirCloseCode) {
  struct Fault {
    std::string octets;
    unsigned code;
  };
  const std::string big = test::raw_frame(0x82, test::length_octets(2'000'000), "");
  for (const Fault& fault : {Fault{client_frame(0x83, "x"), 1002}, Fault{std::string("\x81\x01x"), 1002},
                             Fault{client_frame(0xC1, "x"), 1002}, Fault{client_text("\xFF"), 1007},
                             Fault{big, 1009}, Fault{client_frame(0x80, "x"), 1002}}) {
    for (bool by_octet : {false, true}) {
      peer = {};
      handler.log.clear();
      open();
      const std::string octets = client_text("good") + fault.octets + client_text("late");
      by_octet ? peer.deliver_by_octet(octets) : peer.deliver(octets);
      EXPECT_EQ(handler.log, (Log{"text:good", "close:" + std::to_string(fault.code) + ":unclean"}));
      EXPECT_EQ(peer.received, server_close(fault.code, handler.reason));
      EXPECT_TRUE(peer.retired);
    }
  }
}

TEST_F(ConnectionTest, AFaultWhileClosingEndsIt) {
  open();
  connection->close(4000);
  EXPECT_EQ(answer_to(client_frame(0x83, "")), server_close(4000));
  EXPECT_EQ(handler.log, (Log{"close:1002:unclean"}));
}

// Back-pressure.

TEST_F(ConnectionTest, APeerThatDoesNotReadIsNotReadEither) {
  open();
  peer.room = 0;
  const std::string message(100'000, 'm');
  for (int i = 0; i < 10; ++i) connection->send_text(message);
  EXPECT_FALSE(peer.paused);
  connection->send_text(message);
  EXPECT_TRUE(peer.paused);
  peer.read(1'000'000);
  EXPECT_TRUE(peer.paused);
  peer.read(1'000'000);
  EXPECT_FALSE(peer.paused);
  EXPECT_EQ(handler.log, (Log{"drained"}));
  loop.advance(60s);
  EXPECT_TRUE(connection->is_open());
}

TEST_F(ConnectionTest, WhatTheKernelTakesIsNoBackPressure) {
  open();
  for (int i = 0; i < 100; ++i) connection->send_text(std::string(1'000'000, 'm'));
  EXPECT_FALSE(peer.paused);
  EXPECT_TRUE(connection->is_open());
}

TEST_F(ConnectionTest, ASlowReaderIsDroppedInTime) {
  open();
  peer.room = 0;
  connection->send_text(std::string(2'000'000, 'm'));
  loop.advance(9900ms);
  EXPECT_TRUE(connection->is_open());
  loop.advance(200ms);
  EXPECT_EQ(handler.log, (Log{"close:1008:unclean"}));
  EXPECT_EQ(handler.reason, "slow reader");
  EXPECT_TRUE(peer.closed);
}

TEST_F(ConnectionTest, TheTimeOfASlowReaderIsAnOption) {
  options.backpressure_timeout = 2s;
  options.send_limit = 1000;
  open();
  peer.room = 0;
  connection->send_text(std::string(1000, 'm'));
  loop.advance(1900ms);
  EXPECT_TRUE(connection->is_open());
  loop.advance(200ms);
  EXPECT_EQ(handler.log, (Log{"close:1008:unclean"}));
  EXPECT_TRUE(peer.closed);
}

TEST_F(ConnectionTest, AReaderThatGetsUnderTheLimitInTimeStays) {
  open();
  peer.room = 0;
  connection->send_text(std::string(2'000'000, 'm'));
  peer.read(1'000'000);
  loop.advance(10100ms);
  EXPECT_TRUE(connection->is_open());
  EXPECT_FALSE(peer.paused);
  connection->send_text(std::string(200'000, 'm'));  // over the limit again: the time starts anew
  EXPECT_TRUE(peer.paused);
  loop.advance(9900ms);
  EXPECT_TRUE(connection->is_open());
  loop.advance(200ms);
  EXPECT_FALSE(connection->is_open());
}

TEST_F(ConnectionTest, TooMuchForASlowReaderDropsItAtOnceButTellsLater) {
  open();
  peer.room = 0;
  const std::string message(500'000, 'm');
  int sent = 0;
  while (connection->send_text(message)) ASSERT_LT(++sent, 20);
  EXPECT_EQ(sent, 9);        // the ninth passes 4 MiB
  EXPECT_TRUE(peer.closed);  // the memory is free already
  EXPECT_TRUE(handler.log.empty());
  loop.advance(10ms);
  EXPECT_EQ(handler.log, (Log{"close:1008:unclean"}));
}

TEST_F(ConnectionTest, OneMessageMayBeLargerThanAllLimits) {
  open();
  peer.room = 0;
  EXPECT_TRUE(connection->send_text(std::string(20'000'000, 'm')));
  EXPECT_TRUE(connection->is_open());
  EXPECT_FALSE(connection->send_text("m") && connection->is_open());
}

TEST_F(ConnectionTest, ADroppedPeerCanBeLetGoBeforeItIsTold) {
  open();
  peer.room = 0;
  connection->send_text(std::string(5'000'000, 'm'));
  connection->send_text("m");
  connection.reset();
  loop.advance(1s);
  EXPECT_TRUE(handler.log.empty());
}

TEST_F(ConnectionTest, AFloodOfPingsIsBoundedByTheSendLimit) {
  open();
  peer.room = 0;
  std::string pings;
  while (pings.size() < 65'000) pings += client_ping(std::string(125, 'p'));
  int pieces = 0;
  while (!peer.paused) {
    peer.deliver(pings);
    ASSERT_LT(++pieces, 20);
  }
  EXPECT_LE(connection->unsent(), options.send_limit + pings.size());
  loop.advance(11s);
  EXPECT_EQ(handler.log, (Log{"close:1008:unclean"}));
}

TEST_F(ConnectionTest, TheApplicationsPauseAndTheSendLimitsAddUp) {
  open();
  peer.room = 0;
  connection->pause();
  EXPECT_TRUE(peer.paused);
  connection->send_text(std::string(2'000'000, 'm'));
  connection->resume();
  EXPECT_TRUE(peer.paused);
  connection->pause();
  peer.read(3'000'000);
  EXPECT_TRUE(peer.paused);
  connection->resume();
  EXPECT_FALSE(peer.paused);
}

TEST_F(ConnectionTest, WhatWasReadBeforeAPauseComesAfterIt) {
  open();
  handler.then = [&](std::string_view message) {
    if (message == "a" || message == "c") connection->pause();
  };
  peer.deliver(client_text("a") + client_text("b") + client_text("c") + client_frame(0x01, "d"));
  loop.advance(1s);
  EXPECT_EQ(handler.log, (Log{"text:a"}));
  connection->resume();
  EXPECT_EQ(handler.log, (Log{"text:a"})) << "no call calls back";
  peer.deliver(client_frame(0x80, "e") + client_text("f"));  // on its way when the pause began
  EXPECT_EQ(handler.log, (Log{"text:a", "text:b", "text:c"}));
  connection->resume();
  loop.advance(1s);
  EXPECT_EQ(handler.log, (Log{"text:a", "text:b", "text:c", "text:de", "text:f"}));
  EXPECT_FALSE(peer.paused);
}

// Else each message that is taken would let in another block from the kernel.
TEST_F(ConnectionTest, NothingIsReadWhileWhatWasReadBeforeAPauseWaits) {
  open();
  handler.then = [&](std::string_view) { connection->pause(); };
  peer.deliver(client_text("a") + client_text("b") + client_text("c"));
  for (const Log& log : {Log{"text:a", "text:b"}, Log{"text:a", "text:b", "text:c"}}) {
    connection->resume();
    EXPECT_TRUE(peer.paused);
    loop.advance(1s);
    EXPECT_EQ(handler.log, log);
    EXPECT_TRUE(peer.paused);
  }
  connection->resume();
  EXPECT_FALSE(peer.paused);
  connection->pause();
  connection->resume();
  EXPECT_FALSE(peer.paused);
}

TEST_F(ConnectionTest, TheEndComesBehindWhatWasReadBeforeAPause) {
  for (const bool resumes : {true, false}) {
    peer = {};
    handler.log.clear();
    open();
    handler.then = [&](std::string_view message) {
      if (message == "a") connection->pause();
    };
    peer.deliver(client_text("a") + client_text("b") + client_close(1000));
    peer.handler->on_eof();
    EXPECT_EQ(handler.log, (Log{"text:a"}));
    resumes ? connection->resume() : connection->close();
    loop.advance(1s);
    const Log expected =
        resumes ? Log{"text:a", "text:b", "close:1000:clean"} : Log{"text:a", "close:1000:clean"};
    EXPECT_EQ(handler.log, expected);
  }
  open();
  handler.then = [&](std::string_view message) {
    if (message == "a") connection->pause();
  };
  handler.log.clear();
  peer.deliver(client_text("a") + client_text("b"));
  peer.handler->on_eof();
  connection->resume();
  loop.advance(1s);
  EXPECT_EQ(handler.log, (Log{"text:a", "text:b", "close:1006:unclean"}));
}

/// Whoever drops it takes its handler along, and must hear nothing more.
TEST_F(ConnectionTest, IsSilentOnceItIsDroppedInACallbackOfWhatWasKept) {
  const std::vector<std::function<void(loop::StreamHandler&)>> then = {
      [&](loop::StreamHandler&) { loop.advance(1s); },
      [&](loop::StreamHandler&) { peer.deliver(client_text("c")); },
      [&](loop::StreamHandler& stream) { stream.on_eof(); },
  };
  for (const bool messages : {true, false}) {
    for (const auto& happens : then) {
      peer = {};
      handler.log.clear();
      open(client_text("a") + (messages ? client_text("b") : std::string()));
      handler.then = [&](std::string_view) { connection.reset(); };
      happens(*peer.handler);
      loop.advance(1s);
      EXPECT_EQ(handler.log, (Log{"text:a"}));
      EXPECT_TRUE(peer.closed);
    }
  }
  peer = {};
  handler.log.clear();
  handler.then = {};
  open();
  connection->pause();
  peer.deliver(client_text("a"));
  peer.handler->on_eof();
  handler.then = [&](std::string_view) { connection.reset(); };
  connection->resume();
  loop.advance(1s);
  EXPECT_EQ(handler.log, (Log{"text:a"})) << "not even the end";
}

/// Else the decoder would take what follows for something else: a payload for a frame.
TEST_F(ConnectionTest, EndsWhereACallbackThrows) {
  const std::string inner = client_text("forged");
  const std::string whole = client_text("boom") + client_frame(0x82, inner, std::string_view("\0\0\0\0", 4));
  struct Other {};
  for (const bool memory : {false, true}) {
    peer = {};
    handler.log.clear();
    handler.then = {};
    open();
    handler.then = [&](std::string_view message) {
      if (message != "boom") return;
      if (!memory) throw std::bad_alloc();
      throw Other();
    };
    const std::string_view first = std::string_view(whole).substr(0, whole.size() - inner.size());
    if (memory) {
      EXPECT_THROW(peer.deliver(first), Other);
    } else {
      EXPECT_NO_THROW(peer.deliver(first));
    }
    EXPECT_TRUE(peer.closed);
    peer.deliver(inner);
    EXPECT_EQ(handler.log, (Log{"text:boom", memory ? "close:1011:unclean" : "close:1006:unclean"}));
  }
  peer = {};
  handler.log.clear();
  open(client_text("a"));
  handler.then = [&](std::string_view) {
    connection.reset();
    throw Other();
  };
  EXPECT_THROW(loop.advance(1s), Other);
  EXPECT_EQ(handler.log, (Log{"text:a"})) << "it is gone";
  EXPECT_TRUE(peer.closed);
}

TEST_F(ConnectionTest, ClosingReadsOnForThePeersAnswer) {
  open();
  connection->pause();
  connection->close();
  EXPECT_FALSE(peer.paused);
}

// Handlers that pull the rug from under the connection.

TEST_F(ConnectionTest, ASilentPeerIsGoneAfterAPingWithoutAnswer) {
  open();
  loop.advance(24s);
  EXPECT_EQ(answer_to(""), "");
  loop.advance(2s);
  EXPECT_EQ(answer_to(client_frame(0x8A, "")), server_frame(Opcode::ping, ""));
  loop.advance(26s);
  EXPECT_EQ(answer_to(""), server_frame(Opcode::ping, "")) << "the pong was heard";
  loop.advance(26s);
  EXPECT_EQ(handler.log, (Log{"pong:", "close:1006:unclean"}));
  EXPECT_EQ(handler.reason, "no answer to a ping");
  EXPECT_TRUE(peer.closed);
}

TEST_F(ConnectionTest, APeerWhoseHalfAFrameIsAllIsGone) {
  for (const std::string& half : {client_text("half a frame").substr(0, 9), client_text("").substr(0, 1)}) {
    peer = {};
    open();
    loop.advance(26s);
    peer.deliver(half);  // too little for the time
    EXPECT_TRUE(connection->is_open());
    loop.advance(26s);
    EXPECT_FALSE(connection->is_open());
    EXPECT_TRUE(peer.closed);
  }
}

TEST_F(ConnectionTest, AFrameMayTakeItsTimeAtTheRate) {
  options.ping_interval = 1s;
  options.frame_rate = 100;
  for (const std::size_t rate : {99u, 100u}) {
    peer = {};
    handler.log.clear();
    open();
    loop.advance(1001ms);
    const std::string frame = client_binary(std::string(2000, 'm'));
    for (std::size_t at = 0; at < frame.size(); at += rate) {
      peer.deliver(std::string_view(frame).substr(at, rate));
      loop.advance(1001ms);
    }
    EXPECT_EQ(handler.log.front(), rate < 100 ? "close:1006:unclean" : "binary:" + std::string(2000, 'm'));
  }
}

TEST_F(ConnectionTest, NobodyIsWatchedWithoutPings) {
  options.ping_interval = 0s;
  open();
  for (int i = 0; i < 10; ++i) loop.advance(100s);
  EXPECT_EQ(answer_to(""), "");
  EXPECT_TRUE(connection->is_open());
}

TEST_F(ConnectionTest, WhomThePausedDoNotReadMayBeSilent) {
  open();
  connection->pause();
  for (int i = 0; i < 5; ++i) loop.advance(26s);
  EXPECT_TRUE(connection->is_open());
  connection->resume();
  loop.advance(26s);
  EXPECT_TRUE(connection->is_open()) << "it has an interval to be heard in";
  peer.gone_unseen = true;
  connection->pause();
  loop.advance(26s);
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
  EXPECT_EQ(handler.reason, "the peer has gone");
}

TEST_F(ConnectionTest, WhatCameBeforeTheEndIsReadThoughALookAtThePeerComesFirst) {
  open();
  peer.gone_unseen = true;
  loop.advance(26s);
  EXPECT_EQ(handler.log, (Log{}));
  peer.deliver(client_text("last words") + client_frame(0x88, close_payload(1000)));
  EXPECT_EQ(handler.log, (Log{"text:last words", "close:1000:clean"}));
}

TEST_F(ConnectionTest, WhoHasClosedIsNotPinged) {
  open();
  connection->close();
  answer_to("");
  peer.room = 0;
  loop.advance(4s);
  EXPECT_EQ(answer_to(""), "");
  loop.advance(26s);
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
  EXPECT_EQ(handler.reason, "no answer to our close frame");
}

class Suicidal : public ConnectionTest, public testing::WithParamInterface<std::string> {
 protected:
  void strike() {
    const std::string& how = GetParam();
    if (how == "close") connection->close();
    if (how == "abort") connection->abort();
    if (how == "drop") connection.reset();
    if (how == "close and drop") {
      connection->close();
      connection.reset();
    }
    if (how == "detach and drop") {
      connection->set_handler(nullptr);
      connection.reset();
    }
    if (how == "flood") {
      peer.room = 0;
      while (connection->send_text(std::string(500'000, 'm'))) continue;
    }
  }
};

TEST_P(Suicidal, InAMessage) {
  for (const std::string& message :
       {client_text("a"), client_frame(0x01, "a") + client_frame(0x80, "b"), client_binary("a")}) {
    for (bool by_octet : {false, true}) {
      peer = {};
      handler.log.clear();
      open();
      handler.then = [this](std::string_view text) {
        if (text.empty()) return;
        const std::string before(text);
        strike();
        EXPECT_EQ(text, before);  // the message is ours until we return
      };
      const std::string octets = message + client_text("never") + client_ping("never");
      by_octet ? peer.deliver_by_octet(octets) : peer.deliver(octets);
      loop.advance(20s);
      ASSERT_FALSE(handler.log.empty());
      for (const std::string& line : handler.log) EXPECT_EQ(line.find("never"), std::string::npos) << line;
      EXPECT_TRUE(peer.gone());
    }
  }
}

TEST_P(Suicidal, InTheHandlerThatDiesWithIt) {
  auto own = std::make_unique<Recorder>();
  connection = make_intrusive<Connection>(FakeStream::make(loop, peer), options, *own);
  own->then = [this, &own](std::string_view) {
    strike();
    if (connection) connection->set_handler(nullptr);
    connection.reset();
    const auto last = std::move(own->then);
    own.reset();
  };
  peer.deliver(client_text("a") + client_text("b") + client_ping("c"));
  loop.advance(20s);
  EXPECT_FALSE(own);
  EXPECT_TRUE(peer.gone());
}

TEST_P(Suicidal, InOnClose) {
  open();
  handler.then = [this](std::string_view) { strike(); };
  peer.deliver(client_close(1000));
  EXPECT_EQ(handler.log, (Log{"close:1000:clean"}));
  loop.advance(20s);
  EXPECT_EQ(handler.log.size(), 1u);
}

TEST_P(Suicidal, InOnCloseAfterAFault) {
  open();
  handler.then = [this](std::string_view) { strike(); };
  peer.deliver(client_frame(0x83, ""));
  loop.advance(20s);
  EXPECT_EQ(handler.log, (Log{"close:1002:unclean"}));
}

TEST_P(Suicidal, InOnCloseOfATimer) {
  open();
  handler.then = [this](std::string_view) { strike(); };
  connection->close();
  loop.advance(6s);
  EXPECT_EQ(handler.log, (Log{"close:1006:unclean"}));
}

TEST_P(Suicidal, InEarlyInput) {
  open(client_text("a") + client_text("never"));
  handler.then = [this](std::string_view) { strike(); };
  loop.advance(10ms);
  loop.advance(20s);
  EXPECT_EQ(handler.log[0], "text:a");
  for (const std::string& line : handler.log) EXPECT_NE(line, "text:never");
}

INSTANTIATE_TEST_SUITE_P(All, Suicidal,
                         testing::Values("close", "abort", "drop", "close and drop", "detach and drop",
                                         "flood"));

}  // namespace
}  // namespace verdin::websocket
