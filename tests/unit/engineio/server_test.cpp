// Engine.IO sessions as a client of raw octets sees them: https://socket.io/docs/v4/engine-io-protocol.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/engineio/server.hpp>
#include <verdin/verdin.hpp>

#include "support/engineio_peer.hpp"

using namespace std::chrono_literals;
using namespace verdin::test;
namespace eio = verdin::eio;
namespace http = verdin::http;

namespace {

/// Echoes, and remembers how each session ended.
struct Echoes {
  struct Handler final : eio::SessionHandler {
    Handler(Echoes& o, eio::Session& s) : owner(o), session(&s) {}
    void on_message(std::span<char> text) override {
      owner.messages.emplace_back(text.data(), text.size());
      session->send_text({text.data(), text.size()});
    }
    void on_binary(std::span<char> data) override {
      session->send(eio::Message::binary({data.data(), data.size()}));
    }
    void on_close(eio::CloseReason reason, std::string_view) override {
      owner.ended.emplace_back(to_string(reason));
      owner.changed.set();
    }
    Echoes& owner;
    verdin::IntrusivePtr<eio::Session> session;
  };

  void attach(eio::Server& server) {
    server.on_session([this](eio::Session& session, const http::Request&) {
      handlers.push_back(std::make_unique<Handler>(*this, session));
      session.set_handler(handlers.back().get());
    });
  }
  void wait_for_ends(std::size_t count) {
    while (ended.size() < count) {
      changed.clear();
      ASSERT_TRUE(changed.wait_for(10s));
    }
  }

  std::vector<std::unique_ptr<Handler>> handlers;
  std::vector<std::string> messages;
  std::vector<std::string> ended;
  verdin::Event changed;
};

/// Runs `body` on a hub with an echoing server on /engine.io/.
template <typename Body>
void with_server(eio::Options options, Body body) {
  verdin::run([&] {
    eio::Server server(std::move(options));
    Echoes echoes;
    echoes.attach(server);
    http::App app;
    app.mount(server);
    body(app, server, echoes);
    for (auto& handler : echoes.handlers) handler->session->set_handler(nullptr);
  });
}

const std::string kPath = "/engine.io/";

TEST(EngineIo, polling_opens_with_what_the_client_needs_to_know) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes&) {
    const std::string answer = http_exchange(app, get_request(kPath + "?EIO=4&transport=polling"));
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_NE(answer.find("Content-Type: text/plain; charset=UTF-8\r\n"), std::string::npos);
    EXPECT_NE(answer.find("Cache-Control: no-store\r\n"), std::string::npos);
    const std::string sid = sid_in(body_of(answer));
    EXPECT_EQ(sid.size(), 22u);
    EXPECT_EQ(body_of(answer),
              "0{\"sid\":\"" + sid +
                  "\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,"
                  "\"maxPayload\":1000000}");
    EXPECT_EQ(server.session_count(), 1u);
  });
}

TEST(EngineIo, middlewares_of_the_app_are_not_its_own) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes&) {
    app.use([](http::Request&, http::Response& r, const http::Next&) { r.status(401).send(); });
    EXPECT_EQ(status_of(http_exchange(app, get_request(kPath + "?EIO=4&transport=polling"))), 200);
    EXPECT_EQ(status_of(http_exchange(app, get_request("/"))), 401);
    EXPECT_EQ(server.session_count(), 1u);
  });
}

TEST(EngineIo, polling_takes_and_gives_payloads) {
  with_server({}, [](http::App& app, eio::Server&, Echoes&) {
    PollingPeer peer(app, kPath);
    const std::string ok = peer.post(
        "4one\x1e"
        "4tw\xc3\xb6\x1e"
        "bAQID");
    EXPECT_EQ(status_of(ok), 200);
    EXPECT_EQ(body_of(ok), "ok");
    EXPECT_EQ(body_of(peer.poll()),
              "4one\x1e"
              "4tw\xc3\xb6\x1e"
              "bAQID");
  });
}

TEST(EngineIo, a_waiting_poll_is_answered_with_all_that_a_turn_produced) {
  with_server({}, [](http::App& app, eio::Server&, Echoes& echoes) {
    PollingPeer peer(app, kPath);
    auto poll = verdin::spawn([&] { return peer.poll(); });
    verdin::sleep(1ms);
    EXPECT_FALSE(poll.ready());
    for (const char* text : {"a", "b", "c"}) echoes.handlers[0]->session->send_text(text);
    EXPECT_EQ(body_of(poll.get()),
              "4a\x1e"
              "4b\x1e"
              "4c");
  });
}

TEST(EngineIo, websocket_opens_echoes_and_closes) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes& echoes) {
    WebSocketPeer peer(app, kPath);
    EXPECT_EQ(peer.receive().substr(0, 9), "0{\"sid\":\"");
    peer.send("4hello");
    EXPECT_EQ(peer.receive(), "4hello");
    peer.send_binary("\x01\x02");
    EXPECT_EQ(peer.receive(), "\x01\x02");
    peer.send("1");
    EXPECT_EQ(peer.receive(), "close:1000");
    echoes.wait_for_ends(1);
    EXPECT_EQ(echoes.ended[0], "transport close");
    EXPECT_EQ(server.session_count(), 0u);
  });
}

TEST(EngineIo, every_refusal_has_its_code) {
  with_server({}, [](http::App& app, eio::Server&, Echoes&) {
    const auto ask = [&](const std::string& query) {
      const std::string answer = http_exchange(app, get_request(kPath + query));
      EXPECT_EQ(status_of(answer), 400) << query;
      EXPECT_NE(answer.find("Content-Type: application/json\r\n"), std::string::npos);
      return body_of(answer);
    };
    const std::string unknown_transport = R"({"code":0,"message":"Transport unknown"})";
    EXPECT_EQ(ask(""), unknown_transport);
    EXPECT_EQ(ask("?EIO=4&transport=constructor"), unknown_transport);
    EXPECT_EQ(ask("?EIO=4&transport=polling&sid=__proto__"), R"({"code":1,"message":"Session ID unknown"})");
    EXPECT_EQ(ask("?EIO=4&transport=websocket"), R"({"code":3,"message":"Bad request"})");
    EXPECT_EQ(ask("?transport=polling"), R"({"code":5,"message":"Unsupported protocol version"})");
    EXPECT_EQ(ask("?EIO=3&transport=polling"), R"({"code":5,"message":"Unsupported protocol version"})");
    const std::string post = http_exchange(app, post_request(kPath + "?EIO=4&transport=polling", "4x"));
    EXPECT_EQ(status_of(post), 400);
    EXPECT_EQ(body_of(post), R"({"code":2,"message":"Bad handshake method"})");
    PollingPeer peer(app, kPath);
    EXPECT_EQ(ask("?EIO=3&transport=polling&sid=" + peer.sid()), R"({"code":3,"message":"Bad request"})");
  });
}

TEST(EngineIo, allow_request_refuses_with_its_own_words) {
  eio::Options options;
  options.allow_request = [](const http::Request& request) -> std::optional<std::string> {
    return request.header("x-let-me-in") ? std::nullopt : std::optional<std::string>("not you");
  };
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes&) {
    const std::string refused = http_exchange(app, get_request(kPath + "?EIO=4&transport=polling"));
    EXPECT_EQ(status_of(refused), 403);
    EXPECT_EQ(body_of(refused), R"({"code":4,"message":"not you"})");
    const std::string let_in =
        http_exchange(app, get_request(kPath + "?EIO=4&transport=polling", "X-Let-Me-In: 1\r\n"));
    EXPECT_EQ(status_of(let_in), 200);
  });
}

TEST(EngineIo, only_welcome_origins_get_in_on_either_transport) {
  eio::Options options;
  options.cors.origins = {"https://friend.example"};
  options.cors.credentials = true;
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes&) {
    const auto poll = [&](const std::string& origin) {
      return http_exchange(app,
                           get_request(kPath + "?EIO=4&transport=polling", "Origin: " + origin + "\r\n"));
    };
    EXPECT_EQ(status_of(poll("http://example.org")), 200) << "our own";
    const std::string friendly = poll("https://friend.example");
    EXPECT_EQ(status_of(friendly), 200);
    EXPECT_NE(friendly.find("Access-Control-Allow-Origin: https://friend.example\r\n"), std::string::npos);
    EXPECT_NE(friendly.find("Access-Control-Allow-Credentials: true\r\n"), std::string::npos);
    EXPECT_NE(friendly.find("Vary: Origin\r\n"), std::string::npos);
    for (const char* stranger :
         {"https://evil.example", "null", "http://friend.example", "https://friend.example:8443",
          "https://friend.example.evil.example", "https://notfriend.example"}) {
      const std::string answer = poll(stranger);
      EXPECT_EQ(status_of(answer), 403) << stranger;
      EXPECT_EQ(answer.find("Access-Control-Allow-Origin"), std::string::npos) << stranger;
      WebSocketPeer socket(app, kPath, "", "Origin: " + std::string(stranger) + "\r\n");
      EXPECT_EQ(status_of(socket.head()), 403) << stranger;
    }
  });
}

TEST(EngineIo, a_preflight_is_answered) {
  eio::Options options;
  options.cors.origins = {"https://friend.example"};
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes&) {
    const std::string answer = http_exchange(
        app,
        "OPTIONS /engine.io/ HTTP/1.1\r\nHost: example.org\r\nOrigin: https://friend.example\r\n"
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n");
    EXPECT_EQ(status_of(answer), 204);
    EXPECT_NE(answer.find("Access-Control-Allow-Headers: content-type\r\n"), std::string::npos);
  });
}

TEST(EngineIo, options_that_contradict_each_other_are_refused) {
  const auto refused = [](auto change) {
    eio::Options options;
    change(options);
    EXPECT_THROW(eio::Server{options}, std::invalid_argument);
  };
  refused([](eio::Options& o) { o.allow_polling = o.allow_websocket = false; });
  refused([](eio::Options& o) { o.path = "engine.io"; });
  refused([](eio::Options& o) { o.cors.any_origin = o.cors.credentials = true; });
}

TEST(EngineIo, what_breaks_the_rules_ends_the_session) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes& echoes) {
    struct Case {
      std::string payload;
      int status;
      std::string reason;
    };
    const std::vector<Case> cases{{"", 400, "parse error"},      {"abc", 400, "parse error"},
                                  {"b!!!", 400, "parse error"},  {"7", 400, "parse error"},
                                  {"2", 200, "transport error"}, {"0{}", 200, "parse error"},
                                  {"1", 200, "transport close"}};
    for (const Case& each : cases) {
      PollingPeer peer(app, kPath);
      EXPECT_EQ(status_of(peer.post(each.payload)), each.status) << each.payload;
      ASSERT_FALSE(echoes.ended.empty());
      EXPECT_EQ(echoes.ended.back(), each.reason) << each.payload;
      EXPECT_EQ(status_of(peer.poll()), 400) << "the session is gone";
    }
    EXPECT_EQ(server.session_count(), 0u);
    EXPECT_EQ(echoes.ended.size(), cases.size());
  });
}

TEST(EngineIo, a_binary_post_is_refused) {
  with_server({}, [](http::App& app, eio::Server&, Echoes& echoes) {
    for (const std::string type :
         {"application/octet-stream", "Application/Octet-Stream", "APPLICATION/OCTET-STREAM ; x=y"}) {
      echoes.ended.clear();
      PollingPeer peer(app, kPath);
      const std::string header = "Content-Type: " + type + "\r\n";
      EXPECT_EQ(status_of(http_exchange(app, post_request(peer.target(), "4x", header))), 400) << type;
      EXPECT_EQ(echoes.ended, std::vector<std::string>{"transport error"}) << type;
    }
    PollingPeer peer(app, kPath);
    const std::string other = "Content-Type: application/octet-streams\r\n";
    EXPECT_EQ(status_of(http_exchange(app, post_request(peer.target(), "4x", other))), 200);
  });
}

TEST(EngineIo, the_size_limit_holds_on_both_sides_of_it) {
  eio::Options options;
  options.max_payload = 1000;
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes& echoes) {
    {
      PollingPeer peer(app, kPath);
      EXPECT_EQ(status_of(peer.post("4" + std::string(999, 'x'))), 200);
      EXPECT_EQ(status_of(peer.post("4" + std::string(1000, 'x'))), 413);
      EXPECT_EQ(status_of(peer.poll()), 400);
    }
    WebSocketPeer peer(app, kPath);
    peer.receive();
    peer.send("4" + std::string(999, 'x'));
    EXPECT_EQ(peer.receive().size(), 1000u);
    peer.send("4" + std::string(1000, 'x'));
    EXPECT_EQ(peer.receive(), "close:1009");
    echoes.wait_for_ends(2);
    EXPECT_EQ(echoes.ended.back(), "transport error");
  });
}

TEST(EngineIo, two_polls_at_once_end_the_session) {
  with_server({}, [](http::App& app, eio::Server&, Echoes& echoes) {
    PollingPeer peer(app, kPath);
    auto first = verdin::spawn([&] { return peer.poll(); });
    verdin::sleep(1ms);
    EXPECT_EQ(status_of(peer.poll()), 400);
    EXPECT_EQ(body_of(first.get()), "1");
    EXPECT_EQ(echoes.ended, std::vector<std::string>{"transport error"});
  });
}

TEST(EngineIo, a_poll_that_is_cut_ends_the_session) {
  with_server({}, [](http::App& app, eio::Server&, Echoes& echoes) {
    PollingPeer peer(app, kPath);
    {
      RawClient client(app);
      client.send(get_request(peer.target()));
      verdin::sleep(1ms);
    }
    echoes.wait_for_ends(1);
    EXPECT_EQ(echoes.ended[0], "transport error");
  });
}

TEST(EngineIo, the_heartbeat_asks_and_gives_up) {
  eio::Options options;
  options.ping_interval = 20ms;
  options.ping_timeout = 30ms;
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes& echoes) {
    WebSocketPeer socket(app, kPath);
    PollingPeer polling(app, kPath);
    socket.receive();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(socket.receive(), "2");
      socket.send("3");
    }
    EXPECT_EQ(socket.receive(), "2");
    EXPECT_EQ(socket.receive(), "gone") << "a dead peer's socket is freed at once";
    echoes.wait_for_ends(2);
    EXPECT_EQ(echoes.ended, (std::vector<std::string>{"ping timeout", "ping timeout"}));
  });
}

TEST(EngineIo, an_upgrade_loses_and_reorders_nothing) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes& echoes) {
    PollingPeer peer(app, kPath);
    eio::Session& session = *echoes.handlers[0]->session;
    auto poll = verdin::spawn([&] { return peer.poll(); });
    verdin::sleep(1ms);
    WebSocketPeer socket(app, kPath, "&sid=" + peer.sid());
    socket.send("2probe");
    EXPECT_EQ(socket.receive(), "3probe");
    EXPECT_EQ(body_of(poll.get()), "6");
    session.send_text("first");
    session.send(eio::Message::binary("second"));
    EXPECT_EQ(session.transport(), eio::Transport::polling);
    socket.send("5");
    EXPECT_EQ(socket.receive(), "4first");
    EXPECT_EQ(socket.receive(), "second");
    EXPECT_EQ(session.transport(), eio::Transport::websocket);
    socket.send("4third");
    EXPECT_EQ(socket.receive(), "4third");
    EXPECT_EQ(status_of(peer.poll()), 400);
    WebSocketPeer again(app, kPath, "&sid=" + peer.sid());
    EXPECT_EQ(again.receive().substr(0, 6), "close:");
    socket.send("4still here");
    EXPECT_EQ(socket.receive(), "4still here");
    EXPECT_EQ(server.session_count(), 1u);
  });
}

TEST(EngineIo, what_an_upgrade_lets_go_of_is_answered_like_the_rest) {
  eio::Options options;
  options.cors.origins = {"https://friend.example"};
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes& echoes) {
    const std::string origin = "Origin: https://friend.example\r\n";
    PollingPeer peer(app, kPath);
    eio::Session& session = *echoes.handlers[0]->session;
    WebSocketPeer socket(app, kPath, "&sid=" + peer.sid());
    socket.send("2probe");
    EXPECT_EQ(socket.receive(), "3probe");
    RawClient get(app);
    RawClient post(app);
    session.pause();
    get.send(get_request(peer.target(), origin));
    post.send(post_request(peer.target(), "4x", origin));
    verdin::sleep(1ms);
    socket.send("5");
    while (session.transport() != eio::Transport::websocket) verdin::sleep(0s);
    session.resume();
    for (RawClient* waiting : {&get, &post}) {
      const std::string head = waiting->read_until("\r\n\r\n");
      EXPECT_EQ(status_of(head), 200);
      EXPECT_NE(head.find("Access-Control-Allow-Origin: https://friend.example\r\n"), std::string::npos)
          << head;
      EXPECT_NE(head.find("Cache-Control: no-store\r\n"), std::string::npos) << head;
    }
    EXPECT_EQ(socket.receive(), "4x");
  });
}

TEST(EngineIo, a_failed_upgrade_leaves_polling_as_it_was) {
  eio::Options options;
  options.upgrade_timeout = 30ms;
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes&) {
    PollingPeer peer(app, kPath);
    {
      WebSocketPeer wrong(app, kPath, "&sid=" + peer.sid());
      wrong.send("4not a probe");
      EXPECT_EQ(wrong.receive().substr(0, 6), "close:");
    }
    {
      WebSocketPeer silent(app, kPath, "&sid=" + peer.sid());
      EXPECT_EQ(silent.receive().substr(0, 6), "close:") << "after the upgrade timeout";
    }
    EXPECT_EQ(status_of(peer.post("4works")), 200);
    EXPECT_EQ(body_of(peer.poll()), "4works");
  });
}

TEST(EngineIo, close_delivers_what_is_queued_first) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes& echoes) {
    PollingPeer polling(app, kPath);
    WebSocketPeer socket(app, kPath);
    socket.receive();
    for (auto& handler : echoes.handlers) {
      handler->session->send_text("last words");
      handler->session->close();
      EXPECT_FALSE(handler->session->is_open());
    }
    EXPECT_EQ(body_of(polling.poll()), "4last words");
    EXPECT_EQ(body_of(polling.poll()), "1");
    EXPECT_EQ(socket.receive(), "4last words");
    EXPECT_EQ(socket.receive(), "close:1000");
    EXPECT_EQ(server.session_count(), 0u);
    EXPECT_TRUE(echoes.ended.empty()) << "no call on a session calls back";
  });
}

TEST(EngineIo, a_stop_tells_both_transports_and_the_handlers) {
  with_server({}, [](http::App& app, eio::Server& server, Echoes& echoes) {
    PollingPeer polling(app, kPath);
    WebSocketPeer socket(app, kPath);
    socket.receive();
    auto poll = verdin::spawn([&] { return polling.poll(); });
    verdin::sleep(1ms);
    server.on_stop();
    EXPECT_EQ(body_of(poll.get()), "1");
    EXPECT_EQ(socket.receive(), "close:1001");
    EXPECT_EQ(echoes.ended, (std::vector<std::string>{"forced close", "forced close"}));
  });
}

TEST(EngineIo, a_peer_that_never_polls_is_bounded_and_dropped) {
  eio::Options options;
  options.send_limit = 10'000;
  options.drop_limit = 40'000;
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes& echoes) {
    PollingPeer peer(app, kPath);
    eio::Session& session = *echoes.handlers[0]->session;
    const std::string text(1'000, 'x');
    for (int i = 0; i < 1'000; ++i) session.send_text(text);
    EXPECT_LE(session.unsent(), 42'000u);
    echoes.wait_for_ends(1);
    EXPECT_EQ(echoes.ended[0], "transport error");
  });
}

TEST(EngineIo, a_paused_session_holds_the_polling_peer_back) {
  with_server({}, [](http::App& app, eio::Server&, Echoes& echoes) {
    PollingPeer peer(app, kPath);
    eio::Session& session = *echoes.handlers[0]->session;
    session.pause();
    auto post = verdin::spawn([&] { return peer.post("4x"); });
    verdin::sleep(2ms);
    EXPECT_FALSE(post.ready());
    session.resume();
    EXPECT_EQ(body_of(post.get()), "ok");
    EXPECT_EQ(echoes.messages, std::vector<std::string>{"x"});
  });
}

TEST(EngineIo, sessions_beyond_the_limit_are_refused) {
  eio::Options options;
  options.max_sessions = 1;
  with_server(std::move(options), [](http::App& app, eio::Server&, Echoes&) {
    PollingPeer peer(app, kPath);
    EXPECT_EQ(status_of(http_exchange(app, get_request(kPath + "?EIO=4&transport=polling"))), 503);
  });
}

}  // namespace
