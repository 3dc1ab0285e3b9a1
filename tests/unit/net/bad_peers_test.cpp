// Peers that behave badly, signals in the middle of everything, certificates out of their time.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <verdin/net/connect.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/file.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/certificates.hpp"
#include "support/connection_storm.hpp"
#include "support/socket_pairs.hpp"

using namespace std::chrono_literals;
using verdin::net::Address;
using verdin::net::Socket;
using verdin::net::StreamServer;
using verdin::net::TlsContext;
using verdin::net::TlsErrc;
using verdin::net::TlsStream;
using verdin::test::kLong;
namespace net = verdin::net;

namespace {

const verdin::test::Certificates& certificates() {
  static const struct All : verdin::test::Certificates {
    All() { sign("one", "DNS:one.test,IP:127.0.0.1"); }
  } all;
  return all;
}

TlsContext tls_server(const std::string& name = "one") {
  return TlsContext::server({.identities = {{.certificate_file = certificates().path(name + ".pem"),
                                             .key_file = certificates().path("one.key")}}});
}

TlsContext tls_client() {
  return TlsContext::client({.system_roots = false, .ca_file = certificates().path("ca.pem")});
}

TEST(ConnectionStorm, leaves_nothing_behind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kCycles = 500;
#else
  constexpr int kCycles = 2000;
#endif
  verdin::run([] {
    verdin::Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
    verdin::test::ConnectionStorm storm(certificates());
    storm.run(200, 20, 1);  // what is made once is made, and greenlets are warm
    const auto before = storm.settle({}, 1s);
    EXPECT_EQ(before.connections, 0U);
    storm.run(kCycles, 20, 2);
    const auto after = storm.settle(before, 60s);
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.greenlets, before.greenlets);
    EXPECT_EQ(after.connections, 0U);
    EXPECT_EQ(storm.failures(), 0);
    for (const int times : storm.ways()) EXPECT_GT(times, 10);
    verdin::Hub::current().on_error(nullptr);
  });
}

/// While one is alive, signals interrupt the system calls of the thread that made it.
class Signals {
 public:
  Signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { ++caught_; };
    ::sigaction(SIGUSR2, &action, &before_);  // without SA_RESTART
    caught_ = 0;
    sender_ = std::thread([this, target = ::pthread_self()] {
      while (!stop_) {
        ::pthread_kill(target, SIGUSR2);
        ::usleep(50);
      }
    });
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() {
    stop_ = true;
    sender_.join();
    ::sigaction(SIGUSR2, &before_, nullptr);
  }
  /// Enough to have come at every bad time.
  bool enough() const noexcept { return caught_ > 300; }

 private:
  static inline std::atomic<int> caught_{0};
  struct sigaction before_ {};
  std::atomic<bool> stop_{false};
  std::thread sender_;
};

TEST(ManySignals, interrupt_nothing_that_sockets_do) {
  verdin::run([] {
    StreamServer server(Address::loopback_ipv4(0), [](Socket& socket, const Address&) {
      std::array<char, 4096> buffer;
      while (const std::size_t size = socket.recv(buffer)) socket.send_all({buffer.data(), size});
    });
    server.start();
    const std::string data(200'000, 'd');
    const Signals signals;
    do {
      Socket client = net::connect("127.0.0.1", server.port(), kLong);
      auto writer = verdin::spawn([&] {
        client.send_all(data, kLong);
        client.shutdown_write();
      });
      EXPECT_TRUE(client.recv_all(1'000'000, kLong) == data);
      writer.get();
      EXPECT_THROW(client.recv_exactly(1, 1ms), net::EndOfStream);
    } while (!signals.enough() && !testing::Test::HasFailure());
  });
}

TEST(ManySignals, interrupt_no_tls_and_no_wait) {
  verdin::run([] {
    const TlsContext server_context = tls_server();
    const TlsContext client_context = tls_client();
    const Signals signals;
    do {
      auto [a, b] = Socket::pair();
      TlsStream client(std::move(a), client_context, "one.test");
      TlsStream server(std::move(b), server_context);
      auto answers = verdin::spawn([&] { server.send_all(server.recv_exactly(1000, kLong), kLong); });
      client.send_all(std::string(1000, 'x'), kLong);
      EXPECT_EQ(client.recv_exactly(1000, kLong), std::string(1000, 'x'));
      answers.get();
      EXPECT_THROW(client.recv(1, 2ms), net::TimedOut);
      verdin::sleep(1ms);
    } while (!signals.enough() && !testing::Test::HasFailure());
  });
}

TEST(ManySignals, interrupt_no_work_on_files) {
  verdin::run([] {
    const std::string path = certificates().path("interrupted");
    const std::string data(300'000, 'f');
    const Signals signals;
    do {
      verdin::write_file(path, data);
      EXPECT_TRUE(verdin::read_file(path) == data);
      verdin::File file = verdin::File::open(path, verdin::OpenMode::update);
      file.pwrite("here", 1000);
      std::array<char, 4> buffer;
      EXPECT_EQ(file.pread(buffer, 1000), 4U);
      EXPECT_EQ(std::string_view(buffer.data(), 4), "here");
      file.close();
    } while (!signals.enough() && !testing::Test::HasFailure());
  });
}

std::size_t octets_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// What is kept besides the data, while it waits for somebody who never reads.
void send_to_the_deaf(net::StreamSocket& socket) {
  const std::string much(20'000'000, 'm');
  [[maybe_unused]] const std::size_t before = octets_in_use();
  std::size_t most = 0;
  bool done = false;
  auto watch = verdin::spawn([&] {
    for (; !done; verdin::sleep(1ms)) most = std::max(most, octets_in_use());
  });
  const auto began = verdin::loop::Clock::now();
  EXPECT_THROW(socket.send_all(much, 30ms), net::TimedOut);
  EXPECT_GE(verdin::loop::Clock::now() - began, 30ms);
  done = true;
  watch.join();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(most, before + 500'000);
#endif
}

TEST(PeerThatNeverReads, costs_its_limit_and_little_memory) {
  verdin::run([] {
    auto [a, b] = verdin::test::tcp_pair();
    send_to_the_deaf(a);
    auto [c, d] = verdin::test::tcp_pair();
    TlsStream client(std::move(c), tls_client(), "one.test");
    TlsStream server(std::move(d), tls_server());
    auto other = verdin::spawn([&] { client.handshake(kLong); });
    server.handshake(kLong);
    other.get();
    send_to_the_deaf(server);
  });
}

TEST(PeerThatNeverReads, gets_all_in_many_pieces_when_it_does) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    a.set(net::option::send_buffer, 4096);
    TlsStream client(std::move(a), tls_client(), "one.test");
    TlsStream server(std::move(b), tls_server());
    std::string data(500'000, '\0');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 % 251);
    auto writer = verdin::spawn([&] {
      client.send_all(data, kLong);
      client.shutdown_write(kLong);
    });
    std::string got;
    std::array<char, 777> buffer;
    while (const std::size_t size = server.recv(buffer, kLong)) {
      got.append(buffer.data(), size);
      if (got.size() % 10 == 0) verdin::yield();
    }
    EXPECT_TRUE(got == data);
    writer.get();
  });
}

// ---- Certificates out of their time.

template <typename T, typename Read>
std::unique_ptr<T, void (*)(T*)> read_pem(const std::string& file, Read read, void (*free)(T*)) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(certificates().path(file).c_str(), "r"),
                                                           std::fclose);
  return {in ? read(in.get(), nullptr, nullptr, nullptr) : nullptr, free};
}

/// one.pem, valid between these two, in seconds from now.
void sign_for(const std::string& name, long from, long until) {
  const auto certificate = read_pem<X509>("one.pem", PEM_read_X509, X509_free);
  const auto key = read_pem<EVP_PKEY>("ca.key", PEM_read_PrivateKey, EVP_PKEY_free);
  ASSERT_TRUE(certificate && key);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until);
  ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(
      std::fopen(certificates().path(name + ".pem").c_str(), "w"), std::fclose);
  ASSERT_TRUE(out);
  ASSERT_EQ(PEM_write_X509(out.get(), certificate.get()), 1);
}

TEST(CertificateOutOfItsTime, is_rejected_and_says_so) {
  sign_for("expired", -7200, -3600);
  sign_for("early", 3600, 7200);
  sign_for("good", -3600, 3600);
  verdin::run([] {
    const TlsContext context = tls_client();
    const auto try_one = [&](const std::string& name) {
      auto [a, b] = Socket::pair();
      TlsStream client(std::move(a), context, "one.test");
      TlsStream server(std::move(b), tls_server(name));
      auto other = verdin::spawn([&] {
        try {
          server.handshake(kLong);
          return std::error_code();
        } catch (const std::system_error& error) {
          return error.code();
        }
      });
      std::string told;
      std::error_code here;
      try {
        client.handshake(kLong);
      } catch (const net::TlsError& error) {
        told = error.what();
        here = error.code();
      }
      client.close();
      return std::tuple(here, told, other.get());
    };
    const auto [good, nothing, server_of_good] = try_one("good");
    EXPECT_FALSE(good) << nothing;
    const auto [expired, expired_text, server_of_expired] = try_one("expired");
    EXPECT_EQ(expired, TlsErrc::certificate_rejected);
    EXPECT_NE(expired_text.find("expired"), std::string::npos) << expired_text;
    EXPECT_EQ(server_of_expired, TlsErrc::refused);
    const auto [early, early_text, server_of_early] = try_one("early");
    EXPECT_EQ(early, TlsErrc::certificate_rejected);
    EXPECT_EQ(server_of_early, TlsErrc::refused);
    EXPECT_NE(early_text.find("not yet valid"), std::string::npos) << early_text;
  });
}

// ---- Names that nobody answers for.

TEST(NameThatNobodyKnows, costs_the_limit_of_the_whole) {
  verdin::run([] {
    const auto never = [](std::string_view, std::uint16_t, net::Deadline) {
      verdin::sleep(3600s);
      return std::vector<Address>();
    };
    EXPECT_THROW(net::connect("somebody.test", 80, never, 10ms), net::TimedOut);
    auto waiting = verdin::spawn([&] { net::connect("somebody.test", 80, never); });
    verdin::sleep(1ms);
    waiting.kill();
    EXPECT_TRUE(waiting.killed());
  });
}

}  // namespace
