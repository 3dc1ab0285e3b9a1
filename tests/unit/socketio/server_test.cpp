// Socket.IO as a client of raw packets sees it: https://socket.io/docs/v4/socket-io-protocol.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/verdin.hpp>

#include "support/socketio_peer.hpp"

using namespace std::chrono_literals;
using namespace verdin::test;
namespace http = verdin::http;
namespace json = verdin::json;
namespace sio = verdin::sio;

namespace {

TEST(SocketIo, connect_is_answered_with_an_id_before_anything_the_handler_emits) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::string id;
    io.on_connection([&](sio::Socket socket) {
      id = socket.id();
      EXPECT_TRUE(socket.connected());
      EXPECT_EQ(socket.auth(), json::Value::object({{"token", 1}}));
      EXPECT_EQ(socket.transport(), "websocket");
      EXPECT_EQ(socket.handshake().header("HOST"), "example.org");
      EXPECT_EQ(socket.handshake().query("EIO"), "4");
      socket.emit("hello", 1, "two");
    });
    Peer peer(app, R"(0{"token":1})");
    EXPECT_EQ(peer.connected(), "0{\"sid\":\"" + id + "\"}");
    EXPECT_EQ(id.size(), 20u);
    EXPECT_EQ(peer.receive(), R"(2["hello",1,"two"])");
  });
}

TEST(SocketIo, namespaces_are_apart_and_leave_one_by_one) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<std::string> gone;
    io.of("chat").on("who", [](sio::Socket socket) { return socket.nsp().name(); });
    io.on("who", [](sio::Socket socket) { return socket.nsp().name(); });
    io.of("/chat").on_disconnect(
        [&](sio::Socket, sio::DisconnectReason reason) { gone.emplace_back(to_string(reason)); });
    Peer peer(app, "0");
    EXPECT_EQ(peer.ask("0/chat").substr(0, 8), "0/chat,{");
    EXPECT_EQ(peer.ask("2/chat,7[\"who\"]"), "3/chat,7[\"/chat\"]");
    EXPECT_EQ(peer.ask("28[\"who\"]"), "38[\"/\"]");
    peer.send("1/chat,");
    EXPECT_EQ(peer.ask("29[\"who\"]"), "39[\"/\"]");
    EXPECT_EQ(gone, std::vector<std::string>{"client namespace disconnect"});
    EXPECT_EQ(peer.ask("0/nowhere,"), R"(4/nowhere,{"message":"Invalid namespace"})");
    EXPECT_EQ(peer.ask("0/chat,{}").substr(0, 8), "0/chat,{") << "and it may come back";
  });
}

TEST(SocketIo, what_handlers_return_is_the_acknowledgement) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on("sum", [](int a, int b) { return a + b; });
    io.on("nothing", [] {});
    io.on("several", [](std::string nick) { return std::tuple{true, nick}; });
    io.on("everything", [](sio::Args args) { return args; });
    io.on("maybe", [](std::optional<int> n) { return n ? *n : -1; });
    io.on("later", [](int n, sio::Ack ack) {
      verdin::spawn([=] {
        verdin::sleep(1ms);
        ack(n, "late");
        ack("ignored");
      });
    });
    Peer peer(app, "0");
    EXPECT_EQ(peer.ask("21[\"sum\",2,3,\"more is ignored\"]"), "31[5]");
    EXPECT_EQ(peer.ask("22[\"nothing\"]"), "32[]");
    EXPECT_EQ(peer.ask("23[\"several\",\"\xc3\xb6\"]"), "33[true,\"\xc3\xb6\"]");
    EXPECT_EQ(peer.ask("24[\"everything\",null,{\"a\":[1.5]}]"), "34[null,{\"a\":[1.5]}]");
    EXPECT_EQ(peer.ask("25[\"maybe\"]"), "35[-1]");
    EXPECT_EQ(peer.ask("26[\"maybe\",6]"), "36[6]");
    EXPECT_EQ(peer.ask("218446744073709551615[\"later\",7]"), "318446744073709551615[7,\"late\"]");
    peer.send("2[\"sum\",1,1]");  // nobody asked
    EXPECT_EQ(peer.ask("28[\"nothing\"]"), "38[]");
  });
}

TEST(SocketIo, arguments_that_do_not_decode_are_the_clients_error) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    int calls = 0;
    io.on("typed", [&](int, std::string) { ++calls; });
    io.on("ping", [] { return "pong"; });
    Peer peer(app, "0");
    for (const char* packet :
         {"21[\"typed\"]", "22[\"typed\",1]", "23[\"typed\",\"1\",\"x\"]", "24[\"typed\",1.5,\"x\"]",
          "25[\"typed\",4294967296,\"x\"]", "26[\"typed\",1,null]"}) {
      peer.send(packet);
    }
    EXPECT_EQ(peer.ask("27[\"ping\"]"), "37[\"pong\"]");
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::decode), 6u);
    EXPECT_EQ(errors.seen[0].second, "expected a value at [0]");
  });
}

TEST(SocketIo, a_handler_that_throws_is_reported_and_hurts_nobody) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    io.on("throw", []() -> int { throw std::runtime_error("on purpose"); });
    io.on("ping", [] { return "pong"; });
    Peer peer(app, "0");
    peer.send("21[\"throw\"]");
    EXPECT_EQ(peer.ask("22[\"ping\"]"), "32[\"pong\"]");
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::handler), 1u);
  });
}

TEST(SocketIo, events_of_one_socket_wait_for_each_other_and_others_do_not) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    verdin::Event release;
    io.on("block", [&] {
      release.wait();
      return "unblocked";
    });
    io.on("next", [](int n) { return n; });
    Peer blocked(app, "0");
    Peer free(app, "0");
    blocked.send("21[\"block\"]");
    blocked.send("22[\"next\",1]");
    blocked.send("23[\"next\",2]");
    EXPECT_EQ(free.ask("21[\"next\",9]"), "31[9]");
    release.set();
    EXPECT_EQ(blocked.receive(), "31[\"unblocked\"]");
    EXPECT_EQ(blocked.receive(), "32[1]");
    EXPECT_EQ(blocked.receive(), "33[2]");
  });
}

TEST(SocketIo, events_wait_until_the_connection_handler_is_done) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on_connection([](sio::Socket socket) {
      verdin::sleep(5ms);
      socket.on("late", [=] { return socket.id().size(); });
    });
    Peer peer(app);
    peer.send("0");
    EXPECT_EQ(peer.receive().substr(0, 8), "0{\"sid\":");
    EXPECT_EQ(peer.ask("21[\"late\"]"), "31[20]");
  });
}

TEST(SocketIo, a_full_mailbox_stops_the_reading_and_loses_nothing) {
  sio::Options options;
  options.max_mailbox = 8;
  with_server(
      [](http::App& app, sio::Server& io, Errors&) {
        verdin::Event release;
        std::vector<int> got;
        io.on("block", [&] { release.wait(); });
        io.on("n", [&](int n) { got.push_back(n); });
        io.on("done", [] { return true; });
        Peer peer(app, "0");
        peer.send("2[\"block\"]");
        for (int i = 0; i < 100; ++i) {
          peer.send("2[\"n\"," + std::to_string(i) + "]");
          verdin::sleep(0s);
        }
        verdin::sleep(2ms);
        release.set();
        EXPECT_EQ(peer.ask("21[\"done\"]"), "31[true]");
        ASSERT_EQ(got.size(), 100u);
        for (int i = 0; i < 100; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
      },
      std::move(options));
}

/// How many events of a flood the server keeps for a handler that blocks: those are handled all the same when
/// the server itself has ended the connection.
template <typename Flood>
std::size_t kept_of_a_flood(Flood flood) {
  sio::Options options;
  options.max_mailbox = 8;
  std::size_t handled = 0;
  with_server(
      [&](http::App& app, sio::Server& io, Errors& errors) {
        verdin::Event blocks;
        verdin::Event release;
        verdin::Event gone;
        io.on("block", [&] {
          blocks.set();
          release.wait();
        });
        io.on("n", [&](int) { ++handled; });
        io.on_disconnect([&](sio::Socket, sio::DisconnectReason) { gone.set(); });
        auto client = verdin::spawn([&] { flood(app); });
        EXPECT_TRUE(blocks.wait_for(10s));
        for (int i = 0; i < 20; ++i) verdin::sleep(1ms);
        io.disconnect_sockets(true);
        release.set();
        EXPECT_TRUE(gone.wait_for(10s));
        EXPECT_EQ(errors.seen.size(), 0u);
        client.kill();
      },
      std::move(options));
  return handled;
}

TEST(SocketIo, a_mailbox_is_bounded_in_events_whatever_one_read_brings) {
  constexpr int kEvents = 4000;
  const std::size_t from_websocket = kept_of_a_flood([](http::App& app) {
    Peer peer(app, "0");
    std::string frames = client_text("42[\"block\"]");
    for (int i = 0; i < kEvents; ++i) frames += client_text("42[\"n\"," + std::to_string(i) + "]");
    peer.engine().send_raw(frames);
    verdin::sleep(1h);
  });
  EXPECT_EQ(from_websocket, 8u);
  const std::size_t from_polling = kept_of_a_flood([](http::App& app) {
    PollingPeer peer(app, "/socket.io/");
    peer.post("40");
    std::string payload = "42[\"block\"]";
    for (int i = 0; i < kEvents; ++i)
      payload +=
          "\x1e"
          "42[\"n\"," +
          std::to_string(i) + "]";
    peer.post(payload);
  });
  EXPECT_EQ(from_polling, 8u);
}

TEST(SocketIo, a_flood_over_polling_is_handled_in_order_by_a_handler_that_blocks) {
  sio::Options options;
  options.max_mailbox = 4;
  with_server(
      [](http::App& app, sio::Server& io, Errors&) {
        std::vector<int> got;
        io.on("n", [&](int n) {
          verdin::sleep(0s);
          got.push_back(n);
        });
        PollingPeer peer(app, "/socket.io/");
        peer.post("40");
        std::string payload;
        for (int i = 0; i < 500; ++i)
          payload += (i > 0 ? "\x1e"
                              "42[\"n\","
                            : "42[\"n\",") +
                     std::to_string(i) + "]";
        EXPECT_EQ(body_of(peer.post(payload)), "ok");
        EXPECT_GE(got.size(), 496u) << "the answer came before its events were taken";
        while (got.size() < 500) verdin::sleep(0s);
        for (int i = 0; i < 500; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
      },
      std::move(options));
}

TEST(SocketIo, a_peer_that_leaves_behind_a_handler_that_never_returns_is_noticed) {
  sio::Options options;
  options.max_mailbox = 4;
  options.engine.ping_interval = 20ms;
  options.engine.ping_timeout = 30ms;
  with_server(
      [](http::App& app, sio::Server& io, Errors&) {
        verdin::Event release;
        io.on("block", [&] { release.wait(); });
        {
          Peer peer(app, "0");
          for (int i = 0; i < 100; ++i) peer.send("2[\"block\"]");
          while (io.sockets().empty()) verdin::sleep(1ms);
          verdin::sleep(1ms);
        }
        const auto give_up = verdin::loop::Clock::now() + 10s;
        while (io.engine().session_count() > 0 && verdin::loop::Clock::now() < give_up) verdin::sleep(1ms);
        EXPECT_EQ(io.engine().session_count(), 0u);
        EXPECT_EQ(io.main().size(), 0u);
        release.set();
      },
      std::move(options));
}

TEST(SocketIo, binary_goes_both_ways) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on("upload", [](verdin::Bytes first, json::Value second) {
      EXPECT_EQ(first, (verdin::Bytes{1, 2, 3}));
      return std::tuple{second, verdin::Bytes{9}};
    });
    Peer peer(app, "0");
    peer.send(R"(52-7["upload",{"_placeholder":true,"num":0},{"deep":{"_placeholder":true,"num":1}}])");
    peer.send_binary("\x01\x02\x03");
    peer.send_binary("\xff");
    EXPECT_EQ(peer.receive(),
              R"(62-7[{"deep":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}])");
    EXPECT_EQ(peer.receive(), "\xff");
    EXPECT_EQ(peer.receive(), "\x09");
  });
}

TEST(SocketIo, emit_with_ack_blocks_its_greenlet_until_the_answer_the_time_or_the_end) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::string outcome;
    verdin::Event decided;
    io.on("ask", [&](sio::Socket socket, int ms) {
      try {
        const sio::Args answer = socket.timeout(std::chrono::milliseconds(ms)).emit_with_ack("question", 42);
        outcome = answer[0].to_text();
      } catch (const sio::AckTimeout&) {
        outcome = "timeout";
      } catch (const sio::SocketDisconnected&) {
        outcome = "gone";
      }
      decided.set();
    });
    {
      Peer peer(app, "0");
      EXPECT_EQ(peer.ask("2[\"ask\",10000]"), "20[\"question\",42]");
      peer.send("30[\"fine\"]");
      decided.wait();
      EXPECT_EQ(outcome, "\"fine\"");
      decided.clear();
      EXPECT_EQ(peer.ask("2[\"ask\",1]"), "21[\"question\",42]");
      decided.wait();
      EXPECT_EQ(outcome, "timeout");
      peer.send("31[\"too late\"]");
      peer.send("399[\"never asked\"]");
      decided.clear();
      EXPECT_EQ(peer.ask("2[\"ask\",10000]"), "22[\"question\",42]");
    }
    decided.wait();
    EXPECT_EQ(outcome, "gone");
  });
}

TEST(SocketIo, very_many_rooms_of_one_socket) {
  // Far more than could be looked through for each that is joined or left.
  constexpr int kRooms = 30'000;
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<sio::Socket> sockets;
    io.on_connection([&](sio::Socket socket) { sockets.push_back(socket); });
    Peer one(app, "0");
    Peer other(app, "0");
    const auto name = [](int i) { return "room " + std::to_string(i); };
    for (int round = 0; round < 2; ++round) {  // a second time changes nothing
      for (int i = 0; i < kRooms; ++i) {
        sockets[0].join(name(i));
        if (i % 2 == 0) sockets[1].join(name(i));
      }
    }
    EXPECT_EQ(sockets[0].rooms().size(), 1u + kRooms);
    EXPECT_EQ(sockets[1].rooms().size(), 1u + kRooms / 2);
    for (int i = 0; i < kRooms; i += 3) sockets[0].leave(name(i));
    sockets[0].leave(name(0));
    EXPECT_EQ(sockets[0].rooms().size(), 1u + kRooms - kRooms / 3);
    EXPECT_EQ(io.to(name(0)).fetch_sockets().size(), 1u);
    EXPECT_EQ(io.to(name(1)).fetch_sockets().size(), 1u);
    EXPECT_EQ(io.to(name(2)).fetch_sockets().size(), 2u);
    sockets[0].disconnect();
    EXPECT_EQ(io.to(name(1)).fetch_sockets().size(), 0u);
    EXPECT_EQ(io.to(name(2)).fetch_sockets().size(), 1u);
    EXPECT_EQ(sockets[1].rooms().size(), 1u + kRooms / 2);
  });
}

TEST(SocketIo, rooms_union_exceptions_and_the_senders_absence) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<sio::Socket> sockets;
    io.on_connection([&](sio::Socket socket) { sockets.push_back(socket); });
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 4; ++i) peers.push_back(std::make_unique<Peer>(app, "0"));
    sockets[0].join("a");
    sockets[1].join(std::vector<std::string>{"a", "b"});
    sockets[2].join("b");
    const auto received = [&](const auto& send) {
      send();
      io.emit("end");
      std::string who;
      for (std::size_t i = 0; i < peers.size(); ++i) {
        for (std::string got = peers[i]->receive(); got != "2[\"end\"]"; got = peers[i]->receive()) {
          EXPECT_EQ(got, "2[\"x\",1]");
          who += std::to_string(i);
        }
      }
      return who;
    };
    EXPECT_EQ(received([&] { io.emit("x", 1); }), "0123");
    EXPECT_EQ(received([&] { io.to("a").emit("x", 1); }), "01");
    EXPECT_EQ(received([&] { io.to("a").to("b").emit("x", 1); }), "012") << "each once";
    EXPECT_EQ(received([&] { io.to("a").except("b").emit("x", 1); }), "0");
    EXPECT_EQ(received([&] { io.to(std::vector<std::string>{"a", "b"}).emit("x", 1); }), "012");
    EXPECT_EQ(received([&] { io.except(std::vector<std::string>{"a", "b"}).emit("x", 1); }), "3");
    EXPECT_EQ(io.sockets().size(), 4u);
    EXPECT_EQ(received([&] { io.except("a").emit("x", 1); }), "23");
    EXPECT_EQ(received([&] { io.to(sockets[3].id()).emit("x", 1); }), "3") << "an id is a room";
    EXPECT_EQ(received([&] { sockets[0].to("a").emit("x", 1); }), "1");
    EXPECT_EQ(received([&] { sockets[3].broadcast().emit("x", 1); }), "012");
    EXPECT_EQ(received([&] { sockets[1].except("a").emit("x", 1); }), "23");
    sockets[1].leave("a");
    EXPECT_EQ(received([&] { io.to("a").emit("x", 1); }), "0");
    EXPECT_EQ(sockets[1].rooms(), (std::vector<std::string>{sockets[1].id(), "b"}));
    EXPECT_EQ(io.main().in("b").fetch_sockets().size(), 2u);
    EXPECT_EQ(io.main().size(), 4u);
    sockets[2].disconnect();
    EXPECT_EQ(peers[2]->receive(), "1");
    EXPECT_EQ(io.main().in("b").fetch_sockets().size(), 1u);
    EXPECT_EQ(io.main().size(), 3u);
  });
}

TEST(SocketIo, broadcasts_carry_binary_data) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    Peer one(app, "0");
    Peer two(app, "0");
    io.emit("data", verdin::Bytes{1, 2});
    for (Peer* peer : {&one, &two}) {
      EXPECT_EQ(peer->receive(), R"(51-["data",{"_placeholder":true,"num":0}])");
      EXPECT_EQ(peer->receive(), "\x01\x02");
    }
  });
}

TEST(SocketIo, volatile_emits_are_dropped_when_they_cannot_leave_at_once) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on("go", [](sio::Socket socket) {
      for (int i = 0; i < 3; ++i) socket.volatile_emit("v", i);
      socket.emit("end");
    });
    Peer peer(app, "0");
    EXPECT_EQ(peer.ask("2[\"go\"]"), "2[\"v\",0]");
    EXPECT_EQ(peer.receive(), "2[\"end\"]");
  });
}

TEST(SocketIo, middlewares_refuse_in_their_order) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    int connections = 0;
    const auto nsp = io.of("/auth");
    nsp.use([](sio::Socket socket) {
      socket.join("asked");
      verdin::sleep(1ms);
    });
    nsp.use([](sio::Socket socket) -> std::optional<sio::ConnectError> {
      if (socket.auth()["token"] == json::Value("secret")) return std::nullopt;
      return sio::ConnectError("unauthorized", json::Value::object({{"code", 7}}));
    });
    nsp.use([](sio::Socket socket) {
      if (!socket.auth()["bomb"].is_null()) throw std::runtime_error("boom");
    });
    nsp.on_connection([&](sio::Socket) { ++connections; });
    Peer peer(app, "0");
    EXPECT_EQ(peer.ask("0/auth,"), R"(4/auth,{"message":"unauthorized","data":{"code":7}})");
    EXPECT_TRUE(nsp.in("asked").fetch_sockets().empty());
    EXPECT_EQ(peer.ask("0/auth,{\"token\":\"secret\",\"bomb\":1}"), R"(4/auth,{"message":"internal error"})");
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::handler), 1u);
    EXPECT_EQ(peer.ask("0/auth,{\"token\":\"secret\"}").substr(0, 8), "0/auth,{");
    EXPECT_EQ(connections, 1);
  });
}

TEST(SocketIo, a_client_that_leaves_while_a_middleware_blocks_never_connects) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    verdin::Event entered;
    verdin::Event release;
    bool connected = false;
    io.use([&](sio::Socket) {
      entered.set();
      release.wait();
    });
    io.on_connection([&](sio::Socket) { connected = true; });
    {
      Peer peer(app);
      peer.send("0");
      entered.wait();
    }
    while (io.engine().session_count() > 0) verdin::sleep(1ms);
    release.set();
    verdin::sleep(1ms);
    EXPECT_FALSE(connected);
  });
}

TEST(SocketIo, a_missing_client_bundle_is_one_log_line_at_start_and_a_404_that_says_why) {
  std::vector<std::string> lines;
  verdin::set_log_sink([&](verdin::LogLevel level, std::string_view line) {
    EXPECT_EQ(level, verdin::LogLevel::warning);
    lines.emplace_back(line);
  });
  sio::Options options;
  options.client_dir = "/nowhere";
  const sio::Server unasked(options);
  EXPECT_EQ(lines.size(), 1u) << "before anybody asks";
  with_server(
      [](http::App& app, sio::Server&, Errors&) {
        const std::string answer = http_exchange(app, get_request("/socket.io/socket.io.js"));
        EXPECT_EQ(status_of(answer), 404);
        EXPECT_NE(body_of(answer).find("client_dir"), std::string::npos) << answer;
        EXPECT_EQ(answer.find("/nowhere"), std::string::npos) << "our folders are not the peer's business";
        EXPECT_EQ(status_of(http_exchange(app, get_request("/socket.io/socket.io.min.js"))), 404);
        EXPECT_EQ(status_of(http_exchange(app, get_request("/socket.io/other.js"))), 400)
            << "an Engine.IO matter";
      },
      options);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[1].find("/nowhere"), std::string::npos);
  EXPECT_NE(lines[1].find("sio::Options::client_dir"), std::string::npos);
  options.serve_client = false;
  const sio::Server without(std::move(options));
  EXPECT_EQ(lines.size(), 2u) << "nobody wants them";
  verdin::set_log_sink({});
}

/// A folder with a bundle and its map.
class Bundle {
 public:
  Bundle() {
    std::ofstream(path_ / "socket.io.js") << script;
    std::ofstream(path_ / "socket.io.js.map") << map;
  }
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;
  ~Bundle() { std::filesystem::remove_all(path_); }

  sio::Options options() const {
    sio::Options options;
    options.client_dir = path_.string();
    return options;
  }

  const std::string script = "/*! Socket.IO v4.8.1 */" + std::string(5000, ' ') + "io();";
  const std::string map = "{\"version\":3,\"mappings\":\"" + std::string(3000, 'A') + "\"}";

 private:
  static std::filesystem::path make() {
    std::string name = (std::filesystem::temp_directory_path() / "verdin-bundle-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no folder for the test");
    return name;
  }
  const std::filesystem::path path_ = make();
};

/// What the head says under that name; several lines are joined with a comma.
std::string field(const std::string& answer, const std::string& name) {
  const std::string head = answer.substr(0, answer.find("\r\n\r\n") + 2);
  const std::string key = "\r\n" + name + ": ";
  std::string value;
  for (std::size_t at = head.find(key); at != std::string::npos; at = head.find(key, at + 1)) {
    const std::size_t begin = at + key.size();
    value += (value.empty() ? "" : ",") + head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return value;
}

/// By zlib, which tells gzip's frame from its own.
std::string inflated(const std::string& octets) {
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 32), Z_OK);
  std::string content(100'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(octets.data()));
  stream.avail_in = static_cast<uInt>(octets.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  content.resize(stream.total_out);
  ::inflateEnd(&stream);
  return content;
}

std::string unpacked(const std::string& octets) {
  verdin::protocol::http1::ContentDecoder decoder(verdin::protocol::http1::ContentCoding::brotli);
  std::string_view data = octets;
  std::string content;
  decoder.feed(data, content, 100'000);
  EXPECT_TRUE(decoder.complete());
  return content;
}

TEST(SocketIo, the_client_files_go_out_in_the_coding_that_the_request_likes_best) {
  const Bundle bundle;
  with_server(
      [&](http::App& app, sio::Server&, Errors&) {
        struct Case {
          const char* accepted;
          const char* coding;
        };
        const Case cases[] = {{"", ""},
                              {"Accept-Encoding: gzip\r\n", "gzip"},
                              {"Accept-Encoding: deflate\r\n", "deflate"},
                              {"Accept-Encoding: gzip, deflate, br\r\n", "br"},
                              {"Accept-Encoding: gzip;q=0.5, deflate\r\n", "deflate"},
                              {"Accept-Encoding: *\r\n", "br"},
                              {"Accept-Encoding: *, gzip;q=0, br;q=0\r\n", "deflate"},
                              {"Accept-Encoding: gzip;q=0\r\n", ""},
                              {"Accept-Encoding: br\r\n", "br"},
                              {"Accept-Encoding: identity\r\n", ""}};
        for (const Case& each : cases) {
          for (const std::string name : {"socket.io.js", "socket.io.js.map"}) {
            const std::string& file = name.ends_with("map") ? bundle.map : bundle.script;
            const std::string answer = http_exchange(app, get_request("/socket.io/" + name, each.accepted));
            const bool coded = *each.coding != '\0';
            EXPECT_EQ(status_of(answer), 200);
            EXPECT_EQ(field(answer, "Content-Encoding"), each.coding) << each.accepted;
            EXPECT_EQ(field(answer, "Vary"), "Accept-Encoding");
            EXPECT_EQ(field(answer, "ETag"), coded ? "W/\"4.8.1\"" : "\"4.8.1\"");
            EXPECT_EQ(field(answer, "Content-Length"), std::to_string(body_of(answer).size()));
            const std::string body = body_of(answer);
            const bool by_zlib = coded && *each.coding != 'b';
            EXPECT_EQ(by_zlib ? inflated(body) : coded ? unpacked(body) : body, file) << each.accepted;
            if (by_zlib) {
              EXPECT_EQ(static_cast<unsigned char>(body[0]), *each.coding == 'g' ? 0x1f : 0x78);
            }
            std::string head = get_request("/socket.io/" + name, each.accepted);
            head.replace(0, 3, "HEAD");
            RawClient client(app);  // no body comes that http_exchange() could wait for
            client.send(head);
            EXPECT_EQ(field(client.read_until("\r\n\r\n"), "Content-Length"), std::to_string(body.size()));
            const std::string tag = "If-None-Match: " + field(answer, "ETag") + "\r\n";
            const std::string again =
                http_exchange(app, get_request("/socket.io/" + name, each.accepted + tag));
            EXPECT_EQ(status_of(again), 304);
            EXPECT_EQ(field(again, "ETag"), field(answer, "ETag"));
            EXPECT_EQ(field(again, "Vary"), "Accept-Encoding");
            EXPECT_EQ(body_of(again), "");
          }
        }
      },
      bundle.options());
}

TEST(SocketIo, the_client_files_tell_browsers_what_polling_tells_them) {
  const Bundle bundle;
  sio::Options options = bundle.options();
  options.engine.cors.origins = {"https://listed.example"};
  options.engine.cors.credentials = true;
  with_server(
      [&](http::App& app, sio::Server&, Errors&) {
        // There, not there, and a poll to compare with.
        for (const std::string target : {"/socket.io/socket.io.js", "/socket.io/socket.io.esm.min.js",
                                         "/socket.io/?EIO=4&transport=polling"}) {
          const auto ask = [&](const std::string& headers) {
            return http_exchange(app, get_request(target, headers));
          };
          const std::string listed = ask("Origin: https://listed.example\r\n");
          EXPECT_EQ(field(listed, "Access-Control-Allow-Origin"), "https://listed.example") << target;
          EXPECT_EQ(field(listed, "Access-Control-Allow-Credentials"), "true") << target;
          EXPECT_EQ(field(listed, "Vary").substr(0, 6), "Origin") << target;
          for (const char* other : {"Origin: https://other.example\r\n", ""}) {
            const std::string answer = ask(other);
            EXPECT_EQ(field(answer, "Access-Control-Allow-Origin"), "") << target;
            EXPECT_EQ(field(answer, "Vary").substr(0, 6), "Origin") << target;
          }
        }
        const std::string script =
            http_exchange(app, get_request("/socket.io/socket.io.js",
                                           "Origin: https://listed.example\r\nAccept-Encoding: gzip\r\n"
                                           "If-None-Match: \"4.8.1\"\r\n"));
        EXPECT_EQ(status_of(script), 304);
        EXPECT_EQ(field(script, "Access-Control-Allow-Origin"), "https://listed.example");
        EXPECT_EQ(field(script, "Vary"), "Origin,Accept-Encoding");
      },
      options);
  options.engine.cors = {{}, true, false};
  with_server(
      [&](http::App& app, sio::Server&, Errors&) {
        const std::string answer =
            http_exchange(app, get_request("/socket.io/socket.io.js", "Origin: https://other.example\r\n"));
        EXPECT_EQ(field(answer, "Access-Control-Allow-Origin"), "*");
        EXPECT_EQ(body_of(answer), bundle.script);
      },
      options);
}

TEST(SocketIo, disconnecting_sees_the_rooms_and_disconnect_does_not) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<std::string> log;
    io.on_connection([&](sio::Socket socket) {
      socket.join("room");
      socket.data<std::string>() = "kept";
      socket.on_disconnecting([&, socket](sio::DisconnectReason) {
        log.push_back("disconnecting with " + std::to_string(socket.rooms().size()));
      });
      socket.on_disconnect([&, socket](sio::DisconnectReason reason) {
        log.push_back("disconnected by " + std::string(to_string(reason)) + " with " +
                      std::to_string(socket.rooms().size()) + " " + socket.data<std::string>());
        socket.emit("nobody hears this");
      });
    });
    verdin::Event gone;
    io.on_disconnect([&](sio::Socket, sio::DisconnectReason) { gone.set(); });
    { Peer peer(app, "0"); }
    gone.wait();
    EXPECT_EQ(log, (std::vector<std::string>{"disconnecting with 2",
                                             "disconnected by transport close with 0 kept"}));
  });
}

TEST(SocketIo, handles_held_by_handlers_do_not_keep_the_socket_alive) {
  const auto token = std::make_shared<int>(0);
  with_server([&](http::App& app, sio::Server& io, Errors&) {
    io.on_connection([&](sio::Socket socket) { socket.on("x", [socket, token] { socket.emit("y"); }); });
    { Peer peer(app, "0"); }
    while (io.engine().session_count() > 0 || token.use_count() > 1) verdin::sleep(1ms);
  });
  EXPECT_EQ(token.use_count(), 1);
}

TEST(SocketIo, disconnect_leaves_one_namespace_or_all) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<std::string> reasons;
    io.of("/a").on("kick", [](sio::Socket socket) { socket.disconnect(); });
    io.of("/a").on_disconnect(
        [&](sio::Socket, sio::DisconnectReason r) { reasons.emplace_back(to_string(r)); });
    io.on("kick-all", [](sio::Socket socket) { socket.disconnect(true); });
    io.on_disconnect([&](sio::Socket, sio::DisconnectReason r) { reasons.emplace_back(to_string(r)); });
    Peer peer(app, "0");
    peer.ask("0/a,");
    EXPECT_EQ(peer.ask("2/a,[\"kick\"]"), "1/a,");
    peer.send("2[\"kick-all\"]");
    EXPECT_EQ(peer.receive(), "1");
    EXPECT_EQ(peer.receive(), "close:1000");
    EXPECT_EQ(reasons,
              (std::vector<std::string>{"server namespace disconnect", "server namespace disconnect"}));
  });
}

TEST(SocketIo, what_breaks_the_protocol_ends_the_connection) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"7", "forced close"},
      {"2[]", "forced close"},
      {"2{}", "forced close"},
      {"2[null]", "forced close"},
      {"2[\"connect\"]", "forced close"},
      {"2[\"x\"", "forced close"},
      {"2abc[\"x\"]", "forced close"},
      {"218446744073709551616[\"x\"]", "forced close"},
      {"5[\"x\",{\"_placeholder\":true,\"num\":0}]", "forced close"},
      {"51-[\"x\"]", "forced close"},
      {"511-[\"x\"]", "forced close"},
      {"59999999999-[\"x\"]", "forced close"},
      {"2[\"x\"," + std::string(600, '[') + std::string(600, ']') + "]", "forced close"},
      {"2/none,[\"x\"]", "forced server close"},
      {"0", "forced server close"},
      {"4{\"message\":\"x\"}", "forced server close"},
  };
  for (const auto& [packet, reason] : cases) {
    with_server([&, packet = packet, reason = reason](http::App& app, sio::Server& io, Errors& errors) {
      std::string ended;
      io.on_disconnect([&](sio::Socket, sio::DisconnectReason r) { ended = to_string(r); });
      Peer canary(app, "0");
      Peer peer(app, "0");
      peer.send(packet);
      EXPECT_EQ(peer.receive(), "close:1000") << packet;
      EXPECT_EQ(ended, reason) << packet;
      EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::protocol), 1u) << packet;
      io.emit("still here");
      EXPECT_EQ(canary.receive(), "2[\"still here\"]");
    });
  }
}

TEST(SocketIo, events_before_connect_end_the_connection) {
  with_server([](http::App& app, sio::Server&, Errors&) {
    Peer peer(app);
    peer.send("2[\"x\"]");
    EXPECT_EQ(peer.receive(), "close:1000");
  });
}

TEST(SocketIo, attachments_that_do_not_come_as_announced_end_the_connection) {
  const std::string placeholder = "{\"_placeholder\":true,\"num\":0}";
  with_server([&](http::App& app, sio::Server&, Errors&) {
    {
      Peer peer(app, "0");
      peer.send("51-[\"x\"," + placeholder + "]");
      peer.send("2[\"text in between\"]");
      EXPECT_EQ(peer.receive(), "close:1000");
    }
    {
      Peer peer(app, "0");
      peer.send_binary("uninvited");
      EXPECT_EQ(peer.receive(), "close:1000");
    }
    {
      Peer peer(app, "0");
      peer.send("51-[\"x\"," + placeholder + "," + placeholder + "]");
      EXPECT_EQ(peer.receive(), "close:1000") << "one attachment, used twice";
    }
  });
}

TEST(SocketIo, a_client_that_joins_nothing_or_finishes_nothing_is_closed_in_time) {
  sio::Options options;
  options.connect_timeout = 20ms;
  with_server(
      [](http::App& app, sio::Server& io, Errors& errors) {
        Peer idle(app);
        EXPECT_EQ(idle.receive(), "close:1000");
        Peer unfinished(app, "0");
        unfinished.send(R"(51-["x",{"_placeholder":true,"num":0}])");
        EXPECT_EQ(unfinished.receive(), "close:1000");
        Peer fine(app, "0");
        verdin::sleep(40ms);
        io.emit("still here");
        EXPECT_EQ(fine.receive(), "2[\"still here\"]");
        EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::protocol), 2u);
      },
      std::move(options));
}

TEST(SocketIo, one_client_joins_only_so_many_namespaces) {
  sio::Options options;
  options.max_namespaces = 2;
  with_server(
      [](http::App& app, sio::Server& io, Errors&) {
        for (const char* name : {"/a", "/b", "/c"}) io.of(name);
        Peer peer(app);
        EXPECT_EQ(peer.ask("0/a,").substr(0, 5), "0/a,{");
        EXPECT_EQ(peer.ask("0/b,").substr(0, 5), "0/b,{");
        EXPECT_EQ(peer.ask("0/c,"), R"(4/c,{"message":"Too many namespaces"})");
      },
      std::move(options));
}

TEST(SocketIo, reserved_names_and_wrong_data_types_are_the_programmers_error) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    EXPECT_THROW(io.on("disconnect", [] {}), std::invalid_argument);
    EXPECT_THROW(io.emit("connect_error"), std::invalid_argument);
    io.on_connection([](sio::Socket socket) {
      socket.data<int>() = 3;
      EXPECT_EQ(socket.data<int>(), 3);
      EXPECT_THROW(socket.data<std::string>(), std::logic_error);
      EXPECT_THROW(socket.emit("newListener"), std::invalid_argument);
      socket.emit("fine");
    });
    Peer peer(app, "0");
    EXPECT_EQ(peer.receive(), "2[\"fine\"]");
  });
}

TEST(SocketIo, handles_may_be_used_from_another_thread) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<sio::Socket> sockets;
    io.on_connection([&](sio::Socket socket) { sockets.push_back(socket); });
    Peer peer(app, "0");
    verdin::offload([&] {
      sockets[0].join("room");
      sockets[0].emit("direct", 1);
      io.to("room").emit("cast", 2);
      sockets[0].disconnect();
    });
    EXPECT_EQ(peer.receive(), "2[\"direct\",1]");
    EXPECT_EQ(peer.receive(), "2[\"cast\",2]");
    EXPECT_EQ(peer.receive(), "1");
  });
}

TEST(SocketIo, a_stop_makes_clients_reconnect_and_says_why_on_this_side) {
  std::string reason;
  with_server([&](http::App& app, sio::Server& io, Errors&) {
    io.on_disconnect([&](sio::Socket, sio::DisconnectReason r) { reason = to_string(r); });
    Peer peer(app, "0");
    io.endpoint().on_stop();
    EXPECT_EQ(peer.receive(), "close:1001")
        << "and no DISCONNECT packet, which would tell the client to stay away";
  });
  EXPECT_EQ(reason, "server shutting down");
}

TEST(SocketIo, a_handler_that_blocked_is_reported_under_its_own_name) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::string name;
    io.on_error([&](const sio::ErrorInfo& error) { name = error.event; });
    io.on("an event with a name that fits no small buffer", [] {
      verdin::sleep(20ms);
      throw std::runtime_error("late");
    });
    io.on("big", [](std::string) { return true; });
    Peer peer(app, "0");
    Peer other(app, "0");
    peer.send("2[\"an event with a name that fits no small buffer\"]");
    // A packet that makes the parser take larger buffers than before.
    EXPECT_EQ(other.ask("21[\"big\",\"" + std::string(500'000, 'x') + "\"]"), "31[true]");
    while (name.empty()) verdin::sleep(1ms);
    EXPECT_EQ(name, "an event with a name that fits no small buffer");
  });
}

TEST(SocketIo, what_escapes_from_a_hook_ends_no_more_than_the_hook) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    int gone = 0;
    io.use([](sio::Socket socket) {
      const verdin::Timeout limit(1ms);
      if (socket.auth().find("slow")) verdin::sleep(10s);
    });
    io.on_connection([](sio::Socket) {
      const verdin::Timeout limit(1ms);
      verdin::sleep(10s);
    });
    io.on("kill", [] { throw verdin::GreenletExit{}; });
    io.on("ping", [] { return "pong"; });
    io.on_disconnect([](sio::Socket, sio::DisconnectReason) { throw verdin::TimeoutExpired(nullptr); });
    io.on_disconnect([&](sio::Socket, sio::DisconnectReason) { ++gone; });
    {
      Peer peer(app, "0");
      EXPECT_EQ(peer.ask("21[\"ping\"]"), "31[\"pong\"]");
      peer.send("2[\"kill\"]");
      EXPECT_EQ(peer.ask("22[\"ping\"]"), "32[\"pong\"]");
      Peer refused(app, R"(0{"slow":1})");
      EXPECT_EQ(refused.connected(), R"(4{"message":"internal error"})");
    }
    while (gone == 0) verdin::sleep(1ms);
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::handler), 3u);
  });
}

TEST(SocketIo, hooks_may_be_added_while_others_run) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    const std::string token(100, 't');
    std::vector<std::string> seen;
    io.use([&, token](sio::Socket) {
      for (int i = 0; i < 50; ++i) io.use([](sio::Socket) {});
      verdin::sleep(1ms);
      seen.push_back(token);
    });
    io.on_connection([&, token](sio::Socket socket) {
      for (int i = 0; i < 50; ++i) io.on_connection([](sio::Socket) {});
      verdin::sleep(1ms);
      seen.push_back(token);
      socket.on_disconnect([&, socket, token](sio::DisconnectReason) {
        for (int i = 0; i < 50; ++i) socket.on_disconnect([socket](sio::DisconnectReason) {});
        verdin::sleep(1ms);
        seen.push_back(token);
      });
    });
    io.on_disconnect([&, token](sio::Socket, sio::DisconnectReason) {
      for (int i = 0; i < 50; ++i) io.on_disconnect([](sio::Socket, sio::DisconnectReason) {});
      verdin::sleep(1ms);
      seen.push_back(token);
    });
    { Peer peer(app, "0"); }
    while (seen.size() < 4) verdin::sleep(1ms);
    EXPECT_EQ(seen, std::vector<std::string>(4, token));
  });
}

TEST(SocketIo, hooks_added_after_the_end_do_not_keep_the_socket_alive) {
  struct Tracker {
    std::shared_ptr<int> alive;
  };
  const auto alive = std::make_shared<int>();
  with_server([&](http::App& app, sio::Server& io, Errors&) {
    verdin::Event added;
    io.on_connection([&](sio::Socket socket) {
      socket.data<Tracker>().alive = alive;
      verdin::spawn([&, socket] {
        while (socket.connected()) verdin::sleep(1ms);
        verdin::sleep(1ms);
        socket.on_disconnect([socket](sio::DisconnectReason) {});
        socket.on_disconnecting([socket](sio::DisconnectReason) {});
        socket.on("x", [socket] {});
        added.set();
      });
    });
    { Peer peer(app, "0"); }
    added.wait();
  });
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(SocketIo, a_mailbox_is_bounded_in_octets_too) {
  sio::Options options;
  options.max_mailbox_octets = 200'000;
  with_server(
      [](http::App& app, sio::Server& io, Errors&) {
        verdin::Event release;
        std::size_t got = 0;
        io.on("block", [&] { release.wait(); });
        io.on("big", [&](std::string text) { got += text.size(); });
        io.on("done", [] { return true; });
        Peer peer(app, "0");
        peer.send("2[\"block\"]");
        for (int i = 0; i < 200; ++i) peer.send("2[\"big\",\"" + std::string(100'000, 'x') + "\"]");
        verdin::sleep(50ms);
        EXPECT_GT(peer.engine().raw().unsent(), 18'000'000u) << "taken from a client whose handler blocks";
        release.set();
        EXPECT_EQ(peer.ask("21[\"done\"]"), "31[true]");
        EXPECT_EQ(got, 20'000'000u);
      },
      std::move(options));
}

TEST(SocketIo, a_full_mailbox_is_no_silent_client_and_does_not_keep_an_acknowledgement_back) {
  sio::Options options;
  options.max_mailbox = 4;
  options.engine.ping_interval = 20ms;
  options.engine.ping_timeout = 200ms;
  with_server(
      [](http::App& app, sio::Server& io, Errors& errors) {
        int got = 0;
        std::string gone;
        io.on("slow", [] { verdin::sleep(500ms); });
        io.on("ask", [](sio::Socket socket) { return socket.timeout(10s).emit_with_ack("question"); });
        io.on("n", [&] { ++got; });
        io.on_disconnect([&](sio::Socket, sio::DisconnectReason reason) { gone = to_string(reason); });
        Peer peer(app, "0");
        const auto next = [&] {
          for (;;) {
            std::string packet = peer.receive();
            if (packet != "2") return packet;
            peer.engine().send("3");
          }
        };
        peer.send("2[\"slow\"]");
        for (int i = 0; i < 8; ++i) peer.send("2[\"n\"]");
        peer.send("21[\"ask\"]");
        for (int i = 0; i < 10; ++i) peer.send("2[\"n\"]");
        EXPECT_EQ(next(), "20[\"question\"]");
        peer.send("30[42]");
        EXPECT_EQ(next(), "31[42]");
        peer.send("22[\"ask\"]");
        EXPECT_EQ(next(), "21[\"question\"]");
        EXPECT_EQ(got, 18);
        EXPECT_EQ(gone, "");
        for (int i = 0; i < 20; ++i) peer.send("2[\"n\"]");
        while (gone.empty()) verdin::sleep(1ms);
        EXPECT_EQ(gone, "forced server close");
        EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::protocol), 1u);
      },
      std::move(options));
}

TEST(SocketIo, a_client_that_comes_and_goes_has_only_so_many_handlers_running) {
  sio::Options options;
  options.max_namespaces = 4;
  with_server(
      [](http::App& app, sio::Server& io, Errors&) {
        verdin::Event release;
        int running = 0;
        io.of("/slow").on_connection([&](sio::Socket) {
          ++running;
          release.wait();
        });
        Peer peer(app, "0");
        int refused = 0;
        for (int i = 0; i < 20; ++i) {
          const bool in = peer.ask("0/slow,").starts_with("0");
          refused += !in;
          if (in) peer.send("1/slow,");
        }
        EXPECT_EQ(running, 3);
        EXPECT_EQ(refused, 17);
        release.set();
        verdin::sleep(1ms);
        EXPECT_TRUE(peer.ask("0/slow,").starts_with("0/slow,{"));
      },
      std::move(options));
}

TEST(SocketIo, what_waits_for_sockets_that_have_left_is_bounded_for_all_together) {
  sio::Options options;
  options.max_left_octets = 250'000;
  with_server(
      [](http::App& app, sio::Server& io, Errors& errors) {
        verdin::Event release;
        verdin::Event came;
        int got = 0;
        int gone = 0;
        io.on("block", [&] {
          came.set();
          release.wait();
        });
        io.on("n", [&](const std::string&) { ++got; });
        io.on_disconnect([&](sio::Socket, sio::DisconnectReason) { ++gone; });
        io.of("/other").on("ping", [] {});
        const auto visit = [&](bool leaves_the_namespace_first) {
          Peer peer(app, "0");
          came.clear();
          peer.send("2[\"block\"]");
          for (int i = 0; i < 10; ++i) peer.send("2[\"n\",\"" + std::string(10'000, 'x') + "\"]");
          if (leaves_the_namespace_first) peer.send("1");
          EXPECT_TRUE(peer.ask("0/other,").starts_with("0/other,{"));
          EXPECT_EQ(peer.ask("2/other,1[\"ping\"]"), "3/other,1[]");
          EXPECT_TRUE(came.wait_for(60s));
        };
        const auto all_left = [&] {
          while (io.engine().session_count() > 0) verdin::sleep(1ms);
        };
        for (int i = 0; i < 5; ++i) visit(i % 2 == 1);
        all_left();
        EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::dropped), 3u)
            << "two of 100,000 octets are within 250,000";
        release.set();
        while (gone < 5) verdin::sleep(1ms);
        EXPECT_EQ(got, 20) << "what was within the limit is handled, and everybody's end is told";
        release.clear();
        for (int i = 0; i < 2; ++i) visit(false);
        all_left();
        EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::dropped), 3u) << "what is handled waits no more";
        release.set();
        while (gone < 7) verdin::sleep(1ms);
        EXPECT_EQ(got, 40);
        EXPECT_EQ(errors.seen.size(), 3u);
      },
      std::move(options));
}

TEST(SocketIo, the_auth_of_all_sockets_of_a_client_together_is_bounded) {
  sio::Options options;
  options.max_auth_octets = 8192;
  with_server(
      [](http::App& app, sio::Server& io, Errors& errors) {
        const std::string too_large = R"({"message":"Auth too large"})";
        const auto numbers = [](int count) {
          std::string text = R"({"n":[1)";
          for (int i = 1; i < count; ++i) text += ",1";
          return text + "]}";
        };
        int asked = 0;
        for (const char* name : {"/a", "/b", "/no"}) {
          io.of(name).use([&](sio::Socket) -> std::optional<sio::ConnectError> {
            ++asked;
            return std::nullopt;
          });
        }
        io.of("/no").use(
            [](sio::Socket) -> std::optional<sio::ConnectError> { return sio::ConnectError("no"); });
        std::size_t got = 0;
        io.of("/a").on_connection([&](sio::Socket socket) { got = socket.auth()["n"].size(); });
        Peer peer(app, "0");
        // A value of two octets takes a whole json::Value: 8192 / 64, less the object, its key, and the
        // array.
        EXPECT_EQ(peer.ask("0/a," + numbers(125)), "4/a," + too_large);
        EXPECT_EQ(peer.ask("0/a,{\"t\":\"" + std::string(8192, 'x') + "\"}"), "4/a," + too_large);
        EXPECT_EQ(peer.ask("0/a,{\"" + std::string(8192, 'x') + "\":1}"), "4/a," + too_large);
        EXPECT_EQ(asked, 0);
        EXPECT_TRUE(peer.ask("0/a," + numbers(124)).starts_with("0/a,{"));
        EXPECT_EQ(got, 124u);
        EXPECT_EQ(peer.ask("0/b,{}"), "4/b," + too_large)
            << "the first has taken all that the client may have";
        EXPECT_TRUE(peer.ask("0/b,").starts_with("0/b,{")) << "no auth takes nothing";
        EXPECT_TRUE(Peer(app, "0/b," + numbers(124)).connected().starts_with("0/b,{")) << "another client";
        peer.send("1/a,");
        for (int i = 0; i < 3; ++i) EXPECT_EQ(peer.ask("0/no," + numbers(124)), R"(4/no,{"message":"no"})");
        EXPECT_TRUE(peer.ask("0/a," + numbers(124)).starts_with("0/a,{")) << "what has left takes nothing";
        EXPECT_EQ(errors.seen.size(), 0u);
      },
      std::move(options));
}

TEST(SocketIo, a_server_destroyed_while_a_handler_blocks_tells_nobody) {
  verdin::run([] {
    verdin::Event release;
    bool told = false;
    auto io = std::make_unique<sio::Server>();
    io->on("block", [&] { release.wait(); });
    io->on_disconnect([&](sio::Socket, sio::DisconnectReason) { told = true; });
    auto app = std::make_unique<http::App>();
    app->mount(*io);
    auto peer = std::make_unique<Peer>(*app, "0");
    peer->send("2[\"block\"]");
    verdin::sleep(5ms);
    app.reset();
    io.reset();
    release.set();
    verdin::sleep(5ms);
    EXPECT_FALSE(told);
  });
}

TEST(SocketIo, one_server_may_serve_in_two_runs) {
  sio::Server io;
  std::vector<std::string> gone;
  io.on_disconnect([&](sio::Socket, sio::DisconnectReason reason) { gone.emplace_back(to_string(reason)); });
  for (int i = 0; i < 2; ++i) {
    io.emit("nobody is there");
    verdin::run([&] {
      io.emit("nobody is there");
      http::App app;
      app.mount(io);
      auto serving = verdin::spawn([&] { app.serve_forever(); });
      Peer peer(app, "0");
      { Peer other(app, "0"); }
      while (gone.size() % 2 == 0) verdin::sleep(1ms);
      serving.kill();
      while (gone.size() % 2 != 0) verdin::sleep(1ms);
    });
  }
  EXPECT_EQ(gone, (std::vector<std::string>{"transport close", "server shutting down", "transport close",
                                            "server shutting down"}));
}

TEST(SocketIo, works_over_polling_too) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on("echo", [](sio::Args args) { return args; });
    PollingPeer peer(app, "/socket.io/");
    peer.post("40");
    EXPECT_EQ(body_of(peer.poll()).substr(0, 9), "40{\"sid\":");
    peer.post(
        "421[\"echo\",\"a\"]\x1e"
        "452-2[\"echo\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]\x1e"
        "bAQ==\x1e"
        "bAg==");
    EXPECT_EQ(body_of(peer.poll()),
              "431[\"a\"]\x1e"
              "462-2[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\x1e"
              "bAg==\x1e"
              "bAQ==");
  });
}

}  // namespace
