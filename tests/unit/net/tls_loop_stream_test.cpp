// What only a stream of the loop that speaks TLS can do wrong; loop_stream_test.cpp has what all of them do.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>

#include <verdin/loop/stream.hpp>
#include <verdin/net/loop_stream.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/certificates.hpp"
#include "support/forks.hpp"
#include "support/raw_tls_peer.hpp"
#include "support/socket_pairs.hpp"
#include "support/stream_teller.hpp"

namespace verdin::test {
namespace {

using net::Socket;
using net::TlsStream;

const net::TlsContext& server_context() {
  static const struct Signed : Certificates {
    Signed() { sign("one", "DNS:one.test"); }
  } files;
  static const net::TlsContext made = net::TlsContext::server(
      {.identities = {{.certificate_file = files.path("one.pem"), .key_file = files.path("one.key")}}});
  return made;
}

/// A stream, and a peer of it that says what it likes under the right keys.
struct RawPeer {
  RawPeer() : RawPeer(tcp_pair()) {}
  explicit RawPeer(std::pair<Socket, Socket> ends)
      : socket(std::move(ends.first)), client(socket, TLS1_3_VERSION) {
    auto server = std::make_unique<TlsStream>(std::move(ends.second), server_context());
    auto other = spawn([&] { server->handshake(kLong); });
    EXPECT_TRUE(client.handshake());
    other.get();
    stream = net::loop_stream(std::move(server));
  }
  ~RawPeer() { stream.reset(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void say(const std::string& records) { socket.send_all(records, kLong); }
  std::string data(std::string text) { return client.record(std::move(text), RawTlsPeer::kData); }

  Socket socket;
  RawTlsPeer client;
  loop::StreamPtr stream;
};

/// Lets all that is there be done.
void some_turns() {
  for (int i = 0; i < 10; ++i) sleep(std::chrono::milliseconds(1));
}

TEST(TlsLoopStream, what_is_sent_in_the_midst_of_a_message_leaves_behind_it_though_nobody_reads) {
  run([] {
    RawPeer peer;
    StreamTeller teller;
    peer.stream->set_handler(&teller);
    peer.say(peer.data("hello"));
    ASSERT_TRUE(teller.wait_for("hello"));
    peer.say(peer.client.record(std::string("\x18\x00\x00\x01", 4), RawTlsPeer::kHandshake));
    some_turns();
    peer.stream->pause();
    some_turns();
    std::array<char, 1000> tickets;
    while (peer.socket.try_recv(tickets) > 0) {
    }
    peer.stream->send("to you");
    some_turns();
    EXPECT_EQ(peer.stream->unsent(), 6u);
    peer.say(peer.client.record(std::string(1, '\0'), RawTlsPeer::kHandshake));
    EXPECT_FALSE(peer.socket.recv(100, kLong).empty());
    EXPECT_EQ(peer.stream->unsent(), 0u);
  });
}

TEST(TlsLoopStream, changes_of_keys_without_data_end_the_connection) {
  run([] {
    RawPeer peer;
    StreamTeller teller;
    peer.stream->set_handler(&teller);
    std::string all = peer.data("hello");
    for (int i = 0; i < 2000; ++i) all += peer.client.key_update();
    peer.say(all);
    EXPECT_TRUE(teller.wait_until([&] { return teller.error.has_value(); }));
    EXPECT_EQ(*teller.error, net::TlsErrc::flooded);
    EXPECT_EQ(teller.got, "hello");
  });
}

TEST(TlsLoopStream, who_pauses_in_the_midst_of_what_has_come_gets_the_rest_later) {
  run([] {
    RawPeer peer;
    StreamTeller teller;
    teller.then = [&] {
      if (teller.got.size() % 3 == 0) peer.stream->pause();
    };
    std::string all;
    for (const char c : std::string("0123456789ab")) all += peer.data(std::string(1, c));
    peer.say(all);
    peer.stream->set_handler(&teller);
    for (std::size_t size = 3; size <= 12; size += 3) {
      EXPECT_TRUE(teller.wait_until([&] { return teller.got.size() >= size; }));
      some_turns();
      EXPECT_EQ(teller.got, std::string("0123456789ab").substr(0, size));
      peer.stream->resume();
    }
  });
}

TEST(TlsLoopStream, hundreds_of_records_at_once_let_others_run_between_them) {
  run([] {
    RawPeer peer;
    StreamTeller teller;
    constexpr int kRecords = 400;
    std::string all;
    for (int i = 0; i < kRecords; ++i) all += peer.data("x");
    peer.say(all);
    peer.stream->set_handler(&teller);
    int turns = 0;
    while (teller.got.size() < kRecords) {
      sleep(std::chrono::nanoseconds(1));  // due when the loop has polled
      ++turns;
    }
    EXPECT_GE(turns, kRecords / 20);
  });
}

/// Both ends of TLS, the first as a stream.
std::pair<loop::StreamPtr, TlsStream> tls_pair(std::optional<int> buffers = std::nullopt) {
  static const net::TlsContext any = net::TlsContext::client({.verify = false, .system_roots = false});
  auto [ours, theirs] = tcp_pair();
  if (buffers) {
    ours.set(net::option::send_buffer, *buffers);
    theirs.set(net::option::receive_buffer, *buffers);
  }
  auto server = std::make_unique<TlsStream>(std::move(ours), server_context());
  TlsStream client(std::move(theirs), any);
  auto other = spawn([&] { server->handshake(kLong); });
  client.handshake(kLong);
  other.get();
  return {net::loop_stream(std::move(server)), std::move(client)};
}

TEST(TlsLoopStream, a_peer_that_has_said_its_last_gets_all_of_what_is_retired) {
  run([] {
    auto [stream, client] = tls_pair();
    StreamTeller teller;
    stream->set_handler(&teller);
    client.send_all("question", kLong);
    client.shutdown_write();
    EXPECT_TRUE(teller.wait_until([&] { return teller.eof; }));
    const std::string much(5'000'000, 'm');
    stream->send(much);
    loop::retire(std::move(stream));
    EXPECT_EQ(client.recv_exactly(much.size(), kLong), much);
    EXPECT_EQ(client.recv(1, kLong), "");
  });
}

TEST(TlsLoopStream, a_handler_that_comes_late_is_told_that_it_is_broken) {
  run([] {
    auto [stream, client] = tls_pair();
    StreamTeller teller;
    stream->set_handler(&teller);
    stream->set_handler(nullptr);
    close_hard(client.socket());
    stream->send("into the void");
    some_turns();
    stream->set_handler(&teller);
    EXPECT_TRUE(teller.wait_until([&] { return teller.error.has_value(); }));
  });
}

/// Who takes nothing is found by it.
TEST(TlsLoopStream, what_is_unsent_grows_by_nothing_that_a_peer_asks_for) {
  run([] {
    auto ends = tcp_pair();
    ends.first.set(net::option::receive_buffer, 16'384);  // and the kernel makes no more room as time goes by
    ends.second.set(net::option::send_buffer, 16'384);
    RawPeer peer(std::move(ends));
    StreamTeller teller;
    peer.stream->set_handler(&teller);
    peer.stream->send(std::string(20'000'000, 'm'));
    std::size_t before = 0;
    do {
      before = peer.stream->unsent();
      some_turns();
    } while (peer.stream->unsent() != before);
    for (std::size_t i = 1; i <= 20; ++i) {
      std::string all;
      for (int k = 0; k < 20; ++k) all += peer.client.key_update(true);
      peer.say(all + peer.data("x"));
      EXPECT_TRUE(teller.wait_until([&] { return teller.got.size() == i; }));
    }
    EXPECT_LE(peer.stream->unsent(), before);
    EXPECT_GT(peer.stream->unsent(), 10'000'000u);
  });
}

TEST(TlsLoopStream, what_is_retired_is_with_the_kernel_at_once) {
  run([] {
    auto [stream, client] = tls_pair();
    std::array<char, 100> octets;
    while (client.socket().try_recv(octets) > 0) {
    }  // tickets
    stream->send("last words");
    loop::retire(std::move(stream));
    // Nothing has run since; the hub could end now.
    std::string all;
    for (std::ptrdiff_t size = 0; (size = client.socket().try_recv(octets)) > 0;)
      all.append(octets.data(), static_cast<std::size_t>(size));
    EXPECT_GT(all.size(), 2 * 5 + std::string_view("last words").size());  // and close_notify
  });
}

TEST(TlsLoopStream, the_end_is_said_though_the_kernel_has_room_for_all_but_that) {
  run([] {
    for (std::size_t size = 3000; size < 12'000; size += 97) {
      auto [stream, client] = tls_pair(4608);
      const std::string answer(size, 'a');
      stream->send(answer);
      loop::retire(std::move(stream));
      for (int i = 0; i < 5; ++i) sleep(std::chrono::nanoseconds(1));  // now it is full
      EXPECT_EQ(client.recv_exactly(size, kLong), answer);
      EXPECT_EQ(client.recv(1, kLong), "");
    }
  });
}

TEST(TlsLoopStream, an_idle_connection_is_small) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator tells other figures";
#endif
  run([] {
    std::vector<std::pair<loop::StreamPtr, TlsStream>> all;
    StreamTeller teller;
    const auto add = [&](int count) {
      for (int i = 0; i < count; ++i) {
        all.push_back(tls_pair());
        auto& [stream, client] = all.back();
        teller.got.clear();
        stream->set_handler(&teller);
        client.send_all("ping", kLong);
        EXPECT_TRUE(teller.wait_for("ping"));
        stream->send("pong");
        EXPECT_EQ(client.recv_exactly(4, kLong), "pong");
      }
    };
    constexpr std::size_t kSome = 20;
    constexpr std::size_t kMany = 200;
    all.reserve(kSome + kMany);
    add(kSome);
    const auto in_use = [] {
      const auto info = ::mallinfo2();
      return info.uordblks + info.hblkhd;
    };
    const std::size_t before = in_use();
    add(kMany);
    for (std::size_t i = kSome; i < all.size(); ++i) all[i].second = TlsStream();
    const std::size_t each = (in_use() - before) / kMany;
    RecordProperty("octets", static_cast<int>(each));
    EXPECT_LE(each, 20'000u);
  });
}

TEST(TlsLoopStream, a_child_says_and_hears_nothing) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "starts no threads in a forked child";
#endif
  run([] {
    auto [stream, client] = tls_pair();
    StreamTeller teller;
    stream->set_handler(&teller);
    client.send_all("to the parent", kLong);
    EXPECT_EQ(in_child([&, held = &stream] {
                (*held)->send("from a child");
                (*held)->flush();
                const bool told = teller.wait_until([&] { return teller.drained; });
                held->reset();
                return told && teller.got.empty();
              }),
              0);
    EXPECT_TRUE(teller.wait_for("to the parent"));
    stream->send("from the parent");
    EXPECT_EQ(client.recv_exactly(15, kLong), "from the parent");
    loop::retire(std::move(stream));
    EXPECT_EQ(client.recv(1, kLong), "");
  });
}

TEST(TlsLoopStream, a_child_does_not_wait_for_what_is_the_parents) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "starts no threads in a forked child";
#endif
  run([] {
    auto [stream, client] = tls_pair();
    StreamTeller teller;
    stream->set_handler(&teller);
    some_turns();
    EXPECT_EQ(in_child([&] {
                try {
                  Event().wait();
                } catch (const LoopExit&) {  // nothing of the parent's keeps it waiting
                  return true;
                }
                return false;
              }),
              0);
    client.send_all("hello", kLong);
    EXPECT_TRUE(teller.wait_for("hello"));
  });
}

}  // namespace
}  // namespace verdin::test
