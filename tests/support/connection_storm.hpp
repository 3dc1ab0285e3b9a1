// A storm of connections that end in every way that there is, against two servers of one hub: an echo, and
// one over TLS. For a short test, and for scripts/soak.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>

#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/certificates.hpp"

namespace verdin::test {

inline int count_descriptors() {
  int count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (!directory) return -1;
  while (::readdir(directory)) ++count;
  ::closedir(directory);
  return count;
}

class ConnectionStorm {
 public:
  static constexpr std::size_t kWays = 11;
  struct Left {
    int descriptors = 0;
    std::size_t greenlets = 0;
    std::size_t connections = 0;
  };

  /// In a hub. `certificates` has one.pem for one.test.
  explicit ConnectionStorm(const Certificates& certificates)
      : context_(net::TlsContext::client({.system_roots = false, .ca_file = certificates.path("ca.pem")})),
        plain_(net::Address::any_ipv4(0), [](net::Socket& socket, const net::Address&) { echo(socket); }),
        over_tls_(net::Address::any_ipv4(0),
                  net::over_tls(server_context(certificates),
                                [](net::TlsStream& stream, const net::Address&) { echo(stream); })) {
    plain_.start();
    over_tls_.start();
  }

  /// `count` connections, `at_once` of them at a time.
  void run(int count, int at_once, unsigned seed) {
    left_ = count;
    std::vector<Greenlet<>> clients;
    for (int i = 0; i < at_once; ++i) {
      clients.push_back(spawn([this, random = std::mt19937(seed + static_cast<unsigned>(i))]() mutable {
        while (left_-- > 0) one(random);
      }));
    }
    for (auto& client : clients) client.get();
  }

  /// Waits until nothing changes any more, or for `limit`.
  Left settle(Left wanted, std::chrono::seconds limit) {
    const auto give_up = loop::Clock::now() + limit;
    Left now = look();
    while (!same(now, wanted) && loop::Clock::now() < give_up) {
      sleep(std::chrono::milliseconds(1));
      now = look();
    }
    return now;
  }
  Left look() const {
    return {count_descriptors(), Hub::current().greenlet_count(),
            plain_.connections() + over_tls_.connections()};
  }
  static bool same(const Left& a, const Left& b) {
    return a.descriptors == b.descriptors && a.greenlets == b.greenlets && a.connections == b.connections;
  }
  /// How many of each way.
  const std::array<int, kWays>& ways() const noexcept { return ways_; }
  int failures() const noexcept { return failures_; }

 private:
  static constexpr std::chrono::seconds kLong{60};

  static net::TlsContext server_context(const Certificates& certificates) {
    return net::TlsContext::server({.identities = {{.certificate_file = certificates.path("one.pem"),
                                                    .key_file = certificates.path("one.key")}}});
  }

  static void echo(net::StreamSocket& socket) {
    std::array<char, 1024> buffer;
    std::error_code error;
    while (const std::size_t size = socket.recv(buffer, error, kLong)) {
      if (socket.send_all(std::string_view(buffer.data(), size), error, kLong) < size) return;
    }
  }

  /// Each goes to another address of this machine, or the ports of those that have ended would run out.
  net::Socket connect(const net::StreamServer& server) {
    const unsigned n = ++serial_ % 60'000;
    const std::string host = "127.0." + std::to_string(n / 250) + '.' + std::to_string(1 + n % 250);
    return net::Socket::connected(*net::Address::try_parse_ip(host, server.port()), kLong);
  }

  static void reset(net::Socket& socket) {
    socket.set(net::option::linger, std::optional(std::chrono::seconds(0)));
    socket.close();
  }

  void one(std::mt19937& random) {
    const std::size_t way = random() % kWays;
    ++ways_[way];
    try {
      way < 6 ? one_plain(way) : one_tls(way, random);
    } catch (const std::system_error&) {  // none of them should
      ++failures_;
    }
  }

  void one_plain(std::size_t way) {
    net::Socket client = connect(plain_);
    switch (way) {
      case 0:  // nothing is said
        return;
      case 1:  // a clean end
        client.send_all("hello");
        client.recv_exactly(5, kLong);
        return client.close_politely(kLong);
      case 2:  // RST at once
        return reset(client);
      case 3:  // RST with an answer unread
        client.send_all("unread");
        return reset(client);
      case 4:  // half open
        client.send_all("half");
        client.shutdown_write();
        client.recv_all(10, kLong);
        return;
      case 5: {  // never reads, until both sides are full
        const std::string much(64 * 1024, 'm');
        for (int i = 0; i < 4 && client.try_send(much) > 0; ++i) yield();
        return reset(client);
      }
    }
  }

  void one_tls(std::size_t way, std::mt19937& random) {
    net::Socket socket = connect(over_tls_);
    if (way == 6) {  // garbage
      std::string text(1 + random() % 2000, '\0');
      for (char& each : text) each = static_cast<char>(random());
      socket.send_all(text);
      std::error_code ignored;
      std::array<char, 64> alert;
      socket.shutdown_write();
      while (socket.recv(alert, ignored, kLong) > 0) {
      }
      return;
    }
    if (way == 7) {  // a handshake that ends early
      socket.send_all(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
      return;
    }
    net::TlsStream client(std::move(socket), context_, "one.test");
    if (way == 8) {  // it ends where the server has spoken
      std::error_code ignored;
      client.recv(std::span<char>(), ignored, std::chrono::milliseconds(0));
      return reset(client.socket());
    }
    client.send_all("hello");
    client.recv_exactly(5, kLong);
    if (way == 9) client.socket().close();  // without close_notify
  }

  net::TlsContext context_;
  net::StreamServer plain_;
  net::StreamServer over_tls_;
  std::array<int, kWays> ways_{};
  int left_ = 0;
  int failures_ = 0;
  unsigned serial_ = 0;
};

}  // namespace verdin::test
