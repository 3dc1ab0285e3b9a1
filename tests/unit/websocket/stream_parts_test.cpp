// Streams: messages in parts, and iteration.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/websocket/stream.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_raw_client.hpp"

namespace verdin::websocket {
namespace {

using namespace std::chrono_literals;
using protocol::websocket::make_frame;
using protocol::websocket::Opcode;
using test::client_close;
using test::client_frame;
using test::client_text;
using test::RawClient;

std::string final_frame(Opcode opcode, std::string_view payload) {
  return std::string(make_frame(opcode, {payload}).view());
}
std::string first_frame(Opcode opcode, std::string_view payload) {
  std::string frame = final_frame(opcode, payload);
  frame[0] = static_cast<char>(frame[0] & 0x7F);
  return frame;
}

/// Runs `serve` for one connection, and `peer` against it.
template <typename Serve, typename Peer>
void converse(const RouteOptions& options, Serve serve, Peer peer) {
  run([&] {
    http::App app;
    route(app, "/", serve, options);
    RawClient client(app);
    client.send(test::upgrade_request("/"));
    client.read_until("\r\n\r\n");
    peer(client);
    client.disconnect();
  });
}

TEST(StreamParts, ALoopOverTheMessages) {
  std::vector<std::string> got;
  converse(
      {},
      [&](Stream& peer) {
        for (Message& message : peer) got.push_back(std::move(message.data));
        EXPECT_EQ(peer.ended()->code, 1000);
      },
      [&](RawClient& client) {
        client.send(client_text("a") + client_text("b") + client_close(1000));
        client.read_to_end();
      });
  EXPECT_EQ(got, (std::vector<std::string>{"a", "b"}));
}

TEST(StreamParts, AreSentAsTheyAreWritten) {
  converse(
      {},
      [](Stream& peer) {
        MessageSink sink = peer.begin_text();
        EXPECT_TRUE(sink.write("one "));
        peer.send("behind");
        peer.receive();  // the part before is out by now
        EXPECT_TRUE(sink.write("two"));
        EXPECT_TRUE(sink.finish());
        EXPECT_FALSE(sink.finish());
        EXPECT_FALSE(sink.write("x"));
        peer.begin_binary().finish();
      },
      [](RawClient& client) {
        EXPECT_EQ(client.read(6), first_frame(Opcode::text, "one "));
        client.send(client_text("go on"));
        const std::string expected = first_frame(Opcode::continuation, "two") +
                                     final_frame(Opcode::continuation, "") +
                                     final_frame(Opcode::text, "behind") + final_frame(Opcode::binary, "");
        EXPECT_EQ(client.read(expected.size()), expected);
      });
}

TEST(StreamParts, NobodyWaitsForWhatLeavesBehindHisOwnMessage) {
  RouteOptions options;
  options.send_limit = 1000;
  converse(
      options,
      [](Stream& peer) {
        MessageSink sink = peer.begin_text();
        EXPECT_TRUE(sink.write("a"));
        for (int i = 0; i < 10; ++i) EXPECT_TRUE(peer.send_binary(std::string(1000, 'x')));
        peer.wait_until_unsent(0);
        EXPECT_TRUE(sink.finish());
        peer.wait_until_unsent(0);
        EXPECT_TRUE(peer.is_open());
      },
      [](RawClient& client) {
        std::string expected = first_frame(Opcode::text, "a") + final_frame(Opcode::continuation, "");
        for (int i = 0; i < 10; ++i) expected += final_frame(Opcode::binary, std::string(1000, 'x'));
        EXPECT_TRUE(client.read(expected.size()) == expected);
      });
}

TEST(StreamParts, AnotherSinkWaitsForItsTurn) {
  converse(
      {},
      [](Stream& peer) {
        std::vector<std::string> order;
        auto other = [&] {
          MessageSink sink = peer.begin_text();
          order.push_back("second begun");
          sink.write("b");
          sink.finish();
        };
        std::optional<Greenlet<void>> greenlet;
        {
          MessageSink sink = peer.begin_text();
          greenlet = spawn(other);
          sleep(0ms);
          sleep(0ms);
          sink.write("a");
          order.push_back("first ends");
          sink.finish();
        }
        greenlet->get();
        EXPECT_EQ(order, (std::vector<std::string>{"first ends", "second begun"}));
      },
      [](RawClient& client) {
        const std::string expected = first_frame(Opcode::text, "a") + final_frame(Opcode::continuation, "") +
                                     first_frame(Opcode::text, "b") + final_frame(Opcode::continuation, "");
        EXPECT_EQ(client.read(expected.size()), expected);
      });
}

TEST(StreamParts, AMessageOfKnownLengthIsOneFrame) {
  RouteOptions options;
  options.receive_parts = true;
  converse(
      options,
      [](Stream& peer) {
        std::optional<Part> part = peer.receive_part();
        ASSERT_TRUE(part);
        ASSERT_TRUE(part->remaining);
        MessageSink sink = peer.begin_binary(part->data.size() + *part->remaining);
        while (sink.write(part->data) && !part->last) part = peer.receive_part();
        EXPECT_THROW(sink.write("more"), std::logic_error);
        EXPECT_TRUE(sink.finish());
        MessageSink given_up = peer.begin_text(3);
        EXPECT_THROW(given_up.finish(), std::logic_error);
      },
      [](RawClient& client) {
        client.send(client_frame(0x82, std::string(100'000, 'x')));
        const std::string expected = final_frame(Opcode::binary, std::string(100'000, 'x'));
        EXPECT_TRUE(client.read(expected.size()) == expected);
        EXPECT_LE(client.read_to_end().size(), 2u) << "a frame's head at most: a close frame would be text";
      });
}

TEST(StreamParts, AMessageThatIsGivenUpClosesTheConnection) {
  converse(
      {},
      [](Stream& peer) {
        {
          MessageSink sink = peer.begin_text();
          sink.write("a");
        }
        EXPECT_FALSE(peer.is_open());
      },
      [](RawClient& client) {
        EXPECT_EQ(client.read(3), first_frame(Opcode::text, "a"));
        EXPECT_EQ(client.read(4), "\x88\x18\x03\xf3");
      });
}

TEST(StreamParts, AWriterWaitsForAPeerThatDoesNotRead) {
  RouteOptions options;
  options.send_limit = 10'000;
  int written = 0;
  converse(
      options,
      [&](Stream& peer) {
        MessageSink sink = peer.begin_binary();
        for (; written < 200; ++written) ASSERT_TRUE(sink.write(std::string(100'000, 'x')));
        EXPECT_TRUE(sink.finish());
      },
      [&](RawClient& client) {
        client.pause();
        while (written < 1) sleep(1ms);
        EXPECT_LT(written, 200);  // without blocking it would have come to the end at once
        client.resume();
        const std::size_t all = 200 * (10 + 100'000) + 2;
        EXPECT_EQ(client.read(all).size(), all);
      });
}

TEST(StreamParts, WhoBeginsMessagesOfNoOctetsWaitsToo) {
  RouteOptions options;
  options.send_limit = 10'000;
  options.drop_limit = 100'000;
  constexpr int kAll = 1'000'000;
  int sent = 0;
  converse(
      options,
      [&](Stream& peer) {
        for (; sent < kAll; ++sent) ASSERT_TRUE((sent % 2 ? peer.begin_text(0) : peer.begin_text()).finish());
      },
      [&](RawClient& client) {
        client.pause();
        while (sent < 1) sleep(1ms);
        EXPECT_LT(sent, kAll);
        client.resume();
        EXPECT_EQ(client.read(std::size_t{2} * kAll).size(), std::size_t{2} * kAll);
      });
}

TEST(StreamParts, AreReceivedAsTheyArrive) {
  RouteOptions options;
  options.receive_parts = true;
  options.max_message_size = 10;
  converse(
      options,
      [](Stream& peer) {
        std::optional<Part> part = peer.receive_part();
        ASSERT_TRUE(part);
        EXPECT_EQ(part->data, "be");
        EXPECT_FALSE(part->last);
        peer.send("go on");
        std::string rest;
        while ((part = peer.receive_part()) && !part->last) rest += part->data;
        ASSERT_TRUE(part);
        EXPECT_EQ(rest + part->data, std::string(1000, 'x'));
        EXPECT_TRUE(part->binary);
        // Put together again, up to the limit.
        EXPECT_EQ(peer.receive()->data, "whole");
        EXPECT_EQ(peer.receive(), std::nullopt);
      },
      [](RawClient& client) {
        client.send(client_frame(0x02, "be"));
        EXPECT_EQ(client.read(7), final_frame(Opcode::text, "go on"));
        client.send(client_frame(0x80, std::string(1000, 'x')) + client_frame(0x01, "who") +
                    client_frame(0x80, "le"));
        client.send(client_frame(0x01, std::string(6, 'a')) + client_frame(0x80, std::string(6, 'b')));
        EXPECT_EQ(client.read(4), std::string("\x88\x11\x03\xf1", 4));
      });
}

/// However it arrives: a part may be larger than a message.
TEST(StreamParts, AMessageThatIsPutTogetherIsLimitedThoughItComesInOnePart) {
  RouteOptions options;
  options.receive_parts = true;
  options.max_message_size = 10;
  converse(
      options,
      [](Stream& peer) {
        EXPECT_EQ(peer.receive()->data, "0123456789");
        EXPECT_EQ(peer.receive(), std::nullopt);
      },
      [](RawClient& client) {
        client.send(client_text("0123456789") + client_text("0123456789a"));
        EXPECT_EQ(client.read(4), std::string("\x88\x11\x03\xf1", 4));
      });
}

/// Nobody receives until much of a message has been dropped: its rest is no message.
TEST(StreamParts, WhatIsLeftOfADroppedMessageIsDropped) {
  RouteOptions options;
  options.receive_parts = true;
  options.max_message_size = 10'000'000;
  options.inbox_limit = 10'000;
  Event go;
  std::vector<std::string> got;
  converse(
      options,
      [&](Stream& peer) {
        auto reader = spawn([&] {
          go.wait();
          while (auto message = peer.receive()) got.push_back(std::move(message->data));
        });
        peer.wait_for_end();
        reader.join();
      },
      [&](RawClient& client) {
        const std::string pong = final_frame(Opcode::pong, "?");
        client.send(client_frame(0x01, std::string(500'000, 'x')) + client_frame(0x89, "?"));
        EXPECT_EQ(client.read(pong.size()), pong);  // much of it has been dropped by now
        client.send(client_frame(0x80, "tail") + client_text("next") + client_frame(0x89, "?"));
        EXPECT_EQ(client.read(pong.size()), pong);
        go.set();
        client.send(client_close(1000));
        client.read_to_end();
      });
  EXPECT_EQ(got, (std::vector<std::string>{"next"}));
}

TEST(StreamParts, AMessageIsOnePartWhereNoneWereAskedFor) {
  converse(
      {},
      [](Stream& peer) {
        const std::optional<Part> part = peer.receive_part();
        ASSERT_TRUE(part);
        EXPECT_EQ(part->data, "halves");
        EXPECT_TRUE(part->last);
      },
      [](RawClient& client) {
        client.send(client_frame(0x01, "hal") + client_frame(0x80, "ves"));
        client.read(4);
      });
}

}  // namespace
}  // namespace verdin::websocket
