// Handlers of special kinds, and what application code may do in places where it is called.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/socketio_peer.hpp"

using namespace std::chrono_literals;
using namespace verdin::test;
namespace http = verdin::http;
namespace json = verdin::json;
namespace sio = verdin::sio;

namespace {

TEST(SocketIoHandlers, once_is_for_one_event_that_decodes) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    io.on("n", [](int n) { return "namespace's " + std::to_string(n); });
    io.on_connection([](sio::Socket socket) {
      socket.once("n", [socket](int n) {
        if (n == 2) socket.once("n", [](int m) { return "second " + std::to_string(m); });
        return "first " + std::to_string(n);
      });
    });
    Peer peer(app, "0");
    peer.send(R"(2["n","no number"])");
    EXPECT_EQ(peer.ask(R"(21["n",2])"), R"(31["first 2"])");
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::decode), 1u);
    EXPECT_EQ(peer.ask(R"(21["n",3])"), R"(31["second 3"])") << "it was added by the one that was called";
    EXPECT_EQ(peer.ask(R"(21["n",4])"), R"(31["namespace's 4"])");
  });
}

TEST(SocketIoHandlers, any_listeners_hear_everything_first) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    std::vector<std::string> log;
    io.on("known", [&](int n, verdin::Bytes bytes) {
      log.push_back("handler " + std::to_string(n) + " of " + std::to_string(bytes.size()));
      return n;
    });
    io.on("stop", [](sio::Socket socket) {
      socket.off_any();
      return true;
    });
    io.on_connection([&](sio::Socket socket) {
      socket.on_any([&](const std::string& event, const sio::Args& args) {
        verdin::sleep(1ms);  // and others use the parser meanwhile
        log.push_back(event + " with " + std::to_string(args.size()));
      });
      socket.on_any([](const std::string& event, const sio::Args&) {
        if (event == "bomb") throw std::runtime_error("boom");
      });
    });
    Peer peer(app, "0");
    Peer other(app, "0");
    peer.send(R"(2["unknown",1,2,3])");
    peer.send(R"(2["bomb"])");
    peer.send(R"(51-7["known",5,{"_placeholder":true,"num":0}])");
    peer.send_binary("abc");
    other.send(R"(2["from another",")" + std::string(10'000, 'x') + "\"]");
    EXPECT_EQ(peer.receive(), "37[5]");
    std::erase(log, "from another with 1");
    EXPECT_EQ(log,
              (std::vector<std::string>{"unknown with 3", "bomb with 0", "known with 2", "handler 5 of 3"}));
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::handler), 1u);
    EXPECT_EQ(peer.ask(R"(21["stop"])"), "31[true]");
    log.clear();
    peer.send(R"(2["unknown"])");
    EXPECT_EQ(peer.ask(R"(21["stop"])"), "31[true]");
    EXPECT_TRUE(log.empty());
  });
}

TEST(SocketIoHandlers, any_listeners_keep_the_order_and_do_not_keep_the_socket) {
  const auto token = std::make_shared<int>(0);
  with_server([&](http::App& app, sio::Server& io, Errors&) {
    std::vector<int> got;
    io.on("n", [&](int n) {
      if (n % 3 == 0) verdin::sleep(0s);
      got.push_back(n);
    });
    io.on("done", [] { return true; });
    io.on_connection([&](sio::Socket socket) {
      socket.on_any([socket, token](const std::string&, const sio::Args& args) {
        if (!args.empty() && args[0].to_text().size() > 1) verdin::sleep(0s);
      });
    });
    {
      Peer peer(app, "0");
      for (int i = 0; i < 50; ++i) peer.send("2[\"n\"," + std::to_string(i) + "]");
      EXPECT_EQ(peer.ask("21[\"done\"]"), "31[true]");
      ASSERT_EQ(got.size(), 50u);
      for (int i = 0; i < 50; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
    }
    while (io.engine().session_count() > 0 || token.use_count() > 1) verdin::sleep(1ms);
  });
}

TEST(SocketIoHandlers, rooms_may_be_listed) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on_connection([](sio::Socket socket) { socket.join({"a", "b"}); });
    Peer peer(app, "0");
    const std::string name = "b";
    for (const auto& to : {io.to({"a", "b"}), io.in({"a"}), io.main().to({"nobody", name}), io.to({}),
                           io.main().in({"a", "b"}).except({"c", "d"}), io.except({"x", "y"})}) {
      to.emit("x");
      EXPECT_EQ(peer.receive(), "2[\"x\"]");
    }
    io.to({"a", "b"}).except({"b", "c"}).emit("never");
    io.emit("end");
    EXPECT_EQ(peer.receive(), "2[\"end\"]");
  });
}

TEST(SocketIoHandlers, as_volatile_is_volatile_emit) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    io.on("go", [](sio::Socket socket) {
      for (int i = 0; i < 3; ++i) socket.as_volatile().emit("v", i);
      socket.emit("end");
    });
    Peer peer(app, "0");
    EXPECT_EQ(peer.ask("2[\"go\"]"), "2[\"v\",0]");
    EXPECT_EQ(peer.receive(), "2[\"end\"]");
  });
}

/// Does something while it is written.
struct Meddler {
  std::function<void()> meddle;
};
void to_json(json::Writer& writer, const Meddler& meddler) {
  meddler.meddle();
  writer.string("meddler");
}

TEST(SocketIoHandlers, an_argument_may_use_the_socket_while_it_is_written) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    io.on("emit", [](sio::Socket socket) {
      socket.emit("outer", "before",
                  Meddler{[socket] { socket.emit("inner", verdin::Bytes{1}, std::string(500, 'i')); }},
                  "behind");
    });
    io.on("block",
          [](sio::Socket socket) { socket.emit("outer", Meddler{[] { verdin::sleep(2ms); }}, "behind"); });
    io.on("cast", [](sio::Socket socket) {
      socket.emit("outer", Meddler{[socket] { socket.nsp().emit("inner"); }});
    });
    io.on("throw", [](sio::Socket socket) {
      socket.emit("outer", Meddler{[] { throw std::runtime_error("on purpose"); }});
    });
    io.on("ack", [](sio::Socket socket) { return Meddler{[socket] { socket.emit("inner"); }}; });
    io.on("leave",
          [](sio::Socket socket) { socket.emit("outer", Meddler{[socket] { socket.disconnect(); }}); });
    Peer peer(app, "0");
    peer.send("2[\"emit\"]");
    EXPECT_EQ(peer.receive(),
              R"(51-["inner",{"_placeholder":true,"num":0},")" + std::string(500, 'i') + "\"]");
    EXPECT_EQ(peer.receive(), "\x01");
    EXPECT_EQ(peer.receive(), R"(2["outer","before","meddler","behind"])");
    peer.send("2[\"block\"]");
    while (io.sockets().empty()) verdin::sleep(0s);
    io.emit("meanwhile");
    EXPECT_EQ(peer.receive(), "2[\"meanwhile\"]");
    EXPECT_EQ(peer.receive(), R"(2["outer","meddler","behind"])");
    peer.send("2[\"cast\"]");
    EXPECT_EQ(peer.receive(), "2[\"inner\"]");
    EXPECT_EQ(peer.receive(), R"(2["outer","meddler"])");
    peer.send("2[\"throw\"]");
    peer.send("27[\"ack\"]");
    EXPECT_EQ(peer.receive(), "2[\"inner\"]");
    EXPECT_EQ(peer.receive(), R"(37["meddler"])");
    EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::handler), 1u);
    EXPECT_EQ(peer.ask("2[\"leave\"]"), "1") << "and nothing behind it";
  });
}

/// A hub whose stacks are so large that there is room for 64 of them only.
TEST(SocketIoHandlers, run_when_there_is_a_stack_again) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer's memory layout has no room for them";
#endif
  std::vector<std::string> lines;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view line) { lines.emplace_back(line); });
  verdin::HubOptions options;
  options.stack_size = std::size_t{1} << 40;
  options.warm_workers = 0;
  verdin::run(options, [&] {
    sio::Options quiet;
    quiet.serve_client = false;  // no line about their files
    sio::Server io(quiet);
    std::vector<int> got;
    std::vector<std::string> gone;
    io.on("n", [&](int n) { got.push_back(n); });
    io.on("bytes", [&](verdin::Bytes bytes) { return bytes.size(); });
    io.on_disconnect(
        [&](sio::Socket, sio::DisconnectReason reason) { gone.emplace_back(to_string(reason)); });
    http::App app;
    app.mount(io);
    Peer peer(app, "0");
    Peer leaves(app, "0");
    Peer late(app);
    verdin::Event release;
    std::vector<verdin::Greenlet<void>> hogs;
    for (int i = 0; i < 64; ++i) hogs.push_back(verdin::spawn([&] { release.wait(); }));
    verdin::sleep(1ms);
    for (int i = 0; i < 10; ++i) peer.send("2[\"n\"," + std::to_string(i) + "]");
    peer.send(R"(51-7["bytes",{"_placeholder":true,"num":0}])");
    peer.send_binary("abc");
    late.send("0");
    leaves.engine().raw().disconnect();
    while (io.engine().session_count() > 2) verdin::sleep(1ms);
    verdin::sleep(50ms);
    EXPECT_TRUE(got.empty());
    EXPECT_TRUE(gone.empty());
    release.set();
    EXPECT_EQ(peer.receive(), "37[3]");
    ASSERT_EQ(got.size(), 10u);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(late.receive().substr(0, 8), "0{\"sid\":");
    while (gone.empty()) verdin::sleep(1ms);
    EXPECT_EQ(gone[0], "transport close");
    peer.send("2[\"n\",10]");
    while (got.size() < 11) verdin::sleep(1ms);
  });
  verdin::set_log_sink({});
  EXPECT_GE(lines.size(), 1u);
}

/// The client may send the attachment, but the server does not take it.
TEST(SocketIoHandlers, a_binary_packet_is_not_late_while_the_server_does_not_read) {
  sio::Options options;
  options.connect_timeout = 1s;
  options.max_mailbox = 1;
  with_server(
      [](http::App& app, sio::Server& io, Errors& errors) {
        verdin::Event gate, marked;
        verdin::Greenlet<> asking;
        io.of("/other").on("mark", [&] { marked.set(); });
        io.on("wait", [&](sio::Socket socket) {
          // While an answer is awaited reading goes on, also behind a full mailbox.
          asking = verdin::spawn([=] { socket.timeout(60s).emit_with_ack("never answered"); });
          gate.wait();
        });
        io.on("size", [](verdin::Bytes bytes) { return bytes.size(); });
        Peer peer(app, "0");
        peer.ask("0/other");
        peer.send(R"(2["wait"])");
        EXPECT_EQ(peer.receive(), R"(20["never answered"])");
        peer.send(R"(2["unknown"])");
        peer.send(R"(2["unknown"])");
        peer.send(R"(2/other,["mark"])");
        peer.send(R"(51-7["size",{"_placeholder":true,"num":0}])");
        marked.wait();
        asking.kill();  // nothing is read from now on
        peer.send_binary("12345");
        verdin::sleep(1300ms);
        gate.set();
        EXPECT_EQ(peer.receive(), "37[5]");
        EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::protocol), 0u);
      },
      options);
}

}  // namespace
