#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <verdin/net/datagram_server.hpp>
#include <verdin/net/error.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/socket_pairs.hpp"

using namespace std::chrono_literals;
using verdin::net::Address;
using verdin::net::DatagramServer;
using verdin::net::Family;
using verdin::net::Socket;
using verdin::net::SocketType;
using verdin::test::kLong;

namespace {

const Address kAnyPort = Address::loopback_ipv4(0);

void echo(DatagramServer::Datagram& datagram) { datagram.reply(datagram.data); }

Socket client_of(const DatagramServer& server) {
  Socket client(server.address().family(), SocketType::datagram);
  client.connect(server.address());
  return client;
}

TEST(DatagramServer, answers_each_in_both_ways_of_calling) {
  verdin::run([] {
    for (const bool in_turn : {false, true}) {
      for (const Address& address : {kAnyPort, Address::loopback_ipv6(0)}) {
        DatagramServer server(address, echo, {.in_turn = in_turn});
        server.start();
        server.start();
        Socket client = client_of(server);
        const std::string longest(60'000, 'x');
        for (const std::string& text : {std::string("hello"), std::string(), longest}) {
          client.send_all(text);
          std::string answer(70'000, '\0');
          answer.resize(client.recv_from(answer, kLong).size);
          EXPECT_TRUE(answer == text);
        }
      }
    }
  });
}

TEST(DatagramServer, takes_many_at_a_time) {
  verdin::run([] {
    for (const bool in_turn : {false, true}) {
      DatagramServer server(kAnyPort, echo, {.in_turn = in_turn, .max_queued = 10, .batch = 8});
      server.start();
      Socket client = client_of(server);
      std::set<std::string> missing;
      for (int i = 0; i < 50; ++i) {
        client.send_all(std::to_string(i));
        missing.insert(std::to_string(i));
      }
      while (!missing.empty()) missing.erase(client.recv(100, kLong));
    }
  });
}

TEST(DatagramServer, receives_nothing_while_all_handlers_are_at_work) {
  verdin::run([] {
    verdin::Event go;
    std::size_t begun = 0;
    DatagramServer server(kAnyPort,
                          [&](DatagramServer::Datagram& datagram) {
                            ++begun;
                            go.wait();
                            datagram.reply("done");
                          },
                          {.max_handlers = 2});
    server.start();
    Socket client = client_of(server);
    for (int i = 0; i < 5; ++i) client.send_all("x");
    while (begun < 2) verdin::sleep(1ms);
    for (int i = 0; i < 5; ++i) verdin::sleep(1ms);
    EXPECT_EQ(begun, 2U);
    EXPECT_EQ(server.handlers(), 2U);
    go.set();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client.recv(100, kLong), "done");
    EXPECT_EQ(begun, 5U);
  });
}

TEST(DatagramServer, goes_on_after_a_handler_that_throws_and_a_peer_that_has_gone) {
  verdin::run([] {
    int errors = 0;
    verdin::Hub::current().on_error([&](std::string_view, const std::exception_ptr&) { ++errors; });
    for (const bool in_turn : {false, true}) {
      DatagramServer server(
          kAnyPort,
          [](DatagramServer::Datagram& datagram) {
            if (datagram.data == "!") throw std::runtime_error("a handler's own");
            datagram.reply(datagram.data == "much" ? std::string(70'000, 'x') : std::string("fine"));
          },
          {.in_turn = in_turn});
      server.start();
      Socket client = client_of(server);
      client.send_all("!");
      client.send_all("much");
      Socket gone = client_of(server);
      gone.send_all("?");
      gone.close();
      client.send_all("?");
      EXPECT_EQ(client.recv(100, kLong), "fine");
      EXPECT_EQ(server.refused(), 1U);  // too long for a datagram
    }
    EXPECT_EQ(errors, 2);
    verdin::Hub::current().on_error(nullptr);
  });
}

/// What is no socket of datagrams any more fails for ever, and is always ready.
TEST(DatagramServer, whose_socket_is_broken_tells_so_and_rests) {
  verdin::run([] {
    int told = 0;
    verdin::Hub::current().on_error(
        [&](std::string_view who, const std::exception_ptr&) { told += who == "DatagramServer"; });
    Socket socket = Socket::bound(Address::loopback_ipv4(0));
    const int fd = socket.fd();
    DatagramServer server(std::move(socket), [](DatagramServer::Datagram&) {});
    server.start();
    const Socket stream(Family::ipv4, SocketType::stream);
    ASSERT_EQ(::dup2(stream.fd(), fd), fd);
    int rounds = 0;
    for (; told < 2; ++rounds) {
      ASSERT_LT(rounds, 2'000'000) << "nobody was told";
      verdin::yield();
    }
    server.stop();
    verdin::Hub::current().on_error(nullptr);
  });
}

TEST(DatagramServer, is_stopped_and_started_again) {
  verdin::run([] {
    DatagramServer server(kAnyPort, echo);
    EXPECT_FALSE(verdin::with_timeout(5ms, [&] { server.serve_forever(); }));
    EXPECT_FALSE(server.started());
    auto serving = verdin::spawn([&] { server.serve_forever(); });
    verdin::yield();
    EXPECT_TRUE(server.started());
    Socket client = client_of(server);
    client.send_all("x");
    EXPECT_EQ(client.recv(10, kLong), "x");
    server.stop();
    serving.get();
    EXPECT_THROW(server.send("x", client.local_address()), verdin::net::Closed);
    EXPECT_THROW(DatagramServer(kAnyPort, nullptr), std::invalid_argument);
    EXPECT_THROW(DatagramServer(kAnyPort, echo, {.batch = 0}), std::invalid_argument);
    EXPECT_THROW(DatagramServer(Socket(Family::ipv4, SocketType::datagram), echo), std::invalid_argument);
    DatagramServer given(Socket::bound(kAnyPort), echo);
    given.start();
    given.send("from the server", client.local_address());
    Socket other = client_of(given);
    other.send_all("y");
    EXPECT_EQ(other.recv(10, kLong), "y");
  });
}

TEST(DatagramServer, started_again_at_once_leaves_nobody_behind) {
  verdin::run([] {
    DatagramServer server(kAnyPort, echo, {.max_queued = 2});
    server.start();
    verdin::sleep(1ms);
    const std::size_t greenlets = verdin::Hub::current().greenlet_count();
    for (int i = 0; i < 3; ++i) {
      server.stop();
      server.start();  // at the same port
      for (int turns = 0; turns < 3; ++turns) verdin::sleep(1ms);
    }
    EXPECT_EQ(verdin::Hub::current().greenlet_count(), greenlets);

    Socket client = client_of(server);
    server.send("1", client.local_address());
    server.send("2", client.local_address());  // the queue is full
    server.stop();
    verdin::sleep(1ms);
    server.start();
    server.send("3", client.local_address());
    EXPECT_EQ(client.recv(10, kLong), "3");
  });
}

}  // namespace
