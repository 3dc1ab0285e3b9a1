// Messages of TLS from peers that mean no good.
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>

#include <verdin/net/error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/certificates.hpp"
#include "support/raw_tls_peer.hpp"
#include "support/socket_pairs.hpp"

namespace verdin::test {
namespace {

using net::Socket;
using net::TlsErrc;
using net::TlsStream;

const Certificates& certificates() {
  static const struct Signed : Certificates {
    Signed() { sign("one", "DNS:one.test"); }
  } files;
  return files;
}

net::TlsContext trusting_client() {
  net::TlsClientOptions options;
  options.system_roots = false;
  options.ca_file = certificates().path("ca.pem");
  return net::TlsContext::client(options);
}

/// A TlsStream whose peer says what it likes; both have shaken hands.
struct Raw {
  explicit Raw(int version) : Raw(version, tcp_pair()) {}
  Raw(int version, std::pair<Socket, Socket> ends)
      : socket(std::move(ends.first)), client(socket, version), server(std::move(ends.second), context()) {
    auto other = spawn([this] { server.handshake(kLong); });
    EXPECT_TRUE(client.handshake());
    other.get();
  }
  static const net::TlsContext& context() {
    static const net::TlsContext made =
        net::TlsContext::server({.identities = {{.certificate_file = certificates().path("one.pem"),
                                                 .key_file = certificates().path("one.key")}}});
    return made;
  }
  void say(const std::string& records) { socket.send_all(records, kLong); }

  Socket socket;
  RawTlsPeer client;
  TlsStream server;
};

/// What `stream` gives until its end, or the error that it ends with.
std::pair<std::string, std::optional<std::error_code>> all_of(TlsStream& stream) {
  std::string got;
  try {
    for (std::string more; !(more = stream.recv(100, kLong)).empty();) got += more;
    return {got, std::nullopt};
  } catch (const std::system_error& error) {
    return {got, error.code()};
  }
}

std::string updates(RawTlsPeer& client, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += client.key_update();
  return all;
}

TEST(TlsMessages, half_of_one_holds_nobody_up) {
  run([] {
    Raw raw(TLS1_3_VERSION);
    raw.say(raw.client.record("hello", RawTlsPeer::kData));
    EXPECT_EQ(raw.server.recv(100, kLong), "hello");
    auto reader = spawn([&] { return all_of(raw.server); });
    raw.say(raw.client.record(std::string("\x18\x00\x00\x01", 4), RawTlsPeer::kHandshake));
    for (int i = 0; i < 5; ++i) sleep(std::chrono::milliseconds(1));  // it waits for the other half
    EXPECT_FALSE(reader.ready());
    std::error_code error;
    raw.server.send_all("to you", error, std::chrono::milliseconds(20));
    EXPECT_EQ(error, net::Errc::timed_out);
    raw.say(raw.client.record(std::string(1, '\0'), RawTlsPeer::kHandshake));
    raw.client.next_keys();
    raw.say(raw.client.record("more", RawTlsPeer::kData));
    raw.server.send_all("to you", kLong);
    raw.socket.close();
    EXPECT_EQ(reader.get().first, "more");
  });
}

TEST(TlsMessages, changes_of_keys_without_data_end_the_connection) {
  run([] {
    Raw raw(TLS1_3_VERSION);
    raw.say(raw.client.record("hello", RawTlsPeer::kData));
    raw.say(updates(raw.client, 2000));
    raw.socket.shutdown_write();
    const auto [got, error] = all_of(raw.server);
    EXPECT_EQ(got, "hello");
    EXPECT_EQ(error, TlsErrc::flooded);
    EXPECT_EQ(all_of(raw.server).second, TlsErrc::flooded);
    try {
      raw.server.send_all("x", kLong);
      ADD_FAILURE() << "it was sent";
    } catch (const std::system_error& failure) {
      EXPECT_EQ(failure.code(), TlsErrc::flooded);
    }
  });
}

TEST(TlsMessages, changes_of_keys_between_data_are_fine_and_others_run_meanwhile) {
  run([] {
    Raw raw(TLS1_3_VERSION);
    constexpr int kTimes = 60;
    std::string all;
    for (int i = 0; i < kTimes; ++i) {
      all += updates(raw.client, 32);
      all += raw.client.record("x", RawTlsPeer::kData);
    }
    raw.say(all);
    bool over = false;
    int turns = 0;
    auto other = spawn([&] {
      while (!over) {
        ++turns;
        yield();
      }
    });
    for (int i = 0; i < kTimes; ++i) EXPECT_EQ(raw.server.recv(100, kLong), "x");
    over = true;
    other.get();
    EXPECT_GE(turns, kTimes / 3);
  });
}

/// What it is answered does not fit anywhere any more: neither who reads nor who writes is told of the other.
TEST(TlsMessages, a_peer_that_asks_and_never_reads_gets_no_further) {
  run([] {
    Raw raw(TLS1_2_VERSION);
    auto writer = spawn([&] {
      std::error_code error;
      raw.server.send_all(std::string(20'000'000, 'w'), error, kLong);
      return error;
    });
    yield();
    EXPECT_FALSE(writer.ready());
    std::string got;
    auto reader = spawn([&] {
      std::error_code error;
      std::array<char, 100> buffer;
      while (const std::size_t size = raw.server.recv(buffer, error, kLong)) got.append(buffer.data(), size);
      return error;
    });
    constexpr std::size_t kTimes = 400;
    for (std::size_t i = 0; i < kTimes; ++i) {  // 12,800 answers of 31 octets
      std::string all;
      for (int j = 0; j < 32; ++j)
        all += raw.client.record(std::string("\x01\x00\x00\x02\x03\x03", 6), RawTlsPeer::kHandshake);
      raw.say(all + raw.client.record("x", RawTlsPeer::kData));
    }
    while (got.size() < kTimes && !reader.ready()) sleep(std::chrono::milliseconds(1));
    EXPECT_EQ(got, std::string(kTimes, 'x'));
    EXPECT_FALSE(writer.ready());
    close_hard(raw.socket);
    EXPECT_TRUE(reader.get());
    EXPECT_TRUE(writer.get());
  });
}

/// OpenSSL passes over them, all in one call.
TEST(TlsMessages, requests_for_a_handshake_within_one_end_it) {
  run([] {
    auto [a, b] = tcp_pair();
    Socket peer = std::move(a);
    TlsStream client(std::move(b), trusting_client(), "one.test");
    auto server = spawn([&] {
      std::error_code ignored;
      const std::string record = std::string("\x16\x03\x03\x40\x00", 5) + std::string(0x4000, '\0');
      for (int i = 0; i < 60 && !ignored; ++i) peer.send_all(record, ignored, kLong);
      peer.close();
    });
    try {
      client.handshake(kLong);
      ADD_FAILURE() << "they have shaken hands";
    } catch (const net::TlsError& error) {
      EXPECT_EQ(error.code(), TlsErrc::flooded);
    }
    client.close();
    server.get();
  });
}

/// Two records of 16 KB, each.
TEST(TlsMessages, tickets_without_end_end_the_connection) {
  run([] {
    auto [a, b] = tcp_pair();
    Socket socket = std::move(a);
    RawTlsPeer server(socket, certificates().path("one.pem"), certificates().path("one.key"));
    TlsStream client(std::move(b), trusting_client(), "one.test");
    auto shaking = spawn([&] { client.handshake(kLong); });
    EXPECT_TRUE(server.handshake());
    shaking.get();
    const std::string ticket(
        "\x04\0\0\x0e"
        "\0\0\0\x64"
        "aaaa"
        "\0"
        "\0\x01t"
        "\0\0",
        18);
    const auto tickets = [&](int count) {
      std::string all;
      for (int i = 0; i < count; ++i) all += ticket;
      return server.record(all, RawTlsPeer::kHandshake);
    };
    socket.send_all(tickets(200), kLong);
    socket.send_all(server.record("hello", RawTlsPeer::kData), kLong);
    EXPECT_EQ(client.recv(100, kLong), "hello");
    socket.send_all(tickets(200), kLong);
    socket.send_all(server.record("more", RawTlsPeer::kData), kLong);
    EXPECT_EQ(client.recv(100, kLong), "more");
    socket.send_all(tickets(900), kLong);
    socket.send_all(server.record("no more", RawTlsPeer::kData), kLong);
    const auto [got, error] = all_of(client);
    EXPECT_EQ(got, "");
    EXPECT_EQ(error, TlsErrc::flooded);
  });
}

TEST(TlsMessages, changes_of_keys_once_in_a_while_are_fine) {
  run([] {
    Raw raw(TLS1_3_VERSION);
    Raw hasty(TLS1_3_VERSION);
    auto reader = spawn([&] { return raw.server.recv(100, kLong); });
    auto hasty_reader = spawn([&] {
      for (;;) {
        try {
          return hasty.server.recv(100, std::chrono::milliseconds(50));
        } catch (const net::TimedOut&) {
        }
      }
    });
    for (int i = 0; i < 2; ++i) {
      for (Raw* const each : {&raw, &hasty}) each->say(updates(each->client, 20));
      for (int j = 0; j < 5; ++j) sleep(std::chrono::milliseconds(1));  // it has read them, and waits
      sleep(std::chrono::milliseconds(1100));
    }
    for (Raw* const each : {&raw, &hasty}) {
      each->say(updates(each->client, 20));
      each->say(each->client.record("x", RawTlsPeer::kData));
    }
    EXPECT_EQ(reader.get(), "x");
    EXPECT_EQ(hasty_reader.get(), "x");
  });
}

TEST(TlsMessages, nothing_is_negotiated_anew) {
  run([] {
    Raw raw(TLS1_2_VERSION);
    auto reader = spawn([&] { return all_of(raw.server); });
    EXPECT_EQ(SSL_renegotiate(raw.client.ssl()), 1);
    EXPECT_FALSE(raw.client.handshake());
    raw.socket.close();
    EXPECT_EQ(reader.get().second, TlsErrc::refused);  // the client gives up
  });
}

TEST(TlsMessages, attempts_to_negotiate_anew_end_the_connection) {
  run([] {
    Raw raw(TLS1_2_VERSION);
    std::string all = raw.client.record("hello", RawTlsPeer::kData);
    const std::string hello("\x01\x00\x00\x29\x03\x03", 6);  // refused before it is read
    for (int i = 0; i < 500; ++i)
      all += raw.client.record(hello + std::string(0x27, '\0'), RawTlsPeer::kHandshake);
    raw.say(all);
    raw.socket.shutdown_write();
    const auto [got, error] = all_of(raw.server);
    EXPECT_EQ(got, "hello");
    EXPECT_EQ(error, TlsErrc::flooded);
  });
}

/// Records of any kind that hold no data, one behind the other, after one that does. Others run meanwhile,
/// and the connection ends.
void expect_flood_ends(int version, const std::function<std::string(RawTlsPeer&)>& record) {
  run([&] {
    Raw raw(version);
    raw.say(raw.client.record("hello", RawTlsPeer::kData));
    EXPECT_EQ(raw.server.recv(100, kLong), "hello");
    bool over = false;
    auto flood = spawn([&] {
      std::error_code error;
      while (!over && !error) {
        std::string all;
        for (int i = 0; i < 500; ++i) all += record(raw.client);
        raw.socket.send_all(all, error, kLong);
      }
    });
    const auto [got, error] = all_of(raw.server);
    over = true;
    EXPECT_EQ(got, "");
    EXPECT_TRUE(error == TlsErrc::flooded || error == TlsErrc::protocol) << (error ? error->message() : "");
    raw.server.close();
    flood.get();
  });
}

TEST(TlsMessages, records_without_data_end_the_connection) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    expect_flood_ends(version, [](RawTlsPeer& client) { return client.record("", RawTlsPeer::kData); });
}

TEST(TlsMessages, warnings_without_end_end_the_connection) {
  expect_flood_ends(TLS1_2_VERSION, [](RawTlsPeer& client) {
    return client.record(std::string("\x01\x5a", 2), RawTlsPeer::kAlert);  // user_canceled
  });
  expect_flood_ends(TLS1_3_VERSION, [](RawTlsPeer& client) {
    return client.record(std::string("\x01\x5a", 2), RawTlsPeer::kAlert);
  });
}

/// In TLS 1.3 one may come within a handshake, and means nothing.
TEST(TlsMessages, changes_of_ciphers_without_end_end_the_connection) {
  const std::string change("\x14\x03\x03\x00\x01\x01", 6);
  expect_flood_ends(TLS1_3_VERSION, [&](RawTlsPeer&) { return change; });
  run([&] {
    auto [a, b] = tcp_pair();
    Socket peer = std::move(a);
    TlsStream server(std::move(b), Raw::context());
    auto flood = spawn([&] {
      std::error_code error;
      std::string all;
      for (int i = 0; i < 5000; ++i) all += change;
      while (!error) peer.send_all(all, error, kLong);
    });
    int turns = 0;
    bool over = false;
    auto other = spawn([&] {
      for (; !over; ++turns) yield();
    });
    EXPECT_THROW(server.handshake(kLong), net::TlsError);
    over = true;
    server.close();
    flood.get();
    other.get();
  });
}

/// Each is few enough to be let pass.
TEST(TlsMessages, records_without_data_between_such_with_data_let_others_run) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    run([&] {
      Raw raw(version);
      constexpr int kTimes = 200;
      std::string all;
      for (int i = 0; i < kTimes; ++i) {
        for (int j = 0; j < 20; ++j) all += raw.client.record("", RawTlsPeer::kData);
        all += raw.client.record("x", RawTlsPeer::kData);
      }
      auto sender = spawn([&] { raw.say(all); });
      bool over = false;
      int turns = 0;
      auto other = spawn([&] {
        for (; !over; ++turns) yield();
      });
      std::string got;
      while (got.size() < kTimes) got += raw.server.recv(100, kLong);
      over = true;
      other.get();
      sender.get();
      EXPECT_GE(turns, kTimes / 10);
    });
  }
}

}  // namespace
}  // namespace verdin::test
