#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <verdin/net/error.hpp>
#include <verdin/net/process.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_connect.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/observe.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/certificates.hpp"
#include "support/socket_pairs.hpp"

using namespace std::chrono_literals;
using verdin::net::Address;
using verdin::net::Socket;
using verdin::net::TlsClientAuth;
using verdin::net::TlsClientOptions;
using verdin::net::TlsContext;
using verdin::net::TlsErrc;
using verdin::net::TlsError;
using verdin::net::TlsIdentity;
using verdin::net::TlsServerOptions;
using verdin::net::TlsStream;
using verdin::net::TlsVersion;

namespace {

const verdin::test::Certificates& certificates() {
  static const verdin::test::Certificates all;
  return all;
}

TlsIdentity identity(const std::string& name) {
  return {.certificate_file = certificates().path(name + ".pem"),
          .key_file = certificates().path(name + ".key")};
}

/// Makes what the tests share, once.
class Tls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    certificates().sign("one", "DNS:one.test,IP:127.0.0.1");
    certificates().sign("two", "DNS:two.test,DNS:*.two.test");
    certificates().sign("user", "DNS:user.test");
  }
};

TlsServerOptions server_options() {
  TlsServerOptions options;
  options.identities = {identity("one")};
  return options;
}

TlsClientOptions client_options() {
  TlsClientOptions options;
  options.system_roots = false;
  options.ca_file = certificates().path("ca.pem");
  return options;
}

/// Both ends of a connection in one hub.
struct Ends {
  TlsStream client;
  TlsStream server;
};

Ends make_ends(const TlsContext& client, const TlsContext& server, const std::string& host = "one.test") {
  auto [a, b] = Socket::pair();
  return {TlsStream(std::move(a), client, host), TlsStream(std::move(b), server)};
}

using Outcome = std::optional<std::error_code>;

Outcome outcome_of(const std::function<void()>& call) {
  try {
    call();
    return std::nullopt;
  } catch (const std::system_error& error) {
    return error.code();
  }
}

/// How the handshake ended on either side.
std::pair<Outcome, Outcome> shake_hands(Ends& ends) {
  auto server = verdin::spawn([&] { return outcome_of([&] { ends.server.handshake(); }); });
  const Outcome client = outcome_of([&] { ends.client.handshake(); });
  if (client) ends.client.close();
  return {client, server.get()};
}

Ends connected(const TlsContext& client, const TlsContext& server, const std::string& host = "one.test") {
  Ends ends = make_ends(client, server, host);
  const auto [a, b] = shake_hands(ends);
  EXPECT_EQ(a, std::nullopt) << (a ? a->message() : "");
  EXPECT_EQ(b, std::nullopt) << (b ? b->message() : "");
  return ends;
}

Ends connected() {
  return connected(TlsContext::client(client_options()), TlsContext::server(server_options()));
}

/// Has the tickets come in, which a server sends behind the handshake.
void exchange(Ends& ends) {
  ends.server.send_all("x");
  EXPECT_EQ(ends.client.recv(10), "x");
}

std::error_code config_error(const std::function<void()>& call) {
  return outcome_of(call).value_or(std::error_code());
}

TEST_F(Tls, says_what_was_agreed_on) {
  verdin::run([] {
    Ends ends = connected();
    EXPECT_EQ(ends.client.version(), "TLSv1.3");
    EXPECT_FALSE(ends.client.cipher().empty());
    EXPECT_EQ(ends.server.server_name(), "one.test");
    EXPECT_EQ(ends.client.peer_subject(), "CN=one");
    EXPECT_EQ(ends.client.peer_certificate(), certificates().text("one.pem"));
    EXPECT_EQ(ends.server.peer_certificate(), "");
    EXPECT_EQ(ends.client.alpn(), "");
    EXPECT_FALSE(ends.client.resumed());
    ends.client.send_all("hello");
    EXPECT_EQ(ends.server.recv(100), "hello");
    ends.server.send_all("world\r\nmore");
    EXPECT_EQ(ends.client.recv_until("\r\n", 100), "world");
    EXPECT_EQ(ends.client.recv(100), "more");
  });
}

TEST_F(Tls, the_first_call_that_needs_it_shakes_hands) {
  verdin::run([] {
    auto options = client_options();
    options.tls.newest = TlsVersion::tls12;
    Ends ends = make_ends(TlsContext::client(options), TlsContext::server(server_options()));
    auto reader = verdin::spawn([&] { return ends.server.recv(100); });
    auto answer = verdin::spawn([&] { return ends.client.recv(100); });  // waits for its own side's handshake
    ends.client.send_all("hello");
    EXPECT_EQ(reader.get(), "hello");
    EXPECT_EQ(ends.client.version(), "TLSv1.2");
    ends.server.send_all("back");
    EXPECT_EQ(answer.get(), "back");
  });
}

TEST_F(Tls, much_both_ways_at_once) {
  verdin::run([] {
    Ends ends = connected();
    std::string data(3'000'000, '\0');
    std::mt19937 random(1);
    for (char& each : data) each = static_cast<char>(random());
    const auto pump = [&data](TlsStream& stream) {
      return verdin::spawn([&] {
        stream.send_all(data);
        stream.shutdown_write();
      });
    };
    auto a = pump(ends.client);
    auto b = pump(ends.server);
    auto got = verdin::spawn([&] { return ends.server.recv_all(data.size()); });
    EXPECT_TRUE(ends.client.recv_all(data.size()) == data);
    EXPECT_TRUE(got.get() == data);
    verdin::join_all(a, b);
  });
}

TEST_F(Tls, pieces_are_sent_as_one_and_nothing_is_nothing) {
  verdin::run([] {
    Ends ends = connected();
    const std::array<std::string_view, 4> pieces{"in ", "", "three ", "pieces"};
    ends.client.send_all("");
    ends.client.send_all(pieces);
    ends.client.shutdown_write();
    EXPECT_EQ(ends.server.recv_all(100), "in three pieces");
  });
}

TEST_F(Tls, a_reset_is_told_as_one) {
  verdin::run([] {
    auto [a, b] = verdin::test::tcp_pair();
    Ends ends{TlsStream(std::move(a), TlsContext::client(client_options()), "one.test"),
              TlsStream(std::move(b), TlsContext::server(server_options()))};
    EXPECT_EQ(shake_hands(ends).first, std::nullopt);
    verdin::test::close_hard(ends.client.socket());
    EXPECT_EQ(outcome_of([&] { ends.server.recv(1); }), std::errc::connection_reset);
  });
}

TEST_F(Tls, certificates_are_verified) {
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const auto client = TlsContext::client(client_options());
    auto ends = make_ends(client, server, "other.test");
    EXPECT_EQ(shake_hands(ends).first, TlsErrc::wrong_host);
    ends = make_ends(client, server, "127.0.0.1");
    EXPECT_EQ(shake_hands(ends).first, std::nullopt);
    ends = make_ends(client, server, "127.0.0.2");
    EXPECT_EQ(shake_hands(ends).first, TlsErrc::wrong_host);

    TlsClientOptions strangers;  // who trust the system's authorities, and not ours
    ends = make_ends(TlsContext::client(strangers), server);
    const auto [here, there] = shake_hands(ends);
    EXPECT_EQ(here, TlsErrc::certificate_rejected);
    EXPECT_EQ(there, TlsErrc::refused);
    strangers.verify = false;
    ends = make_ends(TlsContext::client(strangers), server, "whatever");
    EXPECT_EQ(shake_hands(ends).first, std::nullopt);
    EXPECT_THROW(make_ends(client, server, ""), std::invalid_argument);

    ends = make_ends(client, server, "other.test");
    auto other = verdin::spawn([&] { return outcome_of([&] { ends.server.handshake(); }); });
    try {
      ends.client.handshake();
      ADD_FAILURE();
    } catch (const TlsError& error) {
      EXPECT_NE(std::string(error.what()).find("ostname mismatch"), std::string::npos) << error.what();
    }
    ends.client.close();
    other.join();
  });
}

TEST_F(Tls, the_name_that_a_client_wants_chooses_the_certificate) {
  verdin::run([] {
    auto options = server_options();
    options.identities.push_back(
        {.certificate_pem = certificates().text("two.pem"), .key_pem = certificates().text("two.key")});
    const auto server = TlsContext::server(options);
    const auto client = TlsContext::client(client_options());
    EXPECT_EQ(connected(client, server, "one.test").client.peer_subject(), "CN=one");
    EXPECT_EQ(connected(client, server, "two.test").client.peer_subject(), "CN=two");
    EXPECT_EQ(connected(client, server, "a.two.test").client.peer_subject(), "CN=two");
    auto ends = make_ends(client, server, "three.test");
    EXPECT_EQ(shake_hands(ends).first, TlsErrc::wrong_host);  // the first's
  });
}

TEST_F(Tls, protocols_are_agreed_on) {
  verdin::run([] {
    auto options = server_options();
    options.alpn = {"h2", "http/1.1"};
    const auto server = TlsContext::server(options);
    auto wishes = client_options();
    wishes.alpn = {"http/1.1", "h2"};
    Ends ends = connected(TlsContext::client(wishes), server);
    EXPECT_EQ(ends.client.alpn(), "h2");
    EXPECT_EQ(ends.server.alpn(), "h2");
    EXPECT_EQ(connected(TlsContext::client(client_options()), server).server.alpn(), "");
    wishes.alpn = {"gopher"};
    ends = make_ends(TlsContext::client(wishes), server);
    const auto [here, there] = shake_hands(ends);
    EXPECT_EQ(here, TlsErrc::refused);
    EXPECT_EQ(there, TlsErrc::no_common_protocol);
  });
}

TEST_F(Tls, certificates_of_clients) {
  verdin::run([] {
    auto options = server_options();
    options.client_auth = TlsClientAuth::required;
    options.client_ca_file = certificates().path("ca.pem");
    const auto server = TlsContext::server(options);
    auto with = client_options();
    with.identity = identity("user");
    EXPECT_EQ(connected(TlsContext::client(with), server).server.peer_subject(), "CN=user");
    auto without = make_ends(TlsContext::client(client_options()), server);
    auto there = verdin::spawn([&] { return outcome_of([&] { without.server.handshake(); }); });
    // In TLS 1.3 a client has finished before the server has looked at its certificate.
    EXPECT_EQ(outcome_of([&] { without.client.recv(1); }), TlsErrc::refused);
    EXPECT_EQ(there.get(), TlsErrc::certificate_rejected);
    options.client_auth = TlsClientAuth::optional;
    EXPECT_EQ(
        connected(TlsContext::client(client_options()), TlsContext::server(options)).server.peer_subject(),
        "");
  });
}

TEST_F(Tls, sessions_are_resumed) {
  verdin::run([] {
    for (const TlsVersion version : {TlsVersion::tls12, TlsVersion::tls13}) {
      for (const bool tickets : {true, false}) {
        auto options = server_options();
        options.tls.newest = version;
        options.tickets = tickets;
        auto server = TlsContext::server(options);
        const auto client = TlsContext::client(client_options());
        for (int i = 0; i < 3; ++i) {
          Ends ends = connected(client, server);
          EXPECT_EQ(ends.client.resumed(), i > 0) << static_cast<int>(version) << tickets;
          EXPECT_EQ(ends.server.resumed(), i > 0);
          EXPECT_EQ(ends.client.peer_subject(), "CN=one");
          exchange(ends);
          if (tickets) server.reload();  // old tickets stay valid
        }
        EXPECT_FALSE(connected(client, server, "127.0.0.1").client.resumed());  // another host
      }
    }
    auto options = server_options();
    options.tls.resumption = false;
    const auto server = TlsContext::server(options);
    const auto client = TlsContext::client(client_options());
    for (int i = 0; i < 2; ++i) {
      Ends ends = connected(client, server);
      EXPECT_FALSE(ends.client.resumed());
      exchange(ends);
    }
  });
}

TEST_F(Tls, keys_of_tickets_change_and_the_last_one_is_still_good) {
  verdin::run([] {
    for (const TlsVersion version : {TlsVersion::tls12, TlsVersion::tls13}) {
      auto options = server_options();
      options.tls.newest = version;
      auto server = TlsContext::server(options);
      const auto client = TlsContext::client(client_options());
      const auto resumed = [&] {
        Ends ends = connected(client, server);
        exchange(ends);
        EXPECT_EQ(ends.client.resumed(), ends.server.resumed());
        return ends.server.resumed();
      };
      EXPECT_FALSE(resumed());
      EXPECT_TRUE(resumed());
      server.rotate_ticket_keys();
      EXPECT_TRUE(resumed());  // by the key before, and with a new ticket
      server.rotate_ticket_keys();
      EXPECT_TRUE(resumed());
      server.rotate_ticket_keys();
      server.reload();
      EXPECT_TRUE(resumed());
      server.rotate_ticket_keys();
      server.rotate_ticket_keys();
      EXPECT_FALSE(resumed());  // by neither of the two that there are
      EXPECT_TRUE(resumed());
    }
  });
}

TEST_F(Tls, keys_of_tickets_grow_old) {
  verdin::run([] {
    auto options = server_options();
    options.ticket_key_lifetime = 1ms;
    const auto server = TlsContext::server(options);
    const auto client = TlsContext::client(client_options());
    for (int i = 0; i < 3; ++i) {
      Ends ends = connected(client, server);
      exchange(ends);
      EXPECT_FALSE(ends.server.resumed());
      verdin::sleep(3ms);  // longer than a key is good for
    }
    options.ticket_key_lifetime = 0ms;
    EXPECT_EQ(config_error([&] { TlsContext::server(options); }), TlsErrc::bad_configuration);
  });
}

TEST_F(Tls, limits_may_be_as_long_as_they_like) {
  verdin::run([] {
    auto options = server_options();
    options.ticket_key_lifetime = std::chrono::milliseconds::max();
    options.session_lifetime = std::chrono::seconds::max();
    options.tls.handshake_limit = std::chrono::milliseconds::max();
    const auto server = TlsContext::server(options);
    auto own = client_options();
    own.tls.handshake_limit = std::chrono::milliseconds::max();
    const auto client = TlsContext::client(own);
    for (const bool again : {false, true}) {
      Ends ends = connected(client, server);
      exchange(ends);
      EXPECT_EQ(ends.server.resumed(), again);
    }
  });
}

/// The system's certificates lie in a pipe here, which gives nothing until others have run.
TEST_F(Tls, the_systems_authorities_are_read_while_others_go_on) {
  const std::string pipe = certificates().path("authorities");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ::setenv("SSL_CERT_FILE", pipe.c_str(), 1);
  std::atomic<bool> others_ran = false;
  std::thread writer([&] {
    for (int i = 0; i < 5000 && !others_ran; ++i) std::this_thread::sleep_for(1ms);
    std::ofstream(pipe) << certificates().text("ca.pem");
  });
  verdin::run([&] {
    auto making = verdin::spawn([&] { return TlsContext::client(); });
    for (int i = 0; i < 3; ++i) verdin::sleep(1ms);
    EXPECT_FALSE(making.ready());
    others_ran = true;
    const TlsContext client = making.get();
    connected(client, TlsContext::server(server_options()));
  });
  writer.join();
  ::unsetenv("SSL_CERT_FILE");
}

/// Opens it without a wait: -1 while nobody reads it.
int writer_of(const std::string& fifo) { return ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC); }

/// The process has one context that tls_connect() makes: only this test does.
TEST_F(Tls, the_systems_authorities_are_read_once_whoever_gives_up) {
  static bool played = false;
  if (std::exchange(played, true)) GTEST_SKIP() << "it is made once in a process";
  const std::string fifo = certificates().path("all-authorities");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ::setenv("SSL_CERT_FILE", fifo.c_str(), 1);
  verdin::run([&] {
    verdin::net::StreamServer server(
        Address::loopback_ipv4(0),
        verdin::net::over_tls(TlsContext::server(server_options()),
                              [](TlsStream& stream, const Address&) { stream.send_all("hello"); }));
    server.start();
    verdin::net::TlsConnectOptions options;
    options.resolve = [](std::string_view, std::uint16_t port, verdin::net::Deadline) {
      return std::vector{Address::loopback_ipv4(port)};
    };
    const auto outcome = [&](const std::string& host, verdin::net::Deadline limit) {
      return outcome_of([&] {
        EXPECT_EQ(verdin::net::tls_connect(host, server.port(), limit, options).recv_all(100), "hello");
      });
    };
    EXPECT_EQ(outcome("one.test", 1ms), verdin::net::Errc::timed_out);
    int writer = -1;
    for (int i = 0; i < 60'000 && writer < 0; ++i) {  // until a thread has begun to read
      verdin::sleep(1ms);
      writer = writer_of(fifo);
    }
    ASSERT_GE(writer, 0);
    auto killed = verdin::spawn([&] { outcome("one.test", 60s); });
    verdin::sleep(1ms);
    killed.kill();
    std::thread([&] {  // a hub of its own, which ends
      verdin::run([&] { EXPECT_EQ(outcome("one.test", 1ms), verdin::net::Errc::timed_out); });
    })
        .join();

    std::vector<verdin::Greenlet<Outcome>> all;
    for (int i = 0; i < 5; ++i) all.push_back(verdin::spawn([&] { return outcome("one.test", 60s); }));
    verdin::sleep(1ms);
    const std::string authority = certificates().text("ca.pem");
    EXPECT_EQ(::write(writer, authority.data(), authority.size()), std::ssize(authority));
    ::close(writer);  // whoever opens the pipe now reads for ever
    for (auto& each : all) EXPECT_EQ(each.get(), std::nullopt);
    EXPECT_EQ(outcome("one.test", 60s), std::nullopt);
    EXPECT_EQ(outcome("other.test", 60s), TlsErrc::wrong_host);
    server.stop(60s);
  });
  ::unsetenv("SSL_CERT_FILE");
}

TEST_F(Tls, connects_to_a_name_under_one_limit) {
  verdin::run([] {
    verdin::net::StreamServer server(
        Address::loopback_ipv4(0),
        verdin::net::over_tls(TlsContext::server(server_options()), [](TlsStream& stream, const Address&) {
          stream.send_all(stream.server_name() + '\n');
          stream.recv(1);
        }));
    server.start();
    verdin::net::TlsConnectOptions options{.context = TlsContext::client(client_options())};
    options.resolve = [](std::string_view, std::uint16_t port, verdin::net::Deadline) {
      return std::vector{Address::loopback_ipv4(port)};
    };
    EXPECT_EQ(verdin::net::tls_connect("one.test", server.port(), 60s, options).recv_until("\n", 100),
              "one.test");
    EXPECT_EQ(verdin::net::tls_connect("127.0.0.1", server.port(), 60s, options).recv_until("\n", 100), "");
    const auto error_of = [&](const std::string& host, std::uint16_t port, verdin::net::Deadline limit) {
      return outcome_of([&] { verdin::net::tls_connect(host, port, limit, options); });
    };
    EXPECT_EQ(error_of("other.test", server.port(), 60s), TlsErrc::wrong_host);
    options.server_name = "one.test";
    EXPECT_EQ(error_of("other.test", server.port(), 60s), std::nullopt);
    options.server_name.clear();
    const Socket silent = Socket::listen(Address::loopback_ipv4(0));  // where nobody shakes hands
    EXPECT_EQ(error_of("one.test", silent.local_address().port(), 10ms), verdin::net::Errc::timed_out);
    options.resolve = [](std::string_view, std::uint16_t, verdin::net::Deadline) {
      verdin::sleep(3600s);
      return std::vector<Address>();
    };
    EXPECT_EQ(error_of("one.test", server.port(), 10ms), verdin::net::Errc::timed_out);
    options.context = TlsContext::server(server_options());
    EXPECT_THROW(verdin::net::tls_connect("one.test", server.port(), 60s, options), std::invalid_argument);
    server.stop(60s);
  });
}

TEST_F(Tls, reload_is_for_connections_to_come) {
  verdin::run([] {
    certificates().sign("renewed", "DNS:one.test");
    auto options = server_options();
    options.identities = {identity("renewed")};
    auto server = TlsContext::server(options);
    auto wishes = client_options();
    wishes.tls.resumption = false;
    const auto client = TlsContext::client(wishes);
    Ends before = connected(client, server);
    certificates().run(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=new -CA " +
        certificates().path("ca.pem") + " -CAkey " + certificates().path("ca.key") +
        " -addext subjectAltName=DNS:one.test -keyout " + certificates().path("renewed.key") + " -out " +
        certificates().path("renewed.pem"));
    EXPECT_EQ(connected(client, server).client.peer_subject(), "CN=renewed");
    server.reload();
    EXPECT_EQ(connected(client, server).client.peer_subject(), "CN=new");
    exchange(before);
    certificates().run("rand -out " + certificates().path("renewed.pem") + " 100");
    EXPECT_EQ(config_error([&] { server.reload(); }), TlsErrc::bad_configuration);
    EXPECT_EQ(connected(client, server).client.peer_subject(), "CN=new");
  });
}

TEST_F(Tls, what_cannot_be_used_says_why) {
  const auto with = [](TlsIdentity one) {
    auto options = server_options();
    options.identities = {std::move(one)};
    return config_error([&] { TlsContext::server(options); });
  };
  EXPECT_EQ(with({.certificate_file = "/no/such/file"}), std::errc::no_such_file_or_directory);
  EXPECT_EQ(with({.certificate_pem = "nonsense"}), TlsErrc::bad_configuration);
  EXPECT_EQ(with({.certificate_pem = certificates().text("one.pem")}), TlsErrc::bad_configuration);
  EXPECT_EQ(
      with({.certificate_pem = certificates().text("one.pem"), .key_pem = certificates().text("two.key")}),
      TlsErrc::bad_configuration);
  certificates().run("ec -aes128 -passout pass:secret -in " + certificates().path("one.key") + " -out " +
                     certificates().path("locked.key"));
  TlsIdentity locked{.certificate_pem = certificates().text("one.pem"),
                     .key_pem = certificates().text("locked.key")};
  EXPECT_EQ(with(locked), TlsErrc::bad_configuration);  // and does not ask at the terminal
  locked.password = "wrong";
  EXPECT_EQ(with(locked), TlsErrc::bad_configuration);
  locked.password = "secret";
  EXPECT_EQ(with(locked), std::error_code());
  EXPECT_EQ(with({.certificate_pem = certificates().text("one.pem") + certificates().text("one.key")}),
            std::error_code());

  auto options = server_options();
  options.tls.ciphers = "NONE";
  EXPECT_EQ(config_error([&] { TlsContext::server(options); }), TlsErrc::bad_configuration);
  options = server_options();
  options.alpn = {""};
  EXPECT_EQ(config_error([&] { TlsContext::server(options); }), TlsErrc::bad_configuration);
  options = server_options();
  options.client_auth = TlsClientAuth::required;
  EXPECT_EQ(config_error([&] { TlsContext::server(options); }), TlsErrc::bad_configuration);
  EXPECT_EQ(config_error([&] { TlsContext::server({}); }), TlsErrc::bad_configuration);
  auto client = client_options();
  client.ca_pem = "nonsense";
  EXPECT_EQ(config_error([&] { TlsContext::client(client); }), TlsErrc::bad_configuration);

  // A certificate behind the first that is cut, or has other letters in it.
  const std::string first = certificates().text("one.pem");
  const std::string cut = certificates().text("ca.pem").substr(0, 200);
  std::string torn = certificates().text("ca.pem");
  torn.replace(100, 3, "#!#");
  for (const std::string& damaged : {cut, torn}) {
    EXPECT_EQ(with({.certificate_pem = first + damaged, .key_pem = certificates().text("one.key")}),
              TlsErrc::bad_configuration);
    client.ca_pem = certificates().text("ca.pem") + damaged;
    EXPECT_EQ(config_error([&] { TlsContext::client(client); }), TlsErrc::bad_configuration);
  }
  certificates().run("rand -out " + certificates().path("huge.pem") + " 17000000");
  EXPECT_EQ(with({.certificate_file = certificates().path("huge.pem")}), TlsErrc::bad_configuration);
}

TEST_F(Tls, old_versions_are_not_spoken) {
  verdin::run([] {
    auto options = server_options();
    options.tls.oldest = TlsVersion::tls13;
    auto wishes = client_options();
    wishes.tls.newest = TlsVersion::tls12;
    Ends ends = make_ends(TlsContext::client(wishes), TlsContext::server(options));
    const auto [here, there] = shake_hands(ends);
    EXPECT_EQ(here, TlsErrc::refused);
    EXPECT_EQ(there, TlsErrc::protocol);
  });
}

TEST_F(Tls, an_end_without_close_notify_is_an_error) {
  verdin::run([] {
    Ends ends = connected();
    exchange(ends);  // with something unread it would be a reset
    ends.client.send_all("most of it");
    EXPECT_EQ(ends.server.recv(100), "most of it");
    ends.client.socket().close();
    EXPECT_EQ(outcome_of([&] { ends.server.recv(100); }), TlsErrc::truncated);
    EXPECT_EQ(outcome_of([&] { ends.server.recv(100); }), TlsErrc::truncated);  // it stays so

    ends = connected();
    exchange(ends);
    ends.client.send_all("all of it");
    ends.client.close();
    EXPECT_EQ(ends.server.recv_all(100), "all of it");
    EXPECT_EQ(ends.server.recv(1), "");

    ends = connected();
    exchange(ends);
    ends.client.shutdown_write();
    EXPECT_EQ(ends.server.recv(1), "");
    EXPECT_EQ(outcome_of([&] { ends.client.send_all("x"); }), std::errc::broken_pipe);
    ends.server.send_all("late");
    EXPECT_EQ(ends.client.recv(10), "late");

    auto options = server_options();
    options.tls.allow_truncation = true;
    ends = connected(TlsContext::client(client_options()), TlsContext::server(options));
    exchange(ends);
    ends.client.socket().close();
    EXPECT_EQ(ends.server.recv(1), "");
  });
}

TEST_F(Tls, an_end_that_is_allowed_to_be_cut_is_an_end_each_time) {
  verdin::run([] {
    auto options = server_options();
    options.tls.allow_truncation = true;
    Ends ends = make_ends(TlsContext::client(client_options()), TlsContext::server(options));
    auto client = verdin::spawn([&] {
      ends.client.send_all("question");
      ends.client.socket().shutdown_write();
      return ends.client.recv_all(100);
    });
    EXPECT_EQ(ends.server.recv_all(100), "question");
    EXPECT_EQ(ends.server.recv(1), "");
    ends.server.send_all("answer");
    ends.server.close();
    EXPECT_EQ(client.get(), "answer");
  });
}

TEST_F(Tls, an_end_in_the_middle_of_a_handshake_is_no_handshake) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    TlsStream stream(std::move(b), TlsContext::client(client_options()), "one.test");
    auto peer = verdin::spawn([&, &a = a] {
      a.recv(10'000);
      // close_notify, which nobody vouches for
      a.send_all(std::string_view("\x15\x03\x03\x00\x02\x01\x00", 7));
    });
    EXPECT_EQ(outcome_of([&] { stream.handshake(60s); }), TlsErrc::refused);
    EXPECT_EQ(outcome_of([&] { stream.send_all("secret", 60s); }), TlsErrc::refused);
    peer.join();
  });
}

TEST_F(Tls, what_came_unprotected_before_the_handshake_is_refused) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    a.send_all("STARTTLS\r\nand more");
    EXPECT_EQ(b.recv_until("\r\n", 100), "STARTTLS");
    const auto server = TlsContext::server(server_options());
    EXPECT_EQ(outcome_of([&, &b = b] { TlsStream(std::move(b), server); }), TlsErrc::protocol);
  });
}

TEST_F(Tls, garbage_and_half_handshakes) {
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const auto client = TlsContext::client(client_options());
    const auto server_hears = [&](const std::string& text) {
      auto [a, b] = Socket::pair();
      TlsStream stream(std::move(b), server);
      a.send_all(text);
      a.shutdown_write();
      return outcome_of([&] { stream.handshake(60s); });
    };
    EXPECT_EQ(server_hears(""), TlsErrc::truncated);
    EXPECT_EQ(server_hears("GET / HTTP/1.0\r\n\r\n"), TlsErrc::protocol);
    EXPECT_EQ(server_hears(std::string(10'000, '\xff')), TlsErrc::protocol);
    EXPECT_EQ(server_hears(std::string("\x16\x03\x01\x40\x00\x01", 6)), TlsErrc::truncated);

    std::string hello;  // a real one, then its beginnings
    {
      auto [a, b] = Socket::pair();
      TlsStream stream(std::move(a), client, "one.test");
      EXPECT_EQ(outcome_of([&] { stream.handshake(0s); }), verdin::net::Errc::timed_out);
      hello = b.recv(10'000);
    }
    ASSERT_GT(hello.size(), 100u);
    for (std::size_t size = 1; size < hello.size(); size += 17)
      EXPECT_EQ(server_hears(hello.substr(0, size)), TlsErrc::truncated) << size;
  });
}

/// A client's first words.
std::string hello_of(const TlsContext& client) {
  auto [a, b] = Socket::pair();
  TlsStream stream(std::move(a), client, "one.test");
  EXPECT_EQ(outcome_of([&] { stream.handshake(0s); }), verdin::net::Errc::timed_out);
  return b.recv(10'000);
}

TEST_F(Tls, accepts_hellos_however_they_come) {
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const auto client = TlsContext::client(client_options());
    const std::string hello = hello_of(client);
    ASSERT_GT(hello.size(), 100u);
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{4}, std::size_t{5}, std::size_t{6}, std::size_t{100}}) {
      for (const bool tcp : {true, false}) {
        auto outer = tcp ? verdin::test::tcp_pair() : Socket::pair();
        auto inner = Socket::pair();
        Socket &ours = outer.first, &theirs = outer.second, &near = inner.first, &far = inner.second;
        // What a client says passes a piece at a time; the answers as they come.
        TlsStream accepted;
        auto accepting = verdin::spawn([&] { accepted = TlsStream::accept(std::move(theirs), server); });
        auto there = verdin::spawn([&] {
          std::array<char, 100> octets;
          std::error_code error;
          while (const std::size_t n = far.recv(std::span(octets).first(piece), error)) {
            ours.send_all(std::string_view(octets.data(), n), error);
            verdin::sleep(0s);
          }
          ours.shutdown_write();
        });
        auto back = verdin::spawn([&] {
          std::array<char, 4096> octets;
          std::error_code error;
          while (const std::size_t n = ours.recv(octets, error))
            far.send_all(std::string_view(octets.data(), n), error);
        });
        TlsStream peer(std::move(near), client, "one.test");
        peer.handshake(60s);
        accepting.get();
        peer.send_all("1");
        EXPECT_EQ(accepted.recv(1), "1") << "the low water is as it was";
        accepted.close();
        peer.close();
        verdin::join_all(there, back);
      }
    }
  });
}

TEST_F(Tls, accepts_nothing_else) {
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const std::string hello = hello_of(TlsContext::client(client_options()));
    const auto outcome = [&](const std::string& text, bool ends, verdin::net::Deadline limit = 60s) {
      auto [a, b] = verdin::test::tcp_pair();
      a.send_all(text);
      if (ends) a.shutdown_write();
      return outcome_of([&, &to = b] { TlsStream::accept(std::move(to), server, limit); });
    };
    for (const char* other : {"G", "GET / HTTP/1.0\r\n\r\n", "\x80\x2e\x01", "\x16\x03\x01\x40\x01"})
      EXPECT_EQ(outcome(other, true).value().category(), verdin::net::tls_category()) << other;
    EXPECT_EQ(outcome("GET / HTTP/1.0\r\n\r\n", false), TlsErrc::protocol) << "it is not waited for more";
    EXPECT_EQ(outcome("", true), TlsErrc::truncated);
    for (std::size_t size = 1; size < hello.size(); size += 41) {
      EXPECT_EQ(outcome(hello.substr(0, size), true), TlsErrc::truncated) << size;
      EXPECT_EQ(outcome(hello.substr(0, size), false, 1ms), verdin::net::Errc::timed_out) << size;
    }
    EXPECT_EQ(outcome(hello, false, 20ms), verdin::net::Errc::timed_out) << "of the handshake as well";
    auto [a, b] = verdin::test::tcp_pair();
    const auto client = TlsContext::client(client_options());
    EXPECT_THROW(TlsStream::accept(std::move(b), client), std::invalid_argument);
  });
}

TEST_F(Tls, half_a_hello_costs_little) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator tells other figures";
#endif
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const std::string half = hello_of(TlsContext::client(client_options())).substr(0, 100);
    constexpr int kPeers = 200;
    std::vector<Socket> peers;
    std::vector<verdin::Greenlet<void>> waiting;
    peers.reserve(kPeers);
    const auto add = [&](int count) {
      for (int i = 0; i < count; ++i) {
        auto [a, b] = verdin::test::tcp_pair();
        a.send_all(half);
        peers.push_back(std::move(a));
        waiting.push_back(verdin::spawn(
            [&server, socket = std::move(b)]() mutable { TlsStream::accept(std::move(socket), server); }));
      }
      verdin::sleep(0s);
      verdin::sleep(0s);
    };
    add(20);
    const auto in_use = [] {
      const auto info = ::mallinfo2();
      return info.uordblks + info.hblkhd;
    };
    const std::size_t before = in_use();
    add(kPeers - 20);
    EXPECT_LE((in_use() - before) / (kPeers - 20), 4096u);
    for (auto& each : waiting) each.kill();
  });
}

/// Between two sockets; spoils some of what passes, until one side ends.
void spoil(Socket& from, Socket& to, unsigned seed) {
  std::mt19937 random(seed);
  std::array<char, 4096> buffer;
  std::error_code error;
  unsigned passed = 0;
  const auto at = static_cast<unsigned>(random() % 2500);
  while (const std::size_t n = from.recv(buffer, error)) {
    if (passed <= at && at < passed + n) buffer[at - passed] ^= static_cast<char>(1U << random() % 8);
    passed += static_cast<unsigned>(n);
    if (to.send_all(std::string_view(buffer.data(), n), error) < n) break;
  }
  to.close();
  from.close();
}

TEST_F(Tls, a_flipped_bit_anywhere_is_an_error_and_no_more) {
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const auto client = TlsContext::client(client_options());
    int failed = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
      auto [a, a2] = Socket::pair();
      auto [b, b2] = Socket::pair();
      TlsStream here(std::move(a), client, "one.test");
      TlsStream there(std::move(b), server);
      auto onward = verdin::spawn([&a2 = a2, &b2 = b2, seed] { spoil(a2, b2, seed); });
      auto backward = verdin::spawn([&a2 = a2, &b2 = b2, seed] { spoil(b2, a2, seed + 1000); });
      auto other = verdin::spawn([&] {
        return outcome_of([&] {
          there.send_all(there.recv_exactly(1000, 60s), 60s);
          there.close();
        });
      });
      const auto result = outcome_of([&] {
        here.send_all(std::string(1000, 'x'), 60s);
        EXPECT_EQ(here.recv_exactly(1000, 60s), std::string(1000, 'x'));
      });
      EXPECT_NE(result, verdin::net::Errc::timed_out);
      here.close();
      EXPECT_NE(other.get(), verdin::net::Errc::timed_out);
      there.close();
      verdin::join_all(onward, backward);
      failed += result.has_value();
    }
    EXPECT_GT(failed, 30);
  });
}

TEST_F(Tls, failures_of_one_connection_are_not_anothers) {
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    Ends good = connected();
    auto bad = verdin::spawn([&] {
      for (int i = 0; i < 50; ++i) {
        auto [a, b] = Socket::pair();
        TlsStream stream(std::move(b), server);
        auto peer = verdin::spawn([&a = a] { a.send_all("this is no TLS at all\r\n\r\n"); });
        EXPECT_EQ(outcome_of([&] { stream.handshake(); }), TlsErrc::protocol);
        peer.join();
      }
    });
    for (int i = 0; i < 200; ++i) {
      auto reader = verdin::spawn([&] { return good.server.recv(100); });
      verdin::yield();
      good.client.send_all("fine");
      EXPECT_EQ(reader.get(), "fine");
    }
    bad.join();
  });
}

TEST_F(Tls, a_handshake_has_a_limit) {
  verdin::run([] {
    auto options = server_options();
    options.tls.handshake_limit = 1ms;
    auto [a, b] = Socket::pair();
    TlsStream stream(std::move(b), TlsContext::server(options));
    EXPECT_THROW(stream.recv(1), verdin::net::TimedOut);
    EXPECT_THROW(stream.handshake(), verdin::net::TimedOut);
  });
}

TEST_F(Tls, handshakes_share_the_turns_of_the_loop) {
  verdin::run([] {
    auto options = server_options();
    options.tls.handshakes_per_turn = 1;
    const auto server = TlsContext::server(options);
    const auto client = TlsContext::client(client_options());
    bool stop = false;
    int turns = 0;
    auto clock = verdin::spawn([&] {
      for (; !stop; ++turns) verdin::sleep(1ns);
    });
    std::vector<Ends> all;
    for (int i = 0; i < 20; ++i) all.push_back(make_ends(client, server));
    std::vector<verdin::Greenlet<>> greenlets;
    for (Ends& each : all) {
      greenlets.push_back(verdin::spawn([&each] { each.client.handshake(); }));
      greenlets.push_back(verdin::spawn([&each] { each.server.handshake(); }));
    }
    for (auto& each : greenlets) each.get();
    stop = true;
    clock.join();
    EXPECT_GE(turns, 39);  // a server takes two steps or more
  });
}

TEST_F(Tls, handshakes_that_wait_are_woken_once) {
  verdin::run([] {
    auto options = server_options();
    options.tls.handshakes_per_turn = 1;
    const auto server = TlsContext::server(options);
    std::vector<Socket> peers;
    std::vector<verdin::Greenlet<>> greenlets;
    int switches = 0;
    verdin::trace_greenlets([&](const verdin::GreenletSwitch& event) {
      switches += event.kind == verdin::GreenletSwitch::Kind::entered;
    });
    constexpr int kCount = 200;
    for (int i = 0; i < kCount; ++i) {
      auto [a, b] = Socket::pair();
      a.send_all("no TLS at all");
      peers.push_back(std::move(a));
      greenlets.push_back(verdin::spawn([&, b = std::make_shared<Socket>(std::move(b))] {
        TlsStream stream(std::move(*b), server);
        EXPECT_EQ(outcome_of([&] { stream.handshake(60s); }), TlsErrc::protocol);
      }));
    }
    for (auto& each : greenlets) each.get();
    verdin::trace_greenlets(nullptr);
    EXPECT_LT(switches, 8 * kCount);  // not kCount * kCount / 2
  });
}

TEST_F(Tls, a_handshake_keeps_its_limit_while_others_are_before_it) {
  verdin::run([] {
    auto options = server_options();
    options.tls.handshakes_per_turn = 1;
    const auto server = TlsContext::server(options);
    std::string hello;
    {
      auto [a, b] = Socket::pair();
      TlsStream stream(std::move(a), TlsContext::client(client_options()), "one.test");
      outcome_of([&] { stream.handshake(0s); });
      hello = b.recv(10'000);
    }
    std::vector<Socket> peers;
    std::vector<verdin::Greenlet<>> greenlets;
    int turns = 0;
    auto clock = verdin::spawn([&] {
      for (;; ++turns) verdin::sleep(1ns);
    });
    for (int i = 0; i < 2000; ++i) {  // seven seconds, if each had its turn
      auto [a, b] = Socket::pair();
      a.send_all(hello);
      peers.push_back(std::move(a));
      greenlets.push_back(verdin::spawn([&, b = std::make_shared<Socket>(std::move(b))] {
        TlsStream stream(std::move(*b), server);
        EXPECT_THROW(stream.handshake(20ms), verdin::net::TimedOut);
      }));
    }
    for (auto& each : greenlets) each.get();
    clock.kill();
    EXPECT_LT(turns, 1000);
  });
}

TEST_F(Tls, sends_that_run_out_of_time_may_go_on_for_ever) {
  verdin::run([] {
    Ends ends = connected();
    EXPECT_THROW(ends.server.send_all(std::string(3'000'000, 'x'), 1ms), verdin::net::TimedOut);
    for (std::size_t size = 20'000; size > 8'000; size -= 300)
      EXPECT_THROW(ends.server.send_all(std::string(size, 'y'), 0s), verdin::net::TimedOut);
  });
}

TEST_F(Tls, kill_and_limits_leave_the_stream_usable) {
  verdin::run([] {
    Ends ends = connected();
    auto reader = verdin::spawn([&] { ends.server.recv(100); });
    verdin::sleep(1ms);
    reader.kill();
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { ends.server.recv(100); }));
    EXPECT_THROW(ends.server.recv(100, 1ms), verdin::net::TimedOut);

    // A writer that is stopped while the peer does not read: what is under way stays whole records.
    auto writer = verdin::spawn([&] { ends.client.send_all(std::string(5'000'000, 'x')); });
    verdin::sleep(1ms);
    EXPECT_FALSE(writer.ready());
    EXPECT_THROW(ends.client.send_all("y"), verdin::net::ConcurrentUse);
    writer.kill();
    EXPECT_THROW(ends.client.send_all(std::string(5'000'000, 'x'), 1ms), verdin::net::TimedOut);
    auto last = verdin::spawn([&] {
      ends.client.send_all("end");
      ends.client.close();
    });
    const std::string all = ends.server.recv_all(20'000'000, 60s);
    EXPECT_EQ(all.substr(all.size() - 3), "end");
    EXPECT_EQ(all.find_first_not_of('x'), all.size() - 3);
    last.join();
  });
}

TEST_F(Tls, close_wakes_who_waits) {
  verdin::run([] {
    Ends ends = connected();
    auto reader = verdin::spawn([&] { return outcome_of([&] { ends.server.recv(1); }); });
    verdin::sleep(1ms);
    EXPECT_THROW(ends.server.recv(1), verdin::net::ConcurrentUse);
    ends.server.close();
    EXPECT_EQ(reader.get(), verdin::net::Errc::closed);
    EXPECT_FALSE(ends.server.open());
    EXPECT_NE(outcome_of([&] { ends.server.send_all("x"); }), std::nullopt);
    EXPECT_EQ(ends.client.recv(1), "");  // it was told
    EXPECT_THROW(TlsStream().handshake(), verdin::net::Closed);
  });
}

TEST_F(Tls, an_idle_connection_is_small) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator tells other figures";
#endif
  verdin::run([] {
    const auto server = TlsContext::server(server_options());
    const auto client = TlsContext::client(client_options());
    std::vector<Ends> all;
    const auto add = [&](int count) {
      for (int i = 0; i < count; ++i) {
        all.push_back(connected(client, server));
        exchange(all.back());
        // Somebody waits for what comes, as one always does.
        EXPECT_THROW(all.back().client.recv(1, 0s), verdin::net::TimedOut);
        EXPECT_THROW(all.back().server.recv(1, 0s), verdin::net::TimedOut);
      }
    };
    all.reserve(220);
    add(20);
    const auto in_use = [] {
      const auto info = ::mallinfo2();
      return info.uordblks + info.hblkhd;
    };
    const std::size_t before = in_use();
    add(200);
    const std::size_t both = in_use();
    for (std::size_t i = 20; i < all.size(); ++i) all[i].client = TlsStream();
    const std::size_t servers = in_use();
    RecordProperty("server_octets", static_cast<int>((servers - before) / 200));
    RecordProperty("client_octets", static_cast<int>((both - servers) / 200));
    EXPECT_LE((servers - before) / 200, 20'000u);
    EXPECT_LE((both - servers) / 200, 20'000u);
  });
}

TEST_F(Tls, a_server_over_tls) {
  verdin::run([] {
    int refused = 0;
    verdin::net::StreamServer server(Address::loopback_ipv4(0),
                                     verdin::net::over_tls(
                                         TlsContext::server(server_options()),
                                         [](TlsStream& stream, const Address& peer) {
                                           EXPECT_TRUE(peer.is_loopback());
                                           stream.send_all(stream.recv_until("\n", 100));
                                         },
                                         [&](const Address&, const std::system_error&) { ++refused; }));
    server.start();
    const auto client = TlsContext::client(client_options());
    for (int i = 0; i < 3; ++i) {
      TlsStream stream(Socket::connected(server.address()), client, "127.0.0.1");
      stream.send_all("hello\n");
      EXPECT_EQ(stream.recv_all(100), "hello");
    }
    {
      Socket plain = Socket::connected(server.address());
      plain.send_all("GET / HTTP/1.0\r\n\r\n");
      std::error_code ignored;
      std::array<char, 100> alert;
      while (plain.recv(alert, ignored) > 0) {
      }
    }
    EXPECT_EQ(refused, 1);
    server.stop(60s);
  });
}

TEST_F(Tls, openssl_as_a_client) {
  verdin::run([] {
    verdin::net::StreamServer server(
        Address::loopback_ipv4(0),
        verdin::net::over_tls(TlsContext::server(server_options()), [](TlsStream& stream, const Address&) {
          stream.send_all("you said " + stream.recv_until("\n", 100) + "\n");
        }));
    server.start();
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      const auto result =
          verdin::run_process({"openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile",
                               certificates().path("ca.pem"), "-verify_hostname", "one.test", "-servername",
                               "one.test", version, "-connect", server.address().to_string()},
                              {.err = verdin::Stdio::pipe()}, "hello\n");
      EXPECT_EQ(result.out, "you said hello\n") << result.err;
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    server.stop(60s);
  });
}

TEST_F(Tls, openssl_as_a_server) {
  verdin::run([] {
    const std::uint16_t port = Socket::listen(Address::loopback_ipv4(0)).local_address().port();
    verdin::Process server(
        {"openssl", "s_server", "-quiet", "-rev", "-accept", "127.0.0.1:" + std::to_string(port), "-cert",
         certificates().path("one.pem"), "-key", certificates().path("one.key")},
        {.in = verdin::Stdio::pipe(), .out = verdin::Stdio::null(), .err = verdin::Stdio::null()});
    const auto client = TlsContext::client(client_options());
    for (;;) {  // until it listens
      try {
        TlsStream stream(Socket::connected(Address::loopback_ipv4(port)), client, "one.test");
        stream.send_all("hello\n");
        EXPECT_EQ(stream.recv_until("\n", 100), "olleh");
        break;
      } catch (const std::system_error& error) {
        ASSERT_EQ(error.code(), std::errc::connection_refused) << error.what();
        ASSERT_EQ(server.poll(), std::nullopt);
        verdin::sleep(5ms);
      }
    }
    server.kill();
    server.wait();
  });
}

}  // namespace
