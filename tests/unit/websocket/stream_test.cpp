#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/websocket/accept.hpp>
#include <verdin/websocket/stream.hpp>

#include "support/wanted_loop.hpp"
#include "support/websocket_client_frames.hpp"
#include "support/websocket_raw_client.hpp"

namespace verdin::websocket {
namespace {

using namespace std::chrono_literals;
using protocol::websocket::make_frame;
using protocol::websocket::Opcode;
using test::client_binary;
using test::client_close;
using test::client_frame;
using test::client_text;
using test::close_payload;
using test::RawClient;
using test::upgrade_request;

std::string server_text(std::string_view payload) {
  return std::string(make_frame(Opcode::text, {payload}).view());
}
std::string server_close(unsigned code, std::string_view reason = {}) {
  return std::string(make_frame(Opcode::close, {close_payload(code, reason)}).view());
}

void echo(Stream& peer) {
  while (auto message = peer.receive()) peer.send(*message);
}

/// Waits, for at most 5 seconds.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) sleep(1ms);
  return condition();
}

TEST(WantedLoop, is_the_one_it_runs_on) { verdin::test::expect_the_wanted_loop(); }

TEST(WebSocketRoute, AnswersTheHandshakeOfTheRfc) {
  run([] {
    http::App app;
    route(app, "/echo", echo);
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    EXPECT_EQ(client.read_until("\r\n\r\n"),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  });
}

TEST(WebSocketRoute, EchoesAndClosesCleanly) {
  run([] {
    http::App app;
    std::optional<Close> end;
    route(app, "/echo", [&end](Stream& peer) {
      echo(peer);
      end = peer.ended();
    });
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
    client.send(client_text("one") + client_binary("two"));
    EXPECT_EQ(client.read(5), server_text("one"));
    EXPECT_EQ(client.read(5), make_frame(Opcode::binary, {"two"}).view());
    client.send(client_close(1000, "bye"));
    EXPECT_EQ(client.read_to_end(), server_close(1000));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->code, 1000);
    EXPECT_EQ(end->reason, "bye");
    EXPECT_TRUE(end->clean);
  });
}

TEST(WebSocketRoute, TakesAMillionOctetsByDefaultAndNoMore) {
  run([] {
    http::App app;
    route(app, "/size", [](Stream& peer) {
      while (const auto message = peer.receive()) peer.send(std::to_string(message->data.size()));
    });
    for (const bool fragmented : {false, true}) {
      RawClient client(app);
      client.send(upgrade_request("/size", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
      EXPECT_EQ(client.read_until("\r\n\r\n").find("Extensions"), std::string::npos) << "off by default";
      const std::string million(1'000'000, 'm');
      client.send(fragmented ? client_frame(0x02, million) + client_frame(0x80, "") : client_binary(million));
      EXPECT_EQ(client.read(9), server_text("1000000"));
      client.send(fragmented ? client_frame(0x02, million) + client_frame(0x80, "m")
                             : client_binary(million + "m"));
      EXPECT_EQ(client.read(4).substr(2), close_payload(1009)) << fragmented;
    }
  });
}

TEST(WebSocketRoute, ServesFramesThatComeWithTheHandshake) {
  run([] {
    http::App app;
    route(app, "/echo", echo);
    RawClient client(app);
    client.send(upgrade_request("/echo") + client_text("early") + client_frame(0x01, "ha"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read(7), server_text("early"));
    client.send(client_frame(0x80, "lf"));
    EXPECT_EQ(client.read(6), server_text("half"));
  });
}

TEST(WebSocketRoute, GivesTheRequestAndTheSubprotocol) {
  run([] {
    http::App app;
    RouteOptions options;
    options.subprotocols = {"v1", "v2"};
    route(
        app, "/rooms/:name",
        [](Stream& peer) {
          peer.send(std::string(peer.request().param("name")) + " " + std::string(peer.subprotocol()));
        },
        options);
    RawClient client(app);
    client.send(upgrade_request("/rooms/blue", "Sec-WebSocket-Protocol: v3, v2, v1\r\n"));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_NE(head.find("\r\nSec-WebSocket-Protocol: v2\r\n"), std::string::npos) << head;
    EXPECT_EQ(client.read(9), server_text("blue v2"));
    EXPECT_EQ(client.read(4), server_close(1000));  // the function has returned
    client.send(client_close(1000));
    EXPECT_EQ(client.read_to_end(), "");
  });
}

TEST(WebSocketRoute, RefusesBadHandshakes) {
  struct Refusal {
    std::string request;
    std::string status;
  };
  const std::string good = upgrade_request("/echo");
  const auto with = [&good](std::string_view part, std::string_view other) {
    std::string request = good;
    return request.replace(request.find(part), part.size(), other);
  };
  const std::vector<Refusal> refusals = {
      {with("Version: 13", "Version: 12"), "426"},
      {with("Sec-WebSocket-Version: 13\r\n", ""), "426"},
      {with("Upgrade: websocket\r\n", ""), "426"},
      {with("Connection: Upgrade", "Connection: keep-alive"), "400"},
      {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), "400"},
      {with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), "400"},
      {upgrade_request("/echo", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "400"},
      {upgrade_request("/echo", "Sec-WebSocket-Extensions: foo;;\r\n"), "400"},
      {upgrade_request("/echo", "Sec-WebSocket-Protocol: a,,b\r\n"), "400"},
      {upgrade_request("/echo", "Origin: http://evil.example\r\n"), "403"},
      {upgrade_request("/echo", "Origin: null\r\n"), "403"},
      {upgrade_request("/nowhere"), "404"},
  };
  run([&] {
    http::App app;
    route(app, "/echo", echo);
    for (const Refusal& refusal : refusals) {
      RawClient client(app);
      client.send(refusal.request);
      const std::string head = client.read_until("\r\n\r\n");
      EXPECT_EQ(head.substr(0, 13), "HTTP/1.1 " + refusal.status + " ") << refusal.request;
      if (refusal.status == "426") {
        EXPECT_NE(head.find("\r\nSec-WebSocket-Version: 13\r\n"), std::string::npos) << head;
        EXPECT_NE(head.find("\r\nUpgrade: websocket\r\n"), std::string::npos) << head;
      }
    }
  });
}

TEST(WebSocketRoute, ALongHeadIsRefusedBeforeAnythingIsUpgraded) {
  run([] {
    http::Options wide;
    wide.limits.head = 1 << 20;  // so that only their number speaks against them
    for (const http::Options& options : {http::Options(), wide}) {
      http::App app(options);
      bool upgraded = false;
      route(app, "/echo", [&upgraded](Stream&) { upgraded = true; });
      std::string lines;
      for (int i = 0; i < 2000; ++i) lines += "X-" + std::to_string(i) + ": y\r\n";
      RawClient client(app);
      client.send(upgrade_request("/echo", lines));
      const std::string answer = client.read_to_end();
      EXPECT_EQ(answer.substr(0, 13), "HTTP/1.1 431 ") << answer;
      EXPECT_EQ(answer.find("HTTP/1.1 ", 1), answer.npos) << answer;
      EXPECT_FALSE(upgraded);
    }
  });
}

TEST(WebSocketRoute, WelcomesOriginsOfTheSameHostAndThoseListed) {
  run([] {
    http::App app;
    RouteOptions options;
    options.origins = {"https://friend.example:8443"};
    route(app, "/echo", echo, options);
    const auto status = [&app](std::string_view origin) {
      RawClient client(app);
      client.send(upgrade_request("/echo", "Origin: " + std::string(origin) + "\r\n"));
      return client.read_until("\r\n").substr(9, 3);
    };
    for (const char* origin : {"http://example.org", "https://EXAMPLE.org", "https://friend.example:8443"}) {
      EXPECT_EQ(status(origin), "101") << origin;
    }
    for (const char* origin :
         {"http://example.org:81", "http://example.org.evil", "http://x.example.org", "http://u@example.org",
          "ftp://example.org", "example.org", "https://friend.example", "http://friend.example:8443",
          "https://friend.example:8443.evil", "null", "*"}) {
      EXPECT_EQ(status(origin), "403") << origin;
    }
  });
}

TEST(WebSocketRoute, WelcomesNoOtherOriginsUnlessItIsTold) {
  run([] {
    http::App app;
    RouteOptions options;
    options.origins = {"*"};
    route(app, "/own", echo);
    route(app, "/any", echo, options);
    const auto status = [&app](std::string_view path, std::string_view headers) {
      RawClient client(app);
      client.send(upgrade_request(path, headers));
      return client.read_until("\r\n").substr(9, 3);
    };
    for (const char* path : {"/own", "/any"}) {
      EXPECT_EQ(status(path, ""), "101");
      EXPECT_EQ(status(path, "Origin: http://example.org\r\n"), "101");
    }
    EXPECT_EQ(status("/own", "Origin: http://evil.example\r\n"), "403");
    EXPECT_EQ(status("/any", "Origin: http://evil.example\r\n"), "101");
  });
}

/// Sends back what it gets, in callbacks, to the pages of `origins`; none: of whom accept() lets in by
/// itself.
class EchoEndpoint final : public http::Endpoint, ConnectionHandler {
 public:
  explicit EchoEndpoint(std::optional<http::Origins> origins) : origins_(std::move(origins)) {}

 private:
  void on_request(http::ExchangePtr exchange) override {
    connection_ = origins_ ? websocket::accept(exchange, *origins_, Options{}, *this)
                           : websocket::accept(exchange, Options{}, *this);
  }
  void on_text(std::span<char> message) override { connection_->send_text({message.data(), message.size()}); }
  void on_binary(std::span<char>) override {}
  void on_close(const Close&) override {}

  std::optional<http::Origins> origins_;
  IntrusivePtr<Connection> connection_;
};

TEST(WebSocketAccept, AsksWhosePageItIs) {
  run([] {
    http::App app;
    EchoEndpoint untold{std::nullopt}, own{http::Origins()},
        listed{http::Origins({"https://friend.example"})}, any{http::Origins::any()};
    app.mount("/untold", untold);
    app.mount("/own", own);
    app.mount("/listed", listed);
    app.mount("/any", any);
    const auto status = [&app](std::string_view path, const std::string& headers) {
      RawClient client(app);
      client.send(upgrade_request(path, headers) + client_text("?"));
      const std::string head = client.read_until("\r\n\r\n");
      if (head.starts_with("HTTP/1.1 101")) {
        EXPECT_EQ(client.read(3), server_text("?"));
      }
      return head.substr(9, 3);
    };
    for (const char* path : {"/untold", "/own", "/listed", "/any"}) {
      const std::string stranger = path == std::string_view("/any") ? "101" : "403";
      EXPECT_EQ(status(path, ""), "101");
      EXPECT_EQ(status(path, "Origin: http://example.org\r\n"), "101");
      EXPECT_EQ(status(path, "Origin: http://evil.example\r\n"), stranger) << path;
      EXPECT_EQ(status(path, "Origin: null\r\n"), stranger) << path;
    }
    EXPECT_EQ(status("/untold", "Origin: https://friend.example\r\n"), "403");
    EXPECT_EQ(status("/own", "Origin: https://friend.example\r\n"), "403");
    EXPECT_EQ(status("/listed", "Origin: https://friend.example\r\n"), "101");
  });
}

TEST(WebSocketAccept, SaysWhichSubprotocolItHasAgreedOn) {
  class Telling final : public http::Endpoint, ConnectionHandler {
    void on_request(http::ExchangePtr exchange) override {
      connection_ = websocket::accept(exchange, options_, *this);
      connection_->send_text("it is " + std::string(agreed_subprotocol(exchange->request(), options_)));
    }
    void on_text(std::span<char>) override {}
    void on_binary(std::span<char>) override {}
    void on_close(const Close&) override {}

    Options options_{.subprotocols = {"v1", "v2"}};
    IntrusivePtr<Connection> connection_;
  };
  run([] {
    http::App app;
    Telling telling;
    app.mount("/", telling);
    const auto told = [&app](std::string_view headers) {
      RawClient client(app);
      client.send(upgrade_request("/", headers));
      const std::string head = client.read_until("\r\n\r\n");
      const std::size_t line = head.find("\r\nSec-WebSocket-Protocol: ");
      const std::string name = line == head.npos ? "" : head.substr(line + 26, 2);
      EXPECT_EQ(client.read(8 + name.size()), server_text("it is " + name));
      return name;
    };
    EXPECT_EQ(told("Sec-WebSocket-Protocol: v3, v2, v1\r\n"), "v2");
    EXPECT_EQ(told("Sec-WebSocket-Protocol: v3\r\n"), "");
    EXPECT_EQ(told(""), "");
  });
}

TEST(WebSocketRoute, AFunctionThatThrowsClosesWith1011) {
  std::vector<std::string> errors;
  run([&] {
    Hub::current().on_error(
        [&errors](std::string_view where, std::exception_ptr) { errors.emplace_back(where); });
    http::App app;
    route(app, "/echo", [](Stream&) { throw std::runtime_error("oh"); });
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read(4), server_close(1011));
    client.disconnect();
  });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].find("http: /echo ("), 0u) << errors[0];  // with its id
}

TEST(WebSocketRoute, ReceiveEndsWhenThePeerVanishes) {
  run([] {
    http::App app;
    std::optional<Close> end;
    route(app, "/echo", [&end](Stream& peer) {
      echo(peer);
      end = peer.ended();
    });
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
    client.disconnect();
    EXPECT_TRUE(eventually([&] { return end.has_value(); }));
    EXPECT_EQ(end->code, 1006);
  });
}

TEST(WebSocketRoute, MessagesThatCameBeforeTheCloseAreReceived) {
  run([] {
    http::App app;
    std::vector<std::string> received;
    bool done = false;
    route(app, "/echo", [&](Stream& peer) {
      EXPECT_TRUE(eventually([&] { return !peer.is_open(); }));
      while (auto message = peer.receive()) received.push_back(message->data);
      EXPECT_FALSE(peer.send("too late"));
      done = true;
    });
    RawClient client(app);
    client.send(upgrade_request("/echo") + client_text("a") + client_text("b") + client_close(1000));
    EXPECT_TRUE(eventually([&] { return done; }));
    EXPECT_EQ(received, (std::vector<std::string>{"a", "b"}));
  });
}

TEST(WebSocketRoute, SendBlocksWhileThePeerDoesNotRead) {
  run([] {
    http::App app;
    int sent = 0;
    route(app, "/flood", [&sent](Stream& peer) {
      const std::string message(100'000, 'm');
      for (; sent < 100; ++sent) peer.send(message);
    });
    RawClient client(app);
    client.send(upgrade_request("/flood"));
    client.read_until("\r\n\r\n");
    client.pause();
    EXPECT_TRUE(eventually([&] { return sent >= 10; }));
    EXPECT_LT(sent, 100);  // without blocking it would have come to the end at once
    client.resume();
    std::size_t size = 0;
    for (int i = 0; i < 100; ++i) size += client.read(server_text(std::string(100'000, 'm')).size()).size();
    EXPECT_EQ(size, 100 * server_text(std::string(100'000, 'm')).size());
    EXPECT_EQ(sent, 100);
  });
}

TEST(WebSocketRoute, ATimeMayBeForEver) {
  run([] {
    http::App app;
    RouteOptions options;
    options.backpressure_timeout = std::chrono::milliseconds::max();
    int sent = 0;
    route(
        app, "/flood",
        [&sent](Stream& peer) {
          const std::string message(100'000, 'm');
          while (sent < 50 && peer.send(message)) ++sent;
        },
        options);
    RawClient client(app);
    client.send(upgrade_request("/flood"));
    client.read_until("\r\n\r\n");
    client.pause();
    EXPECT_TRUE(eventually([&] { return sent >= 10; }));
    sleep(1ms);
    client.resume();
    const std::size_t all = 50 * server_text(std::string(100'000, 'm')).size();
    EXPECT_EQ(client.read(all).size(), all);
    EXPECT_EQ(sent, 50);
  });
}

/// It takes less than is added meanwhile.
TEST(WebSocketRoute, APeerThatTakesSomethingIsNoSlowReader) {
  run([] {
    http::App app;
    RouteOptions options;
    options.send_limit = 1 << 30;
    options.drop_limit = 1 << 30;
    options.backpressure_timeout = 500ms;
    const std::string more(500'000, 'm');
    bool adding = true, over = false;
    std::optional<Close> end;
    route(
        app, "/",
        [&](Stream& peer) {
          peer.send(more);
          auto others = spawn([&] {
            for (int i = 0; i < 40; ++i) {
              peer.send(more);
              sleep(20ms);
            }
            adding = false;
          });
          peer.wait_until_unsent(0);
          end = peer.ended();
          others.join();
          over = true;
        },
        options);
    RawClient client(app);
    client.send(upgrade_request("/"));
    client.read_until("\r\n\r\n");
    while (adding && !client.ended()) {
      client.pause();
      sleep(20ms);
      client.resume();
      client.read(200'000);
    }
    EXPECT_TRUE(eventually([&] { return over; }));
    EXPECT_FALSE(end) << end->reason;
  });
}

TEST(WebSocketRoute, AFullInboxStopsReading) {
  run([] {
    http::App app;
    RouteOptions options;
    options.inbox_limit = 100'000;
    Event go;
    std::size_t received = 0;
    route(
        app, "/slow",
        [&](Stream& peer) {
          go.wait();
          while (auto message = peer.receive()) received += message->data.size();
        },
        options);
    RawClient client(app);
    client.send(upgrade_request("/slow"));
    client.read_until("\r\n\r\n");
    for (int i = 0; i < 100; ++i) client.send(client_text(std::string(100'000, 'm')));
    client.send(client_close(1000));
    std::size_t before = 0;
    EXPECT_TRUE(eventually([&] {
      sleep(10ms);
      return std::exchange(before, client.unsent()) == client.unsent();
    }));
    EXPECT_GT(client.unsent(), 8'000'000u);
    go.set();
    EXPECT_EQ(client.read_to_end(), server_close(1000));
    EXPECT_TRUE(eventually([&] { return received == 10'000'000; }));
  });
}

/// `count` messages of some 1000 octets that begin with their numbers, and a close frame.
void send_numbers(RawClient& client, int count) {
  client.send(upgrade_request("/"));
  client.read_until("\r\n\r\n");
  std::string octets;
  for (int i = 0; i < count; ++i) octets += client_text(std::to_string(i) + " " + std::string(1000, 'm'));
  client.send(octets + client_close(1000));
}

TEST(WebSocketRoute, NothingIsLostWhereAReaderWorksWhileAnotherWaitsForTheEnd) {
  run([] {
    http::App app;
    RouteOptions options;
    options.inbox_limit = 10'000;
    Event go;
    int received = 0, gaps = 0;
    std::optional<Close> end;
    route(
        app, "/",
        [&](Stream& peer) {
          auto reader = spawn([&] {
            while (const auto message = peer.receive()) {
              if (std::stoi(message->data) != received) ++gaps;
              if (received++ == 0) go.wait();  // it works on the first: all others come meanwhile
            }
          });
          end = peer.wait_for_end();
          reader.join();
        },
        options);
    RawClient client(app);
    send_numbers(client, 2000);
    EXPECT_TRUE(eventually([&] { return received == 1; }));
    std::size_t before = 0;
    EXPECT_TRUE(eventually([&] {
      sleep(10ms);
      return std::exchange(before, client.unsent()) == client.unsent();
    }));
    EXPECT_GT(client.unsent(), 0u) << "it is held back";
    go.set();
    EXPECT_EQ(client.read_to_end(), server_close(1000));
    EXPECT_TRUE(eventually([&] { return end && received == 2000; })) << received;
    EXPECT_EQ(gaps, 0);
    EXPECT_TRUE(end && end->clean);
  });
}

TEST(WebSocketRoute, NothingIsLostWhereTheFunctionMayYetReceive) {
  run([] {
    http::App app;
    RouteOptions options;
    options.inbox_limit = 10'000;
    Event go;
    int received = 0;
    bool told = false;
    route(
        app, "/",
        [&](Stream& peer) {
          auto waits = spawn([&] {
            peer.wait_for_end();
            told = true;
          });
          go.wait();
          while (peer.receive()) ++received;
          waits.join();
        },
        options);
    RawClient client(app);
    send_numbers(client, 2000);
    std::size_t before = 0;
    EXPECT_TRUE(eventually([&] {
      sleep(10ms);
      return std::exchange(before, client.unsent()) == client.unsent();
    }));
    EXPECT_FALSE(told);
    go.set();
    EXPECT_TRUE(eventually([&] { return told && received == 2000; })) << received;
    EXPECT_EQ(client.read_to_end(), server_close(1000));
  });
}

TEST(WebSocketRoute, TheEndIsSeenThoughNobodyReceives) {
  for (const bool reader_leaves_late : {false, true}) {
    run([&] {
      http::App app;
      RouteOptions options;
      options.inbox_limit = 10'000;
      Event go;
      bool reads = false;
      std::optional<Close> end;
      route(
          app, "/",
          [&](Stream& peer) {
            auto reader = spawn([&] {
              EXPECT_TRUE(peer.receive());
              reads = true;
              if (reader_leaves_late) go.wait();
            });
            if (!reader_leaves_late) reader.join();
            end = peer.wait_for_end();
            reader.join();
          },
          options);
      RawClient client(app);
      send_numbers(client, 2000);
      if (reader_leaves_late) {
        std::size_t before = 0;
        EXPECT_TRUE(eventually([&] {
          sleep(10ms);
          return reads && std::exchange(before, client.unsent()) == client.unsent();
        }));
        EXPECT_FALSE(end) << "the reader may come back";
        go.set();
      }
      EXPECT_EQ(client.read_to_end(), server_close(1000)) << reader_leaves_late;
      EXPECT_TRUE(eventually([&] { return end.has_value(); }));
      EXPECT_EQ(end->code, 1000);
    });
  }
}

TEST(WebSocketRoute, APeerThatDoesNotAnswerPingsIsGone) {
  run([] {
    http::App app;
    RouteOptions options;
    options.ping_interval = 20ms;
    std::optional<Close> end;
    route(
        app, "/echo",
        [&end](Stream& peer) {
          echo(peer);
          end = peer.ended();
        },
        options);
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read(2), make_frame(Opcode::ping, {}).view());
    client.send(client_frame(0x8A, ""));
    EXPECT_EQ(client.read(2), make_frame(Opcode::ping, {}).view());
    EXPECT_TRUE(client.read_to_end().size() <= 2);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->code, 1006);
    EXPECT_EQ(end->reason, "no answer to a ping");
  });
}

/// A frame of 300 octets from a peer who sends `piece` of them for each ping. How it ended, and the echo's
/// size.
std::pair<std::optional<Close>, std::size_t> send_slowly(std::size_t piece) {
  std::optional<Close> end;
  std::size_t echoed = 0;
  run([&] {
    http::App app;
    RouteOptions options;
    options.ping_interval = 100ms;
    options.frame_rate = 500;
    route(
        app, "/echo",
        [&](Stream& peer) {
          while (auto message = peer.receive()) echoed += message->data.size();
          end = peer.ended();
        },
        options);
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
    const std::string frame = client_binary(std::string(300, 'm'));
    for (std::size_t at = 0; at < frame.size() && client.read(2).size() == 2; at += piece)
      client.send(frame.substr(at, piece));
    if (!end) client.send(client_close(1000));
    client.read_to_end();
    EXPECT_TRUE(eventually([&] { return end.has_value(); }));
  });
  return {end, echoed};
}

TEST(WebSocketRoute, APeerThatDripsAFrameIsGone) {
  const auto [end, echoed] = send_slowly(1);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, "no answer to a ping");
  EXPECT_EQ(echoed, 0u);
}

TEST(WebSocketRoute, AFrameMayTakeLongerThanPings) {
  const auto [end, echoed] = send_slowly(60);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, 1000);
  EXPECT_EQ(echoed, 300u);
}

TEST(WebSocketRoute, AStoppingAppTellsItsPeersToGoAway) {
  run([] {
    http::App app;
    route(app, "/echo", echo);
    app.listen({"127.0.0.1", 0}).start();
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
    app.stop();
    EXPECT_EQ(client.read(2 + 2 + 22), server_close(1001, "the server is stopping"));
    EXPECT_FALSE(app.stopped());
    client.send(client_close(1001));
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(eventually([&] { return app.stopped(); }));
  });
}

TEST(WebSocketRoute, OthersMayBeInCallsWhenTheFunctionReturns) {
  run([] {
    http::App app;
    std::vector<Greenlet<void>> others;
    std::optional<Close> end;
    route(app, "/", [&](Stream& peer) {
      others.push_back(spawn([&] { end = peer.wait_for_end(); }));
      others.push_back(spawn([&] { EXPECT_FALSE(peer.receive()); }));
      echo(peer);
    });
    RawClient client(app);
    client.send(upgrade_request("/"));
    client.read_until("\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return others.size() == 2 && others[1].active(); }));
    sleep(1ms);
    client.send(client_close(1000, "bye"));
    EXPECT_EQ(client.read_to_end(), server_close(1000));
    for (Greenlet<void>& other : others) other.join();
    ASSERT_TRUE(end);
    EXPECT_EQ(end->reason, "bye");
  });
}

TEST(WebSocketRoute, TheHubMayEndInTheMidst) {
  run([] {
    http::App app;
    route(app, "/echo", echo);
    RawClient client(app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
  });
  auto app = std::make_unique<http::App>();
  run([&app] {
    route(*app, "/echo", echo);
    RawClient client(*app);
    client.send(upgrade_request("/echo"));
    client.read_until("\r\n\r\n");
  });
}

/// A function that has said close, a peer that never answers, and an app that does not wait for it.
TEST(WebSocketRoute, ARouteEndsWithItsAppThoughPeersHaveNotAnsweredTheClose) {
  auto held = std::make_shared<int>();  // by the route
  const std::weak_ptr<int> route_is_there = held;
  run([&] {
    auto app = std::make_unique<http::App>();
    RouteOptions options;
    options.close_timeout = 1h;
    route(
        *app, "/", [held = std::move(held)](Stream&) {}, options);
    RawClient client(*app);
    client.send(upgrade_request("/"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read(4), server_close(1000));
    app.reset();
    EXPECT_TRUE(route_is_there.expired());
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.ended());
  });
  EXPECT_TRUE(route_is_there.expired());
}

TEST(WebSocketRoute, WhoNeverAnswersTheCloseIsLeftWhenTheGraceOfTheAppIsOver) {
  run([] {
    http::Options app_options;
    app_options.stop_grace = 20ms;
    http::App app(app_options);
    RouteOptions options;
    options.close_timeout = 1h;
    route(
        app, "/", [](Stream&) {}, options);
    RawClient client(app);
    client.send(upgrade_request("/"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read(4), server_close(1000));
    app.stop();
    app.join();
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.ended());
  });
}

/// A Stream that somebody keeps goes on until its own end.
TEST(WebSocketRoute, AStreamThatIsKeptOutlivesItsApp) {
  run([] {
    auto app = std::make_unique<http::App>();
    std::optional<Stream> kept;
    route(*app, "/", [&](Stream& peer) { kept.emplace(std::move(peer)); });
    RawClient client(*app);
    client.send(upgrade_request("/"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read(4), server_close(1000));
    app.reset();
    client.send(client_close(1000));
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(eventually([&] { return kept->ended().has_value(); }));
    EXPECT_EQ(kept->ended()->code, 1000);
  });
}

}  // namespace
}  // namespace verdin::websocket
