#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/websocket/channels.hpp>
#include <verdin/websocket/connect.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_raw_client.hpp"

namespace verdin::websocket {
namespace {

using namespace std::chrono_literals;

/// Runs `serve` with the server's channels, and `use` with the client's.
template <typename Serve, typename Use>
void converse(Serve serve, Use use, ChannelLimits limits = {}) {
  run([&] {
    RouteOptions options;
    options.subprotocols = {std::string(kChannelsProtocol)};
    http::App app;
    route(
        app, "/",
        [&](Stream& stream) {
          Channels channels(stream, limits);
          serve(channels);
        },
        options);
    app.listen({"127.0.0.1", 0}).start();
    ClientOptions client;
    client.subprotocols = options.subprotocols;
    {
      Stream stream = connect("ws://127.0.0.1:" + std::to_string(app.port()) + "/", client);
      Channels channels(stream);
      use(channels);
    }
    app.stop();
    app.join();
  });
}

/// Sends back what comes on each channel, which have a greenlet each.
void echo_each(Channels& channels) {
  Group group;
  while (std::optional<Channel> channel = channels.accept()) {
    group.spawn(
        [](Channel each) {
          while (const auto message = each.receive()) each.send(*message);
          each.end();
        },
        std::move(*channel));
  }
  group.join();
}

TEST(Channels, EachIsAConversationOfItsOwn) {
  converse(echo_each, [](Channels& channels) {
    Channel one = channels.open("one");
    Channel two = channels.open("two");
    EXPECT_TRUE(one.send("1"));
    EXPECT_TRUE(two.send_binary("2"));
    EXPECT_EQ(two.receive(), (Message{"2", true}));
    EXPECT_EQ(one.receive(), (Message{"1", false}));
    const std::string much(900'000, 'm');
    EXPECT_TRUE(one.send(much));
    EXPECT_EQ(one.receive(), (Message{much, false}));
    EXPECT_EQ(one.name(), "one");
    one.end();
    EXPECT_FALSE(one.send("more"));
    EXPECT_EQ(one.receive(), std::nullopt);
    EXPECT_FALSE(one.is_open());
    EXPECT_EQ(one.reset_code(), 0);
    EXPECT_TRUE(two.is_open());
  });
}

TEST(Channels, AServerMayOpenThem) {
  converse(
      [](Channels& channels) {
        Channel news = channels.open("news");
        news.send("rain");
        news.end();
        EXPECT_EQ(news.receive(), std::nullopt);
      },
      [](Channels& channels) {
        std::optional<Channel> news = channels.accept();
        ASSERT_TRUE(news);
        EXPECT_EQ(news->name(), "news");
        EXPECT_EQ(news->receive(), (Message{"rain", false}));
        EXPECT_EQ(news->receive(), std::nullopt);
        news->end();
        EXPECT_EQ(channels.accept(), std::nullopt);  // the server's function has returned
      });
}

TEST(Channels, SmallMessagesPassLargeOnes) {
  converse(echo_each, [](Channels& channels) {
    Channel large = channels.open("large");
    Channel small = channels.open("small");
    bool large_is_through = false;
    auto upload = spawn([&] {
      const std::string much(900'000, 'm');
      for (int i = 0; i < 30; ++i) large.send(much);
      large.end();
      large_is_through = true;
    });
    auto download = spawn([&] {
      std::size_t octets = 0;
      while (const auto message = large.receive()) octets += message->data.size();
      return octets;
    });
    int rounds = 0;
    for (; !large_is_through; ++rounds) {
      ASSERT_TRUE(small.send("ping"));
      ASSERT_TRUE(small.receive());
    }
    EXPECT_GE(rounds, 20);
    EXPECT_EQ(download.get(), 30u * 900'000u);
    upload.join();
  });
}

TEST(Channels, ASlowReaderStopsItsOwnChannelOnly) {
  Event read;
  converse(
      [&](Channels& channels) {
        std::optional<Channel> slow = channels.accept();
        std::optional<Channel> other = channels.accept();
        while (auto message = other->receive()) other->send(*message);
        // Only now.
        std::size_t octets = 0;
        while (auto message = slow->receive()) octets += message->data.size();
        EXPECT_EQ(octets, 100u * 10'000u);
      },
      [&](Channels& channels) {
        Channel slow = channels.open("slow");
        Channel other = channels.open("other");
        int sent = 0;
        auto sender = spawn([&] {
          for (; sent < 100; ++sent) slow.send(std::string(10'000, 's'));
          slow.end();
        });
        for (int i = 0; i < 50; ++i) {
          other.send("x");
          ASSERT_TRUE(other.receive());
        }
        EXPECT_LT(sent, 30);  // 256 KiB
        other.end();
        sender.join();
        EXPECT_EQ(slow.receive(), std::nullopt);
      });
}

TEST(Channels, AreOverWhenTheConnectionEnds) {
  converse(
      [](Channels& channels) {
        std::optional<Channel> channel = channels.accept();
        channel->send("last");
        channel->receive();
      },
      [](Channels& channels) {
        Channel channel = channels.open("x");
        EXPECT_EQ(channel.receive(), (Message{"last", false}));
        channel.send("thanks");
        EXPECT_EQ(channel.receive(), std::nullopt);
        EXPECT_FALSE(channel.is_open());
        EXPECT_NE(channel.reset_code(), 0);
        EXPECT_FALSE(channel.send("anybody?"));
        while (channels.accept()) ADD_FAILURE();
        EXPECT_FALSE(channels.open("late").is_open());
      });
}

TEST(Channels, OutliveWhatMadeThem) {
  std::optional<Channel> left;
  converse(
      [](Channels& channels) {
        while (auto channel = channels.accept()) channel->receive();
      },
      [&](Channels& channels) { left.emplace(channels.open("x")); });
  EXPECT_FALSE(left->is_open());
}

TEST(Channels, ASendThatIsKilledHalfwayResetsItsChannel) {
  converse(
      [](Channels& channels) {
        std::optional<Channel> channel = channels.accept();
        std::optional<Channel> other = channels.accept();
        EXPECT_EQ(other->receive(), (Message{"go on", false}));
        while (channel->receive()) {
        }
        EXPECT_EQ(channel->reset_code(), 1011);
        other->send("seen");
      },
      [](Channels& channels) {
        Channel channel = channels.open("x");
        Channel other = channels.open("y");
        // The server does not receive, so that the credit is used up in the midst of the second.
        const std::string much(200'000, 'm');
        bool first = false;
        auto sender = spawn([&] {
          channel.send(much);
          first = true;
          channel.send(much);
          ADD_FAILURE();
        });
        while (!first) sleep(1ms);
        // What is sent behind it on another channel has arrived: so the second has begun.
        Channel third = channels.open("z");
        third.send("x");
        third.send("x");
        sender.kill();
        EXPECT_FALSE(channel.is_open());
        EXPECT_TRUE(other.send("go on"));
        EXPECT_EQ(other.receive(), (Message{"seen", false}));
      });
}

TEST(Channels, TooManyAreResetAndTheOthersGoOn) {
  converse(
      [](Channels& channels) {
        std::vector<Channel> held;
        for (int i = 0; i < 3; ++i) held.push_back(std::move(*channels.accept()));
        EXPECT_EQ(held[0].receive(), (Message{"fine", false}));
      },
      [](Channels& channels) {
        std::vector<Channel> held;
        for (int i = 0; i < 4; ++i) held.push_back(channels.open("x"));
        EXPECT_EQ(held[3].receive(), std::nullopt);
        EXPECT_EQ(held[3].reset_code(), 1013);
        EXPECT_TRUE(held[0].is_open());
        held[0].send("fine");
        EXPECT_EQ(held[0].receive(), std::nullopt);
      },
      {.channels = 3});
  converse([](Channels& channels) { channels.accept(); },
           [](Channels& channels) {
             std::vector<Channel> held;
             EXPECT_THROW(for (;;) held.push_back(channels.open("x")), std::length_error);
             EXPECT_EQ(held.size(), 16u);
           });
}

TEST(Channels, WhatWasSentBeforeAResetIsThereToBeAccepted) {
  converse(
      [](Channels& channels) {
        sleep(1ms);
        std::optional<Channel> marker;
        std::vector<std::string> got;
        while (auto channel = channels.accept()) {
          while (auto message = channel->receive()) got.push_back(message->data);
        }
        EXPECT_EQ(got, (std::vector<std::string>{"line"}));
      },
      [](Channels& channels) {
        {
          Channel log = channels.open("log");
          log.send("line");
        }
        Channel last = channels.open("last");
        last.end();
        EXPECT_EQ(last.receive(), std::nullopt);
      });
}

/// A writer that has to wait for the peer, and senders that give up meanwhile.
TEST(Channels, SendersMayGiveUpWhileTheWriterWaits) {
  run([&] {
    RouteOptions options;
    options.subprotocols = {std::string(kChannelsProtocol)};
    http::App app;
    Event go_on;
    route(
        app, "/",
        [&](Stream&) { go_on.wait(); },  // reads nothing: soon its inbox is full, and then the network
        [&] {
          RouteOptions narrow = options;
          narrow.inbox_limit = 1000;
          return narrow;
        }());
    app.listen({"127.0.0.1", 0}).start();
    ClientOptions client;
    client.subprotocols = options.subprotocols;
    client.send_limit = 1000;
    {
      Stream stream = connect("ws://127.0.0.1:" + std::to_string(app.port()) + "/", client);
      Channels channels(stream);
      std::vector<Channel> all;
      for (int i = 0; i < 16; ++i) all.push_back(channels.open("x"));
      int given_up = 0;
      for (int round = 0; round < 120; ++round) {
        const std::string text(60'000, 't');
        const auto sent =
            with_timeout(2ms, [&] { return all[static_cast<std::size_t>(round) % 16].send(text); });
        if (!sent) ++given_up;
      }
      EXPECT_GT(given_up, 0);
    }
    go_on.set();
    app.stop();
    app.join();
  });
}

/// One that opens channels without end, and does not read that they are too many.
TEST(Channels, AFloodOfControlFramesWaitsForItsAnswersToBeRead) {
  run([] {
    RouteOptions options;
    options.subprotocols = {std::string(kChannelsProtocol)};
    http::App app;
    route(
        app, "/",
        [](Stream& stream) {
          Channels channels(stream, {.channels = 1});
          const std::optional<Channel> first = channels.accept();
          while (channels.accept()) ADD_FAILURE();
        },
        options);
    test::RawClient peer(app);
    peer.send(test::upgrade_request("/", "Sec-WebSocket-Protocol: channels.v1.verdin\r\n"));
    peer.read_until("\r\n\r\n");
    peer.pause();
    constexpr std::uint32_t kOpens = 200'000;
    std::string flood;
    for (std::uint32_t i = 0; i < kOpens; ++i) {
      std::string open(1, '\x01');
      for (int shift = 24; shift >= 0; shift -= 8) open.push_back(static_cast<char>((2 * i + 1) >> shift));
      flood += test::client_binary(open);
    }
    peer.send(flood);
    // Until nothing moves any more: both ends are on this hub.
    std::size_t before = 0;
    for (int still = 0; still < 50; ++still) {
      if (std::exchange(before, peer.unsent()) != peer.unsent()) still = 0;
      sleep(1ms);
    }
    EXPECT_GT(peer.unsent(), flood.size() / 2);
    // And none of them is lost.
    peer.resume();
    constexpr std::size_t kReset = 2 + 5 + 2;
    const std::string answers = peer.read((kOpens - 1) * kReset);
    ASSERT_EQ(answers.size(), (kOpens - 1) * kReset);
    EXPECT_EQ(answers.substr(answers.size() - kReset, 7), std::string("\x82\x07\x05\x00\x06\x1A\x7F", 7));
    peer.disconnect();
    app.stop();
    app.join();
  });
}

TEST(Channels, NeedTheSubprotocol) {
  run([] {
    http::App app;
    route(app, "/", [](Stream& stream) { stream.receive(); });
    app.listen({"127.0.0.1", 0}).start();
    {
      Stream stream = connect("ws://127.0.0.1:" + std::to_string(app.port()) + "/");
      EXPECT_THROW(Channels{stream}, std::invalid_argument);
    }
    app.stop();
    app.join();
  });
}

}  // namespace
}  // namespace verdin::websocket
