// Middlewares of the app before WebSockets of both kinds, and where their failures are told.
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/websocket/accept.hpp>
#include <verdin/websocket/stream.hpp>

#include "support/memory_stream.hpp"
#include "support/websocket_client_frames.hpp"
#include "support/websocket_raw_client.hpp"

namespace websocket_middlewares_tests {
namespace {

using namespace std::chrono_literals;
namespace http = verdin::http;
namespace websocket = verdin::websocket;
using http::Next;
using http::Request;
using http::Response;
using verdin::ContextVar;
using verdin::Event;
using verdin::Hub;
using verdin::IntrusivePtr;
using verdin::run;
using verdin::sleep;
using verdin::Timeout;
using verdin::protocol::websocket::make_frame;
using verdin::protocol::websocket::Opcode;
using verdin::test::client_text;
using verdin::test::close_payload;
using verdin::test::RawClient;
using verdin::test::upgrade_request;
using websocket::Stream;

std::string text_of_server(std::string_view payload) {
  return std::string(make_frame(Opcode::text, {payload}).view());
}
std::string close_of_server(unsigned code) {
  return std::string(make_frame(Opcode::close, {close_payload(code)}).view());
}

const ContextVar<std::string> user{"nobody"};

/// Says who the user is, in callbacks.
class Callbacks final : public http::Endpoint {
  struct Peer final : websocket::ConnectionHandler {
    void on_text(std::span<char>) override { connection->send_text(name); }
    void on_binary(std::span<char>) override {}
    void on_close(const websocket::Close&) override {}

    std::string name = *user;
    IntrusivePtr<websocket::Connection> connection;
  };

  void on_request(http::ExchangePtr exchange) override {
    ++asked;
    if (throws) throw std::runtime_error("oh");
    peers_.push_back(std::make_unique<Peer>());
    peers_.back()->connection =
        websocket::accept(exchange, http::Origins(), websocket::Options{}, *peers_.back());
  }

  std::vector<std::unique_ptr<Peer>> peers_;

 public:
  int asked = 0;
  bool throws = false;
};

/// Both kinds, and a page.
struct Site {
  explicit Site(const http::Options& options = {}) : app(options) {
    app.mount("/callbacks", callbacks);
    websocket::route(app, "/stream", [](Stream& peer) {
      while (peer.receive()) peer.send(*user);
    });
    app.get("/page", [](Request&, Response& r) { r.send(*user); });
  }
  std::string head(std::string_view path, const std::string& headers = {}) {
    RawClient client(app);
    client.send(upgrade_request(path, headers));
    return client.read_until("\r\n\r\n");
  }
  Callbacks callbacks;
  http::App app;
};

constexpr const char* kBoth[] = {"/callbacks", "/stream"};

void require_login(Request& q, Response& r, const Next& next) {
  const auto name = q.cookie("name");
  if (!name) return r.status(401).send("who are you?");
  user.set(std::string(*name));
  next();
}

TEST(WebSocketMiddlewares, WhoAnswersKeepsTheUpgradeFromHappening) {
  run([] {
    Site site;
    site.app.use(require_login);
    for (const char* path : kBoth) {
      EXPECT_EQ(site.head(path).substr(9, 3), "401") << path;
      EXPECT_EQ(site.callbacks.asked, 0);
      // What came with the handshake is there; and the handler knows what the middleware has found out.
      RawClient client(site.app);
      client.send(upgrade_request(path, "Cookie: name=Andy\r\n") + client_text("?"));
      EXPECT_EQ(client.read_until("\r\n\r\n").substr(9, 3), "101") << path;
      EXPECT_EQ(client.read(6), text_of_server("Andy")) << path;
      site.callbacks.asked = 0;
    }
    // Neither is there a way in that does not look like an upgrade.
    RawClient client(site.app);
    client.send("GET /callbacks HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n").substr(9, 3), "401");
    EXPECT_EQ(site.callbacks.asked, 0);
  });
}

TEST(WebSocketMiddlewares, MayTakeTheirTimeAndRedirect) {
  run([] {
    Site site;
    site.app.use([](Request& q, Response& r, const Next& next) {
      sleep(1ms);
      if (q.cookie("name")) return next();
      r.redirect("/login");
    });
    for (const char* path : kBoth) {
      EXPECT_NE(site.head(path).find("302 Found\r\nLocation: /login\r\n"), std::string::npos);
      RawClient client(site.app);
      client.send(upgrade_request(path, "Cookie: name=x\r\n") + client_text("?"));
      EXPECT_EQ(client.read_until("\r\n\r\n").substr(9, 3), "101") << path;
      EXPECT_EQ(client.read(8), text_of_server("nobody")) << path;
    }
  });
}

TEST(WebSocketMiddlewares, WhatTheySetIsOnTheAnswer) {
  run([] {
    Site site;
    site.app.use([](Request&, Response& r, const Next& next) {
      r.lasting_header("X-Lasting", "1").cookie("seen", "yes");
      r.type("text/html")
          .header("Upgrade", "other")
          .header("sec-websocket-accept", "x")
          .header("Connection", "close");
      next();
      EXPECT_TRUE(r.sent());
    });
    for (const char* path : kBoth) {
      const std::string head = site.head(path);
      EXPECT_EQ(head.find("HTTP/1.1 101 "), 0u) << head;
      EXPECT_NE(head.find("\r\nX-Lasting: 1\r\n"), std::string::npos) << head;
      EXPECT_NE(head.find("\r\nSet-Cookie: seen=yes"), std::string::npos) << head;
      for (const char* name : {"other", "accept: x", "close", "text/html"})
        EXPECT_EQ(head.find(name), std::string::npos) << name;
      const std::string refused = site.head(path, "Origin: http://evil.test\r\n");
      EXPECT_EQ(refused.find("HTTP/1.1 403 "), 0u) << refused;
      EXPECT_NE(refused.find("\r\nX-Lasting: 1\r\n"), std::string::npos) << refused;
      RawClient client(site.app);
      client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
      const std::string none = client.read_until("\r\n\r\n");
      EXPECT_EQ(none.find("HTTP/1.1 426 "), 0u) << none;
      EXPECT_NE(none.find("\r\nUpgrade: websocket\r\n"), std::string::npos) << none;
      EXPECT_NE(none.find("\r\nX-Lasting: 1\r\n"), std::string::npos) << none;
    }
  });
}

TEST(WebSocketMiddlewares, GiveTheirStackBack) {
  run([] {
    Site site;
    int running = 0;
    site.app.use([&](Request&, Response&, const Next& next) {
      ++running;
      sleep(1ms);
      next();
      --running;
    });
    std::vector<std::unique_ptr<RawClient>> clients;
    const auto open_one = [&] {
      clients.push_back(std::make_unique<RawClient>(site.app));
      clients.back()->send(upgrade_request("/callbacks"));
      EXPECT_EQ(clients.back()->read_until("\r\n\r\n").substr(9, 3), "101");
    };
    open_one();
    const std::size_t stacks = Hub::current().stacks_in_use();
    for (int i = 0; i < 20; ++i) open_one();
    EXPECT_EQ(running, 0);
    EXPECT_EQ(Hub::current().stacks_in_use(), stacks);
  });
}

TEST(WebSocketMiddlewares, APeerThatLeavesMeanwhileIsNotConnected) {
  run([] {
    Site site;
    Event entered, go, left;
    site.app.use([&](Request&, Response& r, const Next& next) {
      entered.set();
      go.wait();
      EXPECT_TRUE(r.peer_leaves(5s));
      next();
      left.set();
    });
    {
      RawClient client(site.app);
      client.send(upgrade_request("/callbacks"));
      entered.wait();
    }
    go.set();
    left.wait();
    EXPECT_EQ(site.callbacks.asked, 0);
  });
}

TEST(WebSocketMiddlewares, AnEndThatCameMeanwhileEndsTheConnection) {
  run([] {
    Site site;
    Event entered, go;
    site.app.use([&](Request&, Response&, const Next& next) {
      entered.set();
      go.wait();
      next();
    });
    for (const char* path : kBoth) {
      entered.clear();
      go.clear();
      const auto peer = std::make_shared<verdin::tests::MemoryPeer>();
      site.app.serve(verdin::tests::MemoryStream::make(peer));
      peer->send(upgrade_request(path));
      entered.wait();
      peer->send_eof();
      EXPECT_FALSE(peer->gone()) << path;
      go.set();
      EXPECT_TRUE(verdin::tests::eventually([&] { return peer->gone(); })) << path;
      EXPECT_EQ(peer->received, "") << path;
    }
  });
}

TEST(WebSocketMiddlewares, WhatTheyLetThroughBehindTheStopIsRefused) {
  run([] {
    for (const char* path : kBoth) {
      http::Options options;
      options.stop_grace = 1h;
      Site site(options);
      Event entered, go;
      site.app.use([&](Request&, Response&, const Next& next) {
        entered.set();
        go.wait();
        next();
      });
      RawClient client(site.app);
      client.send(upgrade_request(path));
      entered.wait();
      site.app.stop();
      go.set();
      const std::string answer = client.read_to_end();
      EXPECT_EQ(answer.substr(9, 3), "503") << path;
      EXPECT_NE(answer.find("the server is stopping"), std::string::npos) << path;
      EXPECT_TRUE(verdin::tests::eventually([&] { return site.app.stopped(); })) << path;
      EXPECT_EQ(site.callbacks.asked, 0);
    }
  });
}

TEST(WebSocketFailures, GoToTheAppsHookWithTheirRequest) {
  std::vector<std::string> of_hub;
  run([&] {
    Hub::current().on_error(
        [&](std::string_view where, const std::exception_ptr&) { of_hub.emplace_back(where); });
    Site site;
    std::vector<std::string> told;
    site.app.on_error([&](const Request* q, const std::exception_ptr&) {
      told.push_back(q->path() + (q->error_id().empty() ? "" : " with an id"));
    });
    websocket::route(site.app, "/throws", [](Stream&) { throw std::runtime_error("oh"); });
    websocket::route(site.app, "/late", [](Stream&) {
      const Timeout limit(1ms);
      sleep(1min);
    });
    const auto end_of = [&](const char* path) {
      RawClient client(site.app);
      client.send(upgrade_request(path));
      EXPECT_EQ(client.read_until("\r\n\r\n").substr(9, 3), "101") << path;
      return client.read(4);
    };
    EXPECT_EQ(end_of("/throws"), close_of_server(1011));
    EXPECT_EQ(end_of("/late"), close_of_server(1011));
    EXPECT_EQ(told, (std::vector<std::string>{"/throws with an id", "/late with an id"}));
    told.clear();
    // The same of what an endpoint throws, with middlewares and without.
    site.callbacks.throws = true;
    EXPECT_EQ(site.head("/callbacks").substr(9, 3), "500");
    site.app.use([](Request& q, Response&, const Next& next) {
      if (q.cookie("bad")) throw std::runtime_error("bad");
      next();
    });
    EXPECT_EQ(site.head("/callbacks").substr(9, 3), "500");
    EXPECT_EQ(site.head("/stream", "Cookie: bad=1\r\n").substr(9, 3), "500");
    EXPECT_EQ(end_of("/throws"), close_of_server(1011));
    EXPECT_EQ(told, (std::vector<std::string>{"/callbacks", "/callbacks with an id", "/stream with an id",
                                              "/throws with an id"}));
  });
  EXPECT_TRUE(of_hub.empty());
}

TEST(WebSocketFailures, AreToldWhenTheAppHasGone) {
  run([] {
    std::vector<std::string> told;
    auto app = std::make_unique<http::App>();
    app->on_error([&](const Request* q, const std::exception_ptr&) { told.push_back(q->path()); });
    websocket::route(*app, "/", [](Stream& peer) {
      peer.wait_for_end();
      throw std::runtime_error("oh");
    });
    RawClient client(*app);
    client.send(upgrade_request("/"));
    EXPECT_EQ(client.read_until("\r\n\r\n").substr(9, 3), "101");
    app.reset();
    client.disconnect();
    for (int i = 0; i < 5000 && told.empty(); ++i) sleep(1ms);
    EXPECT_EQ(told, std::vector<std::string>{"/"});
  });
}

}  // namespace
}  // namespace websocket_middlewares_tests
