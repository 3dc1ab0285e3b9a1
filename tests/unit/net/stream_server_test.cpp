#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/net/connect.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/poll.hpp>
#include <verdin/net/resolver.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/hubs.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/socket_pairs.hpp"

using namespace std::chrono_literals;
using verdin::loop::Interest;
using verdin::net::Address;
using verdin::net::Deadline;
using verdin::net::Family;
using verdin::net::Poller;
using verdin::net::Socket;
using verdin::net::SocketType;
using verdin::net::StreamServer;
using verdin::net::StreamServerOptions;
using verdin::test::close_hard;
using verdin::test::fill;
using verdin::test::kLong;
using verdin::test::tcp_pair;
namespace net = verdin::net;

namespace {

const Address kAnyPort = Address::loopback_ipv4(0);

void echo(Socket& socket, const Address&) {
  std::array<char, 256> buffer;
  while (const std::size_t size = socket.recv(buffer)) socket.send_all({buffer.data(), size});
}

template <typename Condition>
void wait_until(Condition condition) {
  for (const auto give_up = verdin::loop::Clock::now() + kLong; !condition(); verdin::sleep(1ms)) {
    ASSERT_LT(verdin::loop::Clock::now(), give_up);
  }
}

int open_descriptors() {
  int count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (::readdir(directory)) ++count;
  ::closedir(directory);
  return count;
}

/// Errors that came to the hub's hook; they are no failures of the test.
struct Errors {
  Errors() {
    verdin::Hub::current().on_error([this](std::string_view, const std::exception_ptr&) { ++count; });
  }
  ~Errors() { verdin::Hub::current().on_error(nullptr); }
  int count = 0;
};

// ---- StreamServer.

TEST(StreamServer, serves_many_at_once) {
  verdin::run([] {
    StreamServer server(kAnyPort, echo);
    EXPECT_FALSE(server.started());
    server.start();
    server.start();
    EXPECT_TRUE(server.started());
    EXPECT_NE(server.port(), 0);
    std::vector<Socket> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(Socket::connected(server.address(), kLong));
    for (int round = 0; round < 3; ++round) {
      for (Socket& client : clients) client.send_all("hello");
      for (Socket& client : clients) EXPECT_EQ(client.recv_exactly(5, kLong), "hello");
    }
    EXPECT_EQ(server.connections(), 50U);
    clients.clear();
    wait_until([&] { return server.connections() == 0; });
  });
}

TEST(StreamServer, tells_the_peer_and_closes_when_the_handler_returns_or_throws) {
  verdin::run([] {
    const Errors errors;
    Address seen;
    StreamServer server(kAnyPort, [&](Socket& socket, const Address& peer) {
      seen = peer;
      if (socket.recv(1) == "!") throw std::runtime_error("a handler's own");
    });
    server.start();
    for (const char* text : {"!", "."}) {
      Socket client = Socket::connected(server.address(), kLong);
      client.send_all(text);
      EXPECT_EQ(client.recv(1, kLong), "");
      EXPECT_EQ(seen, client.local_address());
    }
    EXPECT_EQ(errors.count, 1);
    EXPECT_TRUE(server.started());
  });
}

TEST(StreamServer, serves_for_ever_until_a_handler_stops_it_and_again) {
  verdin::run([] {
    StreamServer* self = nullptr;
    StreamServer server(kAnyPort, [&](Socket& socket, const Address&) {
      if (socket.recv(4, kLong) == "stop") self->stop();
      socket.send_all("bye");
    });
    self = &server;
    for (int round = 0; round < 3; ++round) {
      server.start();
      const Address address = server.address();
      auto client = verdin::spawn([address] {
        Socket socket = Socket::connected(address, kLong);
        socket.send_all("stop");
        return socket.recv_all(10, kLong);
      });
      server.serve_forever();
      EXPECT_FALSE(server.started());
      EXPECT_EQ(client.get(), "bye");
      EXPECT_THROW(Socket::connected(address, kLong), std::system_error);
      server.start();  // at the same port
      EXPECT_EQ(server.address(), address);
      server.stop();
      server.start();  // before the acceptor has seen the stop
      verdin::yield();
      Socket::connected(address, kLong).close();
    }
  });
}

TEST(StreamServer, whoever_is_killed_in_it_stops_it) {
  verdin::run([] {
    StreamServer server(kAnyPort, echo);
    EXPECT_FALSE(verdin::with_timeout(5ms, [&] { server.serve_forever(); }));
    EXPECT_FALSE(server.started());
  });
}

TEST(StreamServer, while_it_is_full_connections_wait_and_are_not_lost) {
  verdin::run([] {
    verdin::Event go;
    std::size_t most = 0;
    StreamServer* self = nullptr;
    StreamServer server(kAnyPort,
                        [&](Socket& socket, const Address&) {
                          most = std::max(most, self->connections());
                          go.wait();
                          socket.send_all("done");
                        },
                        {.max_connections = 2});
    self = &server;
    server.start();
    std::vector<Socket> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(Socket::connected(server.address(), kLong));
    wait_until([&] { return server.connections() == 2; });
    for (int i = 0; i < 5; ++i) verdin::sleep(1ms);
    EXPECT_EQ(server.connections(), 2U);
    go.set();
    for (Socket& client : clients) EXPECT_EQ(client.recv_all(10, kLong), "done");
    EXPECT_LE(most, 2U);
  });
}

TEST(StreamServer, shares_a_pool_with_others) {
  verdin::run([] {
    verdin::Pool pool(1);
    verdin::Event go;
    StreamServer server(kAnyPort, [](Socket& socket, const Address&) { socket.send_all("served"); },
                        {.pool = &pool});
    auto other = pool.spawn([&] { go.wait(); });
    server.start();
    Socket client = Socket::connected(server.address(), kLong);
    EXPECT_THROW(client.recv(1, 5ms), net::TimedOut);
    go.set();
    EXPECT_EQ(client.recv_all(10, kLong), "served");
    server.stop(kLong);
  });
}

TEST(StreamServer, takes_a_few_connections_at_a_time) {
  verdin::run([] {
    Socket listener = Socket::listen(kAnyPort);
    std::vector<Socket> clients;
    for (int i = 0; i < 6; ++i) clients.push_back(Socket::connected(listener.local_address(), kLong));
    std::vector<std::size_t> taken;
    verdin::Event over;
    StreamServer* serving = nullptr;
    StreamServer server(std::move(listener),
                        [&](Socket&, const Address&) {
                          taken.push_back(serving->connections());
                          over.wait();
                        },
                        {.max_accept = 2});
    serving = &server;
    server.start();
    wait_until([&] { return taken.size() == 6; });
    EXPECT_EQ(taken, (std::vector<std::size_t>{2, 2, 4, 4, 6, 6}));
    over.set();
    EXPECT_TRUE(server.stop(kLong));
    for (const int none : {0, -1}) {
      EXPECT_THROW(StreamServer(kAnyPort, echo, {.max_accept = none}), std::invalid_argument);
    }
  });
}

TEST(StreamServer, is_drained_in_time_or_by_force) {
  verdin::run([] {
    StreamServer* self = nullptr;
    bool unwound = false;
    StreamServer server(kAnyPort, [&](Socket& socket, const Address&) {
      struct Note {
        bool& noted;
        ~Note() { noted = true; }
      } note{unwound};
      const bool polite = socket.recv(6, kLong) == "polite";
      while (!polite || !self->draining()) verdin::sleep(1ms);
    });
    self = &server;
    server.start();
    Socket polite = Socket::connected(server.address(), kLong);
    polite.send_all("polite");
    wait_until([&] { return server.connections() == 1; });
    EXPECT_TRUE(server.drain(kLong));
    EXPECT_FALSE(server.started());
    EXPECT_EQ(polite.recv(1, kLong), "");

    server.start();
    unwound = false;
    Socket stubborn = Socket::connected(server.address(), kLong);
    stubborn.send_all("deaf");
    wait_until([&] { return server.connections() == 1; });
    EXPECT_FALSE(server.drain(5ms));
    EXPECT_TRUE(unwound);
    EXPECT_EQ(server.connections(), 0U);
    EXPECT_EQ(stubborn.recv(1, kLong), "");
  });
}

TEST(StreamServer, its_connections_outlive_it) {
  verdin::run([] {
    std::optional<StreamServer> server;
    server.emplace(kAnyPort, echo);
    server->start();
    Socket client = Socket::connected(server->address(), kLong);
    client.send_all("1");
    EXPECT_EQ(client.recv(1, kLong), "1");
    server.reset();
    client.send_all("2");
    EXPECT_EQ(client.recv(1, kLong), "2");
  });
}

TEST(StreamServer, a_handler_may_take_its_connection_with_it) {
  verdin::run([] {
    std::vector<Socket> taken;
    StreamServer server(kAnyPort,
                        [&](Socket& socket, const Address&) { taken.push_back(std::move(socket)); });
    server.start();
    Socket client = Socket::connected(server.address(), kLong);
    wait_until([&] { return taken.size() == 1 && server.connections() == 0; });
    taken[0].send_all("still here");
    EXPECT_EQ(client.recv(100, kLong), "still here");
  });
}

TEST(StreamServer, ends_those_that_have_not_begun) {
  verdin::run([] {
    int served = 0;
    StreamServer server(kAnyPort, [&](Socket& socket, const Address&) {
      ++served;
      socket.recv(1, kLong);
    });
    server.start();
    std::vector<Socket> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(Socket::connected(server.address(), kLong));
    while (server.connections() == 0) verdin::yield();  // accepted, most of them not begun
    EXPECT_FALSE(server.stop(0s));
    EXPECT_EQ(server.connections(), 0U);
    for (Socket& client : clients) {
      std::error_code ignored;
      std::array<char, 1> buffer;
      EXPECT_EQ(client.recv(buffer, ignored, kLong), 0U);
    }
    server.start();
    const int before = served;
    Socket again = Socket::connected(server.address(), kLong);
    wait_until([&] { return served == before + 1; });
  });
}

TEST(StreamServer, listens_where_it_is_told) {
  EXPECT_EQ(net::listening_address("80"), Address::any_ipv6(80));
  EXPECT_EQ(net::listening_address(":80"), Address::any_ipv4(80));
  EXPECT_EQ(net::listening_address("*:80"), Address::any_ipv4(80));
  EXPECT_EQ(net::listening_address("127.0.0.1:80"), Address::loopback_ipv4(80));
  EXPECT_EQ(net::listening_address("[::1]:80"), Address::loopback_ipv6(80));
  for (const char* text : {"", ":", "*:", "host:80", "70000", "-1"})
    EXPECT_THROW(net::listening_address(text), std::invalid_argument) << text;
  verdin::run([] {
    EXPECT_THROW(StreamServer(kAnyPort, nullptr), std::invalid_argument);
    EXPECT_THROW(StreamServer(Socket(Family::ipv4, SocketType::stream), echo), std::invalid_argument);
    EXPECT_THROW(StreamServer(Socket::bound(kAnyPort), echo), std::invalid_argument);  // of datagrams
    EXPECT_THROW(StreamServer(Socket::pair().first, echo), std::invalid_argument);
    EXPECT_THROW(StreamServer(Socket(), echo), std::invalid_argument);
    StreamServer first(kAnyPort, echo);
    first.start();
    StreamServer second(first.address(), echo);
    EXPECT_THROW(second.start(), std::system_error);
    EXPECT_FALSE(second.started());
    first.stop();
    second.start();

    std::string pattern = (std::filesystem::temp_directory_path() / "verdin-XXXXXX").string();
    const std::filesystem::path directory = ::mkdtemp(pattern.data());
    StreamServer local(Address::unix_path((directory / "s").string()), echo);
    for (int round = 0; round < 2; ++round) {
      local.start();
      Socket client = Socket::connected(local.address(), kLong);
      client.send_all("x");
      EXPECT_EQ(client.recv(1, kLong), "x");
      local.stop();
      EXPECT_FALSE(std::filesystem::exists(directory / "s"));
    }
    std::filesystem::remove_all(directory);
  });
}

TEST(StreamServer, one_on_each_hub_shares_a_port) {
  std::vector<Socket> listeners;
  verdin::run([&] { listeners = net::listen_together(kAnyPort, 2); });
  const Address address = listeners[0].local_address();
  EXPECT_EQ(listeners[1].local_address(), address);
  std::atomic<int> served_by[2]{};
  verdin::run(3, [&](std::size_t index, std::span<const verdin::HubRef> hubs) {
    if (index < 2) {
      StreamServer server(std::move(listeners[index]), [&](Socket& socket, const Address& peer) {
        ++served_by[index];
        echo(socket, peer);
      });
      server.start();
      while (served_by[0] + served_by[1] < 100) verdin::sleep(1ms);
      return;
    }
    EXPECT_EQ(hubs.size(), 3U);
    for (int i = 0; i < 100; ++i) {
      Socket client = Socket::connected(address, kLong);
      client.send_all("x");
      EXPECT_EQ(client.recv(1, kLong), "x");
    }
  });
  EXPECT_EQ(served_by[0] + served_by[1], 100);
  EXPECT_GT(served_by[0], 0);  // the chance that it is none is 2^-100
  EXPECT_GT(served_by[1], 0);
}

TEST(StreamServer, out_of_descriptors_rests_and_goes_on) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "UBSan's check of virtual tables needs descriptors itself";
#endif
  verdin::run([] {
    const Errors errors;
    StreamServer server(kAnyPort, echo, {.first_rest = 1ms, .longest_rest = 4ms});
    server.start();
    Socket before = Socket::connected(server.address(), kLong);
    before.send_all("x");
    EXPECT_EQ(before.recv(1, kLong), "x");
    Socket client(Family::ipv4, SocketType::stream);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{std::min<rlim_t>(limit.rlim_cur, 256), limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    std::vector<verdin::Descriptor> all;
    for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) all.emplace_back(fd);
    client.connect(server.address(), kLong);
    // It is turned away with the reserve, and so learns that it will not be served.
    EXPECT_NO_THROW(EXPECT_EQ(client.recv(1, kLong), ""));
    EXPECT_GT(server.rests(), 0U);
    EXPECT_GT(errors.count, 0);
    before.send_all("y");
    EXPECT_EQ(before.recv(1, kLong), "y");
    all.clear();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    Socket after = Socket::connected(server.address(), kLong);
    after.send_all("x");
    EXPECT_EQ(after.recv(1, kLong), "x");
  });
}

TEST(StreamServer, ends_when_its_listener_cannot_be_used_any_more) {
  verdin::run([] {
    const Errors errors;
    Socket listener = Socket::listen(kAnyPort);
    const int fd = listener.fd();
    StreamServer server(std::move(listener), echo);
    auto serving = verdin::spawn([&] { server.serve_forever(); });
    verdin::sleep(1ms);
    Socket client = Socket::connected(server.address(), kLong);
    client.send_all("served");
    EXPECT_EQ(client.recv_exactly(6, kLong), "served");
    ::shutdown(fd, SHUT_RDWR);
    EXPECT_TRUE(serving.join_for(kLong));
    EXPECT_FALSE(server.started());
    EXPECT_EQ(errors.count, 1);
    EXPECT_EQ(server.rests(), 0U);
    client.send_all("still served");
    EXPECT_EQ(client.recv_exactly(12, kLong), "still served");
  });
}

TEST(StreamServer, leaves_nothing_behind_however_connections_end) {
  verdin::run([] {
    const Errors errors;
    StreamServer server(kAnyPort, echo);
    server.start();
    Socket::connected(server.address(), kLong).close();
    wait_until([&] { return server.connections() == 0; });
    const int descriptors = open_descriptors();
    const std::size_t greenlets = verdin::Hub::current().greenlet_count();
    for (int i = 0; i < 2000; ++i) {
      Socket client = Socket::connected(server.address(), kLong);
      switch (i % 4) {
        case 0:
          break;  // nothing is ever said
        case 1:
          client.send_all("x");
          client.recv(1, kLong);
          break;
        case 2:
          client.send_all("unread");
          close_hard(client);
          break;
        case 3:
          client.send_all("half");
          client.shutdown_write();
          client.recv_all(10, kLong);
          break;
      }
    }
    wait_until([&] { return server.connections() == 0; });
    verdin::sleep(1ms);
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_LE(verdin::Hub::current().greenlet_count(), greenlets);
  });
}

// ---- Waiting for many.

TEST(Poll, tells_who_is_ready_and_waits_until_somebody_is) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    auto [c, d] = Socket::pair();
    fill(c);
    std::array entries{net::PollEntry{a.fd(), Interest::read}, net::PollEntry{c.fd(), Interest::write},
                       net::PollEntry{-1, Interest::read}};
    EXPECT_EQ(net::poll(entries, 0s), 0U);
    EXPECT_EQ(net::poll(entries, 2ms), 0U);
    auto writer = verdin::spawn([&, &b = b] { b.send_all("x"); });
    EXPECT_EQ(net::poll(entries, kLong), 1U);
    EXPECT_TRUE(entries[0].readable);
    EXPECT_FALSE(entries[0].writable);
    EXPECT_FALSE(entries[1].writable);
    d.close();
    EXPECT_EQ(net::poll(entries, kLong), 2U);
    EXPECT_TRUE(entries[1].failed);
    writer.join();

    entries[0].fd = 100'000;
    EXPECT_EQ(net::poll({entries.data(), 1}, kLong), 1U);
    EXPECT_TRUE(entries[0].invalid);
  });
}

TEST(Poll, one_descriptor) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    EXPECT_FALSE(net::wait_fd(a.fd(), Interest::read, 1ms));
    EXPECT_TRUE(net::wait_fd(a.fd(), Interest::write));
    b.send_all("x");
    EXPECT_TRUE(net::wait_fd(a.fd(), Interest::read));
    EXPECT_THROW(net::wait_fd(100'000, Interest::read), std::system_error);
  });
}

/// Which nobody may do, but nothing worse comes of it than a wait for nothing.
TEST(Poll, a_descriptor_that_is_closed_meanwhile_disturbs_nobody) {
  verdin::run([] {
    for (const bool with_poller : {false, true}) {
      auto [a, b] = Socket::pair();
      auto [c, d] = Socket::pair();
      const int number = a.fd();
      Poller poller;
      poller.add(number, Interest::read);
      poller.add(c.fd(), Interest::read);
      std::array entries{net::PollEntry{number, Interest::read}, net::PollEntry{c.fd(), Interest::read}};
      auto waiter = verdin::spawn([&, &c = c] {
        for (;;) {
          if (with_poller) {
            for (const Poller::Event& event : poller.wait(kLong)) {
              if (event.fd == c.fd()) return true;
            }
            if (poller.size() == 2) poller.remove(number);  // it was told of
          } else {
            net::poll(entries, kLong);
            if (entries[1].readable) return true;
            if (entries[0].invalid) entries[0].fd = -1;
          }
        }
      });
      verdin::sleep(1ms);
      ::close(a.release());
      verdin::sleep(1ms);
      d.send_all("x");
      EXPECT_TRUE(waiter.get());
      if (poller.size() == 2) poller.remove(number);
      auto [again, other] = Socket::pair();  // one of them has the number
      other.send_all("x");
      EXPECT_TRUE(net::wait_fd(again.fd(), Interest::read, kLong));
    }
  });
}

TEST(Poll, a_wait_is_given_up_by_a_kill_and_by_a_timeout) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    auto killed = verdin::spawn([&, &a = a] { net::wait_fd(a.fd(), Interest::read); });
    verdin::sleep(1ms);
    killed.kill();
    EXPECT_FALSE(verdin::with_timeout(1ms, [&, &a = a] { net::wait_fd(a.fd(), Interest::read); }));
    b.send_all("x");
    EXPECT_TRUE(net::wait_fd(a.fd(), Interest::read, kLong));
  });
}

TEST(Poll, many_again_and_again) {
  verdin::run([] {
    std::vector<std::pair<Socket, Socket>> pairs;
    Poller poller;
    for (int i = 0; i < 20; ++i) {
      pairs.push_back(Socket::pair());
      poller.add(pairs.back().first.fd(), Interest::read, &pairs.back().first);
      pairs.reserve(20);
    }
    EXPECT_EQ(poller.size(), 20U);
    EXPECT_TRUE(poller.wait(0s).empty());
    EXPECT_THROW(poller.add(pairs[0].first.fd(), Interest::read), std::invalid_argument);
    EXPECT_THROW(poller.remove(100'000), std::invalid_argument);
    for (int round = 0; round < 10; ++round) {
      const auto i = static_cast<std::size_t>(round * 7 % 20);
      pairs[i].second.send_all("x");
      for (int again = 0; again < 2; ++again) {  // told until it is read
        const auto events = poller.wait(kLong);
        ASSERT_EQ(events.size(), 1U);
        EXPECT_EQ(events[0].fd, pairs[i].first.fd());
        EXPECT_TRUE(events[0].readable);
        EXPECT_FALSE(events[0].writable);
      }
      pairs[i].first.recv(1);
      EXPECT_TRUE(poller.wait(0s).empty());
    }
    poller.modify(pairs[3].first.fd(), Interest::write);
    ASSERT_EQ(poller.wait(kLong).size(), 1U);
    poller.remove(pairs[3].first.fd());
    pairs[4].second.close();
    const auto events = poller.wait(kLong);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].readable);

    Poller empty;
    auto waiting = verdin::spawn([&] { empty.wait(); });
    verdin::sleep(1ms);
    EXPECT_THROW(empty.wait(0s), net::ConcurrentUse);
    waiting.kill();
    EXPECT_TRUE(empty.wait(0s).empty());
  });
}

// ---- Connecting to one of several.

TEST(ConnectToOne, families_take_turns) {
  const std::array given{Address::parse("[::1]:1"), Address::parse("[::2]:1"), Address::parse("[::3]:1"),
                         Address::parse("1.1.1.1:1"), Address::parse("2.2.2.2:1")};
  const std::vector<Address> mixed = net::interleave(given);
  const std::vector<Address> expected{given[0], given[3], given[1], given[4], given[2]};
  EXPECT_EQ(mixed, expected);
  EXPECT_TRUE(net::interleave({}).empty());
}

/// A port at which nobody listens.
Address refusing() { return Socket::listen(kAnyPort).local_address(); }

/// A listener whose queue is full: Linux drops what more would connect.
struct Deaf {
  Deaf() {
    for (int i = 0; i < 4; ++i) {
      waiting.emplace_back(Family::ipv4, SocketType::stream);
      try {
        waiting.back().connect(listener.local_address(), 5ms);
      } catch (const net::TimedOut&) {
      }
    }
  }
  Socket listener = Socket::listen(kAnyPort, {.backlog = 0});
  std::vector<Socket> waiting;
};

TEST(ConnectToOne, goes_on_when_one_refuses_and_tells_all_when_all_do) {
  verdin::run([] {
    StreamServer server(kAnyPort, echo);
    server.start();
    const std::vector<Address> addresses{refusing(), refusing(), server.address()};
    // Longer than the test: who is refused does not wait for the next.
    Socket socket = net::connect(addresses, kLong, {.stagger = 600s});
    EXPECT_EQ(socket.peer_address(), server.address());
    EXPECT_TRUE(socket.get(net::option::no_delay));
    try {
      net::connect(std::span(addresses).first(2), kLong);
      FAIL();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::connection_refused);
      const std::string reason = error.code().message();
      EXPECT_EQ(error.what(), "verdin: connect: " + addresses[1].to_string() + ": " + reason + "; " +
                                  addresses[0].to_string() + ": " + reason);
    }
    try {
      net::connect(std::span(addresses).first(1), kLong);
      FAIL();
    } catch (const std::system_error& error) {  // its reason once, and no more
      EXPECT_EQ(error.what(), "verdin: connect: " + addresses[0].to_string() + ": " + error.code().message());
    }
    EXPECT_THROW(net::connect({}, kLong), std::invalid_argument);
  });
}

TEST(ConnectToOne, does_not_wait_for_one_that_does_not_answer) {
  verdin::run([] {
    const Deaf deaf;
    StreamServer server(kAnyPort, echo);
    server.start();
    const int descriptors = open_descriptors();
    {
      const std::vector<Address> addresses{deaf.listener.local_address(), server.address()};
      Socket socket = net::connect(addresses, kLong, {.stagger = 5ms});
      EXPECT_EQ(socket.peer_address(), server.address());
      EXPECT_THROW(net::connect(std::span(addresses).first(1), 5ms), net::TimedOut);
      auto killed = verdin::spawn([&] { net::connect(std::span(addresses).first(1)); });
      verdin::sleep(1ms);
      killed.kill();
    }
    wait_until([&] { return server.connections() == 0; });
    EXPECT_EQ(open_descriptors(), descriptors);
  });
}

TEST(ConnectToOne, by_name_asks_the_systems_resolver) {
  verdin::run([] {
    StreamServer server(kAnyPort, echo);
    server.start();
    // The name has an address of IPv6, too, where nobody is.
    EXPECT_EQ(net::connect("localhost", server.port(), kLong).peer_address(), server.address());
    EXPECT_EQ(net::connect("127.0.0.1", server.port()).peer_address(), server.address());
    EXPECT_THROW(net::connect("no such name", server.port(), kLong), net::ResolveError);
  });
}

TEST(ConnectToOne, by_name_asks_the_resolver_unless_it_is_an_address) {
  verdin::run([] {
    StreamServer server(kAnyPort, echo);
    server.start();
    int asked = 0;
    const auto resolve = [&](std::string_view host, std::uint16_t port, Deadline) {
      ++asked;
      return host == "here" ? std::vector{Address::loopback_ipv4(port)} : std::vector<Address>();
    };
    Address seen;
    Socket by_name = net::connect("here", server.port(), resolve, kLong,
                                  {.local = Address::loopback_ipv4(0), .prepare = [&](Socket& socket) {
                                     seen = Address::loopback_ipv4(static_cast<std::uint16_t>(socket.fd()));
                                   }});
    EXPECT_EQ(by_name.peer_address(), server.address());
    EXPECT_TRUE(seen);
    EXPECT_TRUE(net::connect("127.0.0.1", server.port(), resolve, kLong).is_connected());
    EXPECT_EQ(asked, 1);
    EXPECT_THROW(net::connect("nowhere", 1, resolve, kLong), std::system_error);
  });
}

}  // namespace
