// Acknowledgements that this side waits for: typed, and of a whole broadcast.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "support/socketio_peer.hpp"
#include "support/wanted_loop.hpp"

using namespace std::chrono_literals;
using namespace verdin::test;
namespace http = verdin::http;
namespace sio = verdin::sio;

namespace {

/// Waits for "2<id>[...]" and acknowledges with `arguments`.
void acknowledge(Peer& peer, const std::string& arguments) {
  const std::string packet = peer.receive();
  peer.send("3" + packet.substr(1, packet.find('[') - 1) + arguments);
}

TEST(WantedLoop, is_the_one_it_runs_on) { verdin::test::expect_the_wanted_loop(); }

TEST(SocketIoAck, is_decoded_into_what_was_asked_for) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    std::vector<sio::Socket> sockets;
    io.on_connection([&](sio::Socket socket) { sockets.push_back(socket); });
    Peer peer(app, "0");
    const sio::Socket socket = sockets[0];
    const auto answer = [&](const std::string& arguments) {
      return verdin::spawn([&, arguments] { acknowledge(peer, arguments); });
    };
    auto first = answer("[42]");
    EXPECT_EQ(socket.emit_with_ack<int>("q", 1), 42);
    auto second = answer(R"(["a",[1,2],null])");
    const auto several =
        socket.timeout(10s).emit_with_ack<std::tuple<std::string, std::vector<int>, std::optional<int>>>("q");
    EXPECT_EQ(several, std::tuple(std::string("a"), std::vector{1, 2}, std::optional<int>()));
    auto third = answer("[true,1]");
    EXPECT_EQ(socket.emit_with_ack("q").size(), 2u);
    for (const char* wrong : {R"(["no number"])", "[]", "[1.5]"}) {
      auto bad = answer(wrong);
      EXPECT_THROW(socket.timeout(10s).emit_with_ack<int>("q"), sio::BadAck) << wrong;
    }
    EXPECT_THROW(socket.timeout(1ms).emit_with_ack<int>("q"), sio::AckTimeout);
  });
}

TEST(SocketIoAck, of_a_broadcast_is_everybodys) {
  with_server([](http::App& app, sio::Server& io, Errors& errors) {
    std::vector<sio::Socket> sockets;
    io.on_connection([&](sio::Socket socket) {
      socket.join({"all", "n" + std::to_string(sockets.size())});
      sockets.push_back(socket);
    });
    Peer one(app, "0");
    Peer two(app, "0");
    Peer three(app, "0");
    EXPECT_TRUE(io.to("nobody").emit_with_ack("q").empty());

    auto a = verdin::spawn([&] { acknowledge(one, "[1]"); });
    auto b = verdin::spawn([&] { acknowledge(two, "[2]"); });
    std::vector<int> replies = io.to({"n0", "n1"}).timeout(10s).emit_with_ack<int>("q", "text");
    std::sort(replies.begin(), replies.end());
    EXPECT_EQ(replies, (std::vector{1, 2}));

    auto c = verdin::spawn([&] { acknowledge(one, "[7]"); });
    try {
      io.timeout(30ms).emit_with_ack<int>("q");
      ADD_FAILURE() << "two of three said nothing";
    } catch (const sio::MissingAcks<int>& missing) {
      EXPECT_EQ(missing.replies, std::vector{7});
      EXPECT_EQ(missing.missing, 2u);
    }
    two.receive();
    three.receive();
    two.send("30[1]");  // too late, and no harm

    auto d = verdin::spawn([&] {
      acknowledge(one, "[\"no number\"]");
      acknowledge(two, "[5]");
      three.engine().raw().disconnect();
    });
    try {
      io.to("all").emit_with_ack<int>("q");
      ADD_FAILURE() << "one went away, one said nonsense";
    } catch (const sio::AckTimeout&) {
      EXPECT_EQ(errors.count(sio::ErrorInfo::Kind::decode), 1u);
    }
    auto e = verdin::spawn([&] { acknowledge(two, "[8,9]"); });
    EXPECT_EQ(sockets[0].to("all").emit_with_ack("q").at(0).size(), 2u) << "the sender is not asked";
  });
}

TEST(SocketIoAck, of_a_broadcast_may_be_given_up) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    Peer peer(app, "0");
    auto asking = verdin::spawn([&] { io.main().all().emit_with_ack("q"); });
    const std::string packet = peer.receive();
    asking.kill();
    peer.send("3" + packet.substr(1, packet.find('[') - 1) + "[1]");
    io.on("still", [] { return "here"; });
    EXPECT_EQ(peer.ask("21[\"still\"]"), "31[\"here\"]");
  });
}

TEST(SocketIoAck, of_a_broadcast_is_waited_for_on_the_servers_hub_only) {
  with_server([](http::App& app, sio::Server& io, Errors&) {
    const Peer peer(app, "0");
    verdin::offload([&] { EXPECT_THROW(io.timeout(1s).emit_with_ack("q"), verdin::BlockingSwitchOutError); });
  });
}

}  // namespace
