// Destructors and timers of the WebSocket layer that have something to say, and no memory for it: each of
// their allocations fails in turn. And no stack for a route's function. Nothing ends but the connection.
#include <cerrno>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/websocket/channels.hpp>
#include <verdin/websocket/connect.hpp>

#include "support/websocket_fake_stream.hpp"
#include "system/failing_calls.h"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

using websocket::Channel;
using websocket::Channels;
using websocket::Stream;

/// Destroys what `make` makes, again and again, until none of its allocations is left to fail. Returns how
/// many did.
template <typename Play>
int failures_of(Play play) {
  int failed = 0;
  while (play(failed + 1)) {
    if (++failed == 100) break;
  }
  return failed;
}

template <typename T>
bool destroy(std::optional<T>& object, int n) {
  failing_begin(failing_new, n, ENOMEM);
  object.reset();
  return failing_end() != 0;
}

/// A server, and how the connection ended there.
class Site {
 public:
  explicit Site(websocket::StreamHandler handler) {
    websocket::RouteOptions options;
    options.subprotocols = {std::string(websocket::kChannelsProtocol)};
    websocket::route(
        app_, "/",
        [this, handler = std::move(handler)](Stream& peer) mutable {
          handler(peer);
          code = peer.wait_for_end().code;
          ended.set();
        },
        options);
    app_.listen({"127.0.0.1", 0}).start();
  }
  ~Site() {
    app_.stop();
    app_.join();
  }
  Stream connect() const {
    websocket::ClientOptions options;
    options.subprotocols = {std::string(websocket::kChannelsProtocol)};
    return websocket::connect("ws://127.0.0.1:" + std::to_string(app_.port()) + "/", options);
  }

  Event ended;
  int code = 0;

 private:
  http::App app_;
};

TEST(WebSocketWithoutMemory, AClientsStreamIsClosedOrCut) {
  const int failed = failures_of([](int n) {
    bool struck = false;
    run([&] {
      Site site([](Stream&) {});
      std::optional<Stream> stream(site.connect());
      struck = destroy(stream, n);
      EXPECT_TRUE(site.ended.wait_for(60s));
      EXPECT_EQ(site.code, struck ? 1006 : 1000);
    });
    return struck;
  });
  EXPECT_GT(failed, 0);
}

TEST(WebSocketWithoutMemory, AMessageIsGivenUp) {
  const int failed = failures_of([](int n) {
    bool struck = false;
    run([&] {
      Site site([](Stream&) {});
      Stream stream = site.connect();
      std::optional<websocket::MessageSink> sink(stream.begin_text());
      sink->write("half");
      struck = destroy(sink, n);
      EXPECT_TRUE(site.ended.wait_for(60s));
      EXPECT_EQ(site.code, struck ? 1006 : 1011);
      EXPECT_EQ(stream.wait_for_end().code, struck ? 1006 : 1011) << "nobody waits for ever";
    });
    return struck;
  });
  EXPECT_GT(failed, 0);
}

TEST(WebSocketWithoutMemory, ChannelsAreResetOrAllAreOver) {
  const int failed = failures_of([](int n) {
    bool struck = false;
    run([&] {
      std::string heard;
      Event has_heard;
      Site site([&](Stream& peer) {
        Channels channels(peer);
        std::optional<Channel> channel = channels.accept();
        ASSERT_TRUE(channel);
        while (const auto message = channel->receive()) {
          heard += message->data;
          has_heard.set();
        }
      });
      Stream stream = site.connect();
      {
        Channels channels(stream);
        Channel other = channels.open("other");
        EXPECT_TRUE(other.send("hello"));
        EXPECT_TRUE(has_heard.wait_for(60s));
        // Nothing leaves in between: what is queued outgrows what there is room for.
        std::optional<std::vector<Channel>> some(std::in_place);
        for (int i = 0; i < 12; ++i) some->push_back(channels.open("some"));
        struck = destroy(some, n);
        EXPECT_EQ(other.is_open(), !struck);
        EXPECT_EQ(other.send(", still there"), !struck);
        EXPECT_TRUE(struck || channels.size() == 1);
      }
      stream.close();
      EXPECT_TRUE(site.ended.wait_for(60s));
      EXPECT_EQ(heard.substr(0, 5), "hello");
      EXPECT_EQ(heard.size() > 5, !struck);
      EXPECT_EQ(site.code, struck ? 1006 : 1000);
    });
    return struck;
  });
  EXPECT_GT(failed, 0);
}

/// The handshake is done when there turns out to be no stack for the function.
TEST(WebSocketWithoutMemory, WithoutAStackItEndsAndNothingIsLeft) {
  run([] {
    http::Options patient;
    patient.stop_grace = 1h;
    http::App app(patient);
    int served = 0;
    int reported = 0;
    app.on_error([&](const http::Request*, std::exception_ptr) { ++reported; });
    websocket::route(app, "/", [&](Stream& peer) {
      ++served;
      peer.send("hi");
      peer.wait_for_end();
    });
    app.listen({"127.0.0.1", 0}).start();
    const std::string url = "ws://127.0.0.1:" + std::to_string(app.port()) + "/";
    std::vector<Stream> streams;
    streams.push_back(websocket::connect(url));
    EXPECT_TRUE(streams[0].receive());
    int unserved = 0;
    failing_begin_lasting(failing_large_map, 1, 1'000'000, ENOMEM);
    for (int i = 0; i < 1000 && unserved < 3; ++i) {
      const Timeout limit(60s);
      Stream stream = websocket::connect(url);
      if (stream.receive()) {
        streams.push_back(std::move(stream));
        continue;
      }
      ++unserved;
      EXPECT_EQ(stream.wait_for_end().code, 1011);
    }
    failing_end();
    EXPECT_EQ(unserved, 3);
    EXPECT_EQ(reported, 3);
    EXPECT_EQ(served, static_cast<int>(streams.size()));
    EXPECT_TRUE(websocket::connect(url).receive()) << "what comes later is served";
    streams.clear();
    const Timeout limit(60s);
    app.stop();
    app.join();
  });
}

/// What a timer tells, or what a connection was cut for, keeps its code.
TEST(WebSocketWithoutMemory, WhatATimerEndsIsTold) {
  struct Hearer final : websocket::ConnectionHandler {
    void on_text(std::span<char>) override {}
    void on_binary(std::span<char>) override {}
    void on_close(const websocket::Close& close) override {
      code = close.code;
      ++calls;
    }
    int code = 0;
    int calls = 0;
  };
  websocket::Options options;
  options.ping_interval = 1s;
  options.close_timeout = 1s;
  options.send_limit = 10;
  options.drop_limit = 20;
  using websocket::Connection;
  const std::vector<std::pair<int, std::function<void(Connection&)>>> ways = {
      {1006, [](Connection&) {}},  // it answers no ping
      {1006, [](Connection& connection) { connection.close(); }},
      {1006,
       [](Connection& connection) {  // "closed within a message"
         connection.begin_message(websocket::Opcode::text, 10);
         connection.close();
       }},
      {1008,
       [](Connection& connection) {
         connection.begin_message(websocket::Opcode::text, 10);
         for (int i = 0; i < 10; ++i) connection.send_text("12345678");
       }},
  };
  for (const auto& [code, way] : ways) {
    bool struck = true;
    for (int n = 1; struck; ++n) {
      struck = false;
      FakeLoop loop;
      FakePeer peer;
      Hearer hearer;
      const auto connection = make_intrusive<Connection>(FakeStream::make(loop, peer), options, hearer);
      way(*connection);
      for (int i = 0; i < 10; ++i) {
        if (!struck) failing_begin(failing_new, n, ENOMEM);
        EXPECT_NO_THROW(loop.advance(1s));
        struck = failing_end() != 0 || struck;
      }
      EXPECT_EQ(hearer.code, code) << n;
      EXPECT_EQ(hearer.calls, 1) << n;
    }
  }
}

}  // namespace
}  // namespace verdin::test
