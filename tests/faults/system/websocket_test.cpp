// Destructors of the WebSocket layer that have something to say to the peer, and no memory for it: each of
// their allocations fails in turn. Nothing ends but the connection.
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/websocket/channels.hpp>
#include <verdin/websocket/connect.hpp>

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

}  // namespace
}  // namespace verdin::test
