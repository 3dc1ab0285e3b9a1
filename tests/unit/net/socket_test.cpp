#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/socket_pairs.hpp"
#include "support/wanted_loop.hpp"

using namespace std::chrono_literals;
using verdin::net::Address;
using verdin::net::Deadline;
using verdin::net::Errc;
using verdin::net::Family;
using verdin::net::Received;
using verdin::net::Socket;
using verdin::net::SocketType;
using verdin::test::close_hard;
using verdin::test::fill;
using verdin::test::kLong;
using verdin::test::tcp_pair;
namespace net = verdin::net;
namespace option = verdin::net::option;

namespace {

/// A directory for Unix sockets.
class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "verdin-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Address address(const char* name) const { return Address::unix_path((path_ / name).string()); }

 private:
  std::filesystem::path path_;
};

template <typename F>
std::error_code error_of(F&& function) {
  try {
    function();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

/// Lets everything run that can, `turns` polls of the loop long.
void let_run(int turns = 3) {
  for (int i = 0; i < turns; ++i) verdin::sleep(1ms);
}

void expect_conversation(Socket& a, Socket& b) {
  a.send_all("there");
  EXPECT_EQ(b.recv_exactly(5, kLong), "there");
  b.send_all("and back");
  EXPECT_EQ(a.recv_exactly(8, kLong), "and back");
}

void expect_conversation_through(Socket listener) {
  Socket client = Socket::connected(listener.local_address(), kLong);
  Address peer;
  Socket served = listener.accept(peer, kLong);
  EXPECT_EQ(peer, client.local_address());
  EXPECT_EQ(served.peer_address(), client.local_address());
  EXPECT_EQ(served.local_address(), client.peer_address());
  expect_conversation(client, served);
}

// ---- Kinds of sockets.

TEST(WantedLoop, is_the_one_it_runs_on) { verdin::test::expect_the_wanted_loop(); }

TEST(Socket, streams_of_every_family) {
  verdin::run([] {
    const Directory directory;
    expect_conversation_through(Socket::listen(Address::loopback_ipv4(0)));
    expect_conversation_through(Socket::listen(Address::loopback_ipv6(0)));
    expect_conversation_through(Socket::listen(directory.address("stream")));
    expect_conversation_through(
        Socket::listen(Address::unix_abstract("verdin-" + std::to_string(::getpid()))));
    auto [a, b] = Socket::pair();
    expect_conversation(a, b);
  });
}

TEST(Socket, a_dual_stack_listener_lets_ipv4_in_and_another_does_not) {
  verdin::run([] {
    Socket both = Socket::listen(Address::any_ipv6(0));
    const auto port = both.local_address().port();
    Socket client = Socket::connected(Address::loopback_ipv4(port), kLong);
    Address peer;
    Socket served = both.accept(peer, kLong);
    EXPECT_TRUE(peer.is_ipv4_mapped());
    EXPECT_EQ(peer.unmapped(), client.local_address());
    expect_conversation(client, served);
    both.close();

    Socket only = Socket::listen(Address::any_ipv6(0), {.dual_stack = false});
    const Address through_ipv4 = Address::loopback_ipv4(only.local_address().port());
    EXPECT_EQ(error_of([&] { Socket::connected(through_ipv4, kLong); }), std::errc::connection_refused);
  });
}

TEST(Socket, datagrams) {
  verdin::run([] {
    const Directory directory;
    for (const Address& address :
         {Address::loopback_ipv4(0), Address::loopback_ipv6(0), directory.address("d")}) {
      Socket server = Socket::bound(address);
      Socket client(server.family(), SocketType::datagram);
      if (address.is_unix()) client.bind(directory.address("client"));
      client.send_to("hello", server.local_address());
      std::array<char, 100> buffer;
      const Received got = server.recv_from(buffer, kLong);
      EXPECT_EQ(std::string(buffer.data(), got.size), "hello");
      EXPECT_FALSE(got.truncated);
      server.send_to("", got.from);  // one without octets is one, too
      EXPECT_EQ(client.recv_from(buffer, kLong).size, 0U);
    }
  });
}

TEST(Socket, a_datagram_that_is_too_long_is_told_of) {
  verdin::run([] {
    auto [a, b] = Socket::pair(SocketType::datagram);
    a.send_all("0123456789");
    std::array<char, 4> small;
    const Received got = b.recv_from(small, kLong);
    EXPECT_EQ(got.size, 4U);
    EXPECT_TRUE(got.truncated);
    Socket udp(Family::ipv4, SocketType::datagram);
    EXPECT_EQ(error_of([&] { udp.send_to(std::string(70'000, 'x'), Address::loopback_ipv4(9)); }),
              std::errc::message_size);
  });
}

TEST(Socket, of_datagrams_that_is_connected_is_told_that_nobody_is_there) {
  verdin::run([] {
    Socket gone = Socket::bound(Address::loopback_ipv4(0));
    Socket client(Family::ipv4, SocketType::datagram);
    client.connect(gone.local_address());
    gone.close();
    client.send_all("anybody?");
    EXPECT_EQ(error_of([&] { client.recv(10, kLong); }), std::errc::connection_refused);
  });
}

TEST(Socket, seqpackets_keep_their_bounds) {
  verdin::run([] {
    const Directory directory;
    Socket listener(Family::unix_domain, SocketType::seqpacket);
    listener.bind(directory.address("seq"));
    listener.listen();
    Socket client(Family::unix_domain, SocketType::seqpacket);
    client.connect(listener.local_address(), kLong);
    Socket served = listener.accept(kLong);
    client.send_all("one");
    const std::array<std::string_view, 2> pieces{"tw", "o"};
    client.send_all(pieces);
    EXPECT_EQ(served.recv(100, kLong), "one");
    EXPECT_EQ(served.recv(100, kLong), "two");
    client.close();
    EXPECT_EQ(served.recv(100, kLong), "");
  });
}

TEST(Socket, knows_its_state) {
  verdin::run([] {
    Socket none;
    EXPECT_TRUE(none.closed());
    EXPECT_EQ(none.fd(), -1);
    EXPECT_THROW(none.recv(1), net::Closed);
    EXPECT_THROW(none.listen(), net::Closed);
    none.close();

    Socket socket(Family::ipv4, SocketType::stream);
    EXPECT_TRUE(socket.open());
    EXPECT_FALSE(socket.is_bound());
    EXPECT_FALSE(socket.is_listening());
    EXPECT_EQ(socket.family(), Family::ipv4);
    EXPECT_EQ(socket.type(), SocketType::stream);
    socket.bind(Address::loopback_ipv4(0));
    EXPECT_TRUE(socket.is_bound());
    socket.listen();
    EXPECT_TRUE(socket.is_listening());
    EXPECT_FALSE(socket.is_connected());
    EXPECT_FALSE(socket.readable());
    EXPECT_FALSE(socket.try_accept());

    Socket client = Socket::connected(socket.local_address(), kLong);
    EXPECT_TRUE(client.is_connected());
    EXPECT_TRUE(client.writable());
    EXPECT_FALSE(client.readable());
    EXPECT_TRUE(socket.wait_read(kLong));
    Address peer;
    auto served = socket.try_accept(&peer);
    ASSERT_TRUE(served);
    EXPECT_EQ(peer, client.local_address());
    served->send_all("x");
    EXPECT_TRUE(client.wait_read(kLong));
    EXPECT_FALSE(served->wait_read(1ms));

    socket.close();
    socket.close();
    EXPECT_TRUE(socket.closed());
    EXPECT_FALSE(socket.local_address());
  });
}

TEST(Socket, that_was_accepted_has_no_limits_of_its_listener) {
  verdin::run([] {
    Socket listener = Socket::listen(Address::loopback_ipv4(0));
    listener.set_timeout(kLong);
    const Socket client = Socket::connected(listener.local_address(), kLong);
    Socket accepted = listener.accept();
    EXPECT_EQ(accepted.timeout(), std::nullopt);
    EXPECT_EQ(listener.timeout(), std::optional<Deadline::Clock::duration>(kLong));
    EXPECT_EQ(client.timeout(), std::nullopt);
  });
}

TEST(Socket, is_moved_duplicated_given_away_and_adopted) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    b.send_all("line\nmore");
    EXPECT_EQ(a.recv_until("\n", 100, kLong), "line");
    Socket moved = std::move(a);
    EXPECT_TRUE(a.closed());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(a.buffered(), 0U);
    EXPECT_EQ(moved.recv_exactly(4, kLong), "more");  // what it had read moved with it

    Socket copy = moved.duplicate();
    moved.close();
    expect_conversation(copy, b);

    const int fd = copy.release();
    EXPECT_TRUE(copy.closed());
    Socket adopted = Socket::adopt(fd);
    EXPECT_EQ(adopted.type(), SocketType::stream);
    expect_conversation(adopted, b);
    EXPECT_EQ(error_of([] { Socket::adopt(STDERR_FILENO + 1000); }), std::errc::bad_file_descriptor);
  });
}

// ---- Reading and writing.

TEST(Recv, tries_first_and_does_not_switch) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    bool other_ran = false;
    auto other = verdin::spawn([&] { other_ran = true; });
    a.send_all("now");
    EXPECT_EQ(b.recv(100), "now");
    EXPECT_FALSE(other_ran);
    other.join();
  });
}

TEST(Recv, after_a_short_read_sees_what_comes_and_the_end) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    for (int i = 0; i < 100; ++i) {
      a.send_all("ping");
      EXPECT_EQ(b.recv(100, kLong), "ping");
      EXPECT_THROW(b.recv(100, i % 3 == 0 ? 0ms : 1ms), net::TimedOut);
    }
    a.send_all("last");
    a.shutdown_write();
    EXPECT_EQ(b.recv(100, kLong), "last");
    EXPECT_EQ(b.recv(100, kLong), "");
    EXPECT_EQ(b.recv(100, kLong), "");
    // It is there already, so no time at all is enough.
    b.send_all("more");
    ASSERT_TRUE(a.wait_read(kLong));
    EXPECT_EQ(a.recv(2, 0s), "mo");
    EXPECT_EQ(a.recv(2, 0s), "re");
  });
}

TEST(Recv, exactly_and_until_take_what_comes_in_pieces_and_leave_the_rest) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    auto writer = verdin::spawn([&, &a = a] {
      for (const char octet : std::string("first\r\nsecond\r\n\r\nbody+rest")) {
        a.send_all({&octet, 1});
        verdin::yield();
      }
      a.shutdown_write();
    });
    EXPECT_EQ(b.recv_until("\r\n", 100, kLong), "first");
    EXPECT_EQ(b.recv_until("\r\n", 100, kLong), "second");
    EXPECT_EQ(b.recv_until("\r\n", 100, kLong), "");
    EXPECT_EQ(b.recv_exactly(4, kLong), "body");
    EXPECT_EQ(b.recv_all(100, kLong), "+rest");
    EXPECT_EQ(b.recv_all(100, kLong), "");
    writer.join();
  });
}

TEST(Recv, keeps_to_its_limits) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    a.send_all("0123456789\nabc");
    EXPECT_THROW(b.recv_until("\n", 9, kLong), net::TooLong);
    EXPECT_EQ(b.recv_until("\n", 10, kLong), "0123456789");
    EXPECT_THROW(b.recv_until("\n", 2, kLong), net::TooLong);
    EXPECT_EQ(b.recv_exactly(1), "a");
    a.close();
    EXPECT_THROW(b.recv_all(1, kLong), net::TooLong);
    EXPECT_THROW(b.recv_until("\n", 100, kLong), net::EndOfStream);
    std::array<char, 3> three;
    EXPECT_THROW(b.recv_exactly(three, kLong), net::EndOfStream);
    EXPECT_EQ(b.buffered(), 2U);
    EXPECT_EQ(b.recv_all(2, kLong), "bc");
    EXPECT_THROW(b.recv_until("", 100), std::invalid_argument);
  });
}

TEST(Recv, that_is_ended_loses_nothing) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    a.send_all("begin");
    EXPECT_THROW(b.recv_exactly(10, 1ms), net::TimedOut);
    EXPECT_EQ(b.buffered(), 5U);
    std::array<char, 10> ten;
    EXPECT_FALSE(verdin::with_timeout(1ms, [&, &b = b] { b.recv_exactly(ten); }));
    auto killed = verdin::spawn([&, &b = b] { b.recv_until("!", 100); });
    let_run();
    killed.kill();
    a.send_all("+end!");
    EXPECT_EQ(b.recv_until("!", 100, kLong), "begin+end");
  });
}

TEST(Recv, limits_the_whole_call_however_often_something_comes) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    auto drip = verdin::spawn([&, &a = a] {
      for (;;) {
        a.send_all(".");
        verdin::sleep(2ms);
      }
    });
    EXPECT_THROW(b.recv_exactly(1'000'000, 30ms), net::TimedOut);
    b.set_timeout(30ms);
    EXPECT_THROW(b.recv_until("!", 1'000'000), net::TimedOut);
    EXPECT_FALSE(b.recv(1, Deadline::never()).empty());
    drip.kill();
  });
}

TEST(Recv, stores_errors_where_it_is_asked_to) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    std::array<char, 10> buffer;
    std::error_code error;
    EXPECT_EQ(b.recv(buffer, error, 0s), 0U);
    EXPECT_EQ(error, Errc::timed_out);
    EXPECT_EQ(error, std::errc::timed_out);
    EXPECT_EQ(b.try_recv(buffer), -1);
    a.send_all("abc");
    EXPECT_EQ(b.recv(buffer, error, kLong), 3U);
    EXPECT_FALSE(error);
    close_hard(a);
    b.recv(buffer, error, kLong);
    EXPECT_EQ(error, std::errc::connection_reset);
    b.close();
    b.recv(buffer, error, kLong);
    EXPECT_EQ(error, Errc::closed);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
  });
}

TEST(Send, gets_everything_through_to_a_slow_reader) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    a.set(option::send_buffer, 4096);
    std::string data(3'000'000, '\0');
    std::iota(data.begin(), data.end(), '\0');
    auto writer = verdin::spawn([&, &a = a] {
      const std::array<std::string_view, 5> pieces{std::string_view(data).substr(0, 1), "",
                                                   std::string_view(data).substr(1, 1'000'000),
                                                   std::string_view(data).substr(1'000'001), ""};
      a.send_all(pieces, kLong);
      a.send_all("");
      a.shutdown_write();
    });
    EXPECT_TRUE(b.recv_all(data.size(), kLong) == data);
    writer.get();
  });
}

TEST(Send, of_more_pieces_than_one_call_takes) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    const std::string piece(100, 'p');
    const std::vector<std::string_view> pieces(1000, piece);
    auto writer = verdin::spawn([&, &a = a] { a.send_all(pieces, kLong); });
    EXPECT_EQ(b.recv_exactly(100'000, kLong), std::string(100'000, 'p'));
    writer.get();
  });
}

TEST(Send, to_a_peer_that_never_reads_ends_at_its_limit) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    const std::size_t full = fill(a);
    EXPECT_GT(full, 0U);
    EXPECT_EQ(a.try_send("x"), -1);
    EXPECT_FALSE(a.wait_write(5ms));
    std::error_code error;
    EXPECT_LT(a.send_all(std::string(50'000'000, 'x'), error, 5ms), 50'000'000U);
    EXPECT_EQ(error, Errc::timed_out);
    EXPECT_THROW(a.send_all(std::string(50'000'000, 'x'), 5ms), net::TimedOut);
  });
}

TEST(Send, to_one_that_has_gone_is_an_error_and_no_signal) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    close_hard(b);
    EXPECT_EQ(error_of([&, &a = a] {
                for (;;) a.send_all("hello", kLong);
              }),
              std::errc::connection_reset);
    EXPECT_EQ(error_of([&, &a = a] { a.send_all("hello", kLong); }), std::errc::broken_pipe);
    auto [c, d] = Socket::pair();
    d.close();
    EXPECT_EQ(error_of([&, &c = c] { c.send_all("hello", kLong); }), std::errc::broken_pipe);
  });
}

TEST(Send, one_that_waits_is_woken_when_its_peer_goes) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    fill(a);
    std::error_code error;
    auto writer = verdin::spawn([&, &a = a] { a.send_all(std::string(10'000'000, 'x'), error); });
    let_run();
    close_hard(b);
    writer.join();
    EXPECT_TRUE(error == std::errc::connection_reset || error == std::errc::broken_pipe) << error;
  });
}

TEST(Send, a_file) {
  verdin::run([] {
    std::FILE* const file = std::tmpfile();
    std::string data(2'500'000, '\0');
    std::iota(data.begin(), data.end(), '\0');
    ASSERT_EQ(std::fwrite(data.data(), 1, data.size(), file), data.size());
    std::fflush(file);
    auto [a, b] = tcp_pair();
    auto reader = verdin::spawn([&, &b = b] { return b.recv_all(data.size() * 2, kLong); });
    EXPECT_EQ(a.send_file(::fileno(file), 1, 2'000'000, kLong), 2'000'000U);
    EXPECT_EQ(a.send_file(::fileno(file), 2'000'001, 10'000'000, kLong), 499'999U);  // to its end
    a.shutdown_write();
    EXPECT_TRUE(reader.get() == data.substr(1));
    EXPECT_EQ(error_of([&, &a = a] { a.send_file(::fileno(file), 0, 1, kLong); }), std::errc::broken_pipe);
    std::fclose(file);
  });
}

TEST(Send, without_copying) {
  verdin::run([] {
    for (const bool tcp : {true, false}) {  // a Unix socket cannot, and gets copies
      auto [a, b] = tcp ? tcp_pair() : Socket::pair();
      const std::string data(1'000'000, 'z');
      auto reader = verdin::spawn([&, &b = b] { return b.recv_all(data.size() * 2, kLong); });
      a.send_zero_copy(verdin::SharedBuffer::copy(data), kLong);
      a.send_zero_copy(verdin::SharedBuffer::copy("tail"), kLong);
      a.shutdown_write();
      EXPECT_TRUE(reader.get() == data + "tail");
      auto [c, d] = tcp ? tcp_pair() : Socket::pair();
      EXPECT_THROW(c.send_zero_copy(verdin::SharedBuffer::copy(std::string(20'000'000, 'z')), 5ms),
                   net::TimedOut);
    }
  });
}

// ---- Several greenlets.

TEST(OneSocket, a_reader_and_a_writer_at_once_are_fine_and_a_second_of_either_is_refused) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    fill(a);
    auto reader = verdin::spawn([&, &a = a] { return a.recv(10, kLong); });
    auto writer = verdin::spawn([&, &a = a] { a.send_all("end", kLong); });
    let_run();
    EXPECT_THROW(a.recv(10), net::ConcurrentUse);
    EXPECT_THROW(a.wait_read(kLong), net::ConcurrentUse);
    EXPECT_THROW(a.send_all("x"), net::ConcurrentUse);
    b.send_all("hello");
    EXPECT_EQ(reader.get(), "hello");
    while (!writer.ready()) b.recv(100'000, kLong);
    writer.get();
    b.send_all("again");
    EXPECT_EQ(a.recv(10, kLong), "again");
  });
}

TEST(OneSocket, what_one_reader_has_collected_is_not_for_another) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    for (int way = 0; way < 2; ++way) {
      auto reader = verdin::spawn(
          [&, &b = b] { return way == 0 ? b.recv_exactly(4, kLong) : b.recv_until("!", 9, kLong); });
      a.send_all("ab");
      let_run();
      std::array<char, 10> buffer;
      EXPECT_THROW(b.recv(buffer, kLong), net::ConcurrentUse);
      EXPECT_THROW(b.recv(10, kLong), net::ConcurrentUse);
      EXPECT_THROW(b.recv_all(10, kLong), net::ConcurrentUse);
      a.send_all(way == 0 ? "cd" : "cd!");
      EXPECT_EQ(reader.get(), "abcd");
    }
  });
}

TEST(OneSocket, close_wakes_all_who_wait_before_its_number_is_anothers) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    fill(a);
    std::error_code read_error;
    std::error_code write_error;
    std::array<char, 10> buffer;
    auto reader = verdin::spawn([&, &a = a] { a.recv(buffer, read_error); });
    auto writer = verdin::spawn([&, &a = a] { a.send_all("x", write_error); });
    let_run();
    const int number = a.fd();
    a.close();
    a.close();
    auto [c, d] = Socket::pair();
    ASSERT_TRUE(c.fd() == number || d.fd() == number);  // the kernel gives the lowest
    Socket& heir = c.fd() == number ? c : d;
    (c.fd() == number ? d : c).send_all("not yours");
    reader.join();
    writer.join();
    EXPECT_EQ(read_error, Errc::closed);
    EXPECT_EQ(write_error, Errc::closed);
    EXPECT_EQ(heir.recv(100, kLong), "not yours");
  });
}

TEST(OneSocket, close_wakes_who_accepts_and_who_connects) {
  verdin::run([] {
    Socket listener = Socket::listen(Address::loopback_ipv4(0));
    auto accepting = verdin::spawn([&] { return error_of([&] { listener.accept(); }); });
    let_run();
    EXPECT_THROW(listener.try_accept(), net::ConcurrentUse);
    listener.close();
    EXPECT_EQ(accepting.get(), Errc::closed);

    const Directory directory;
    Socket full = Socket::listen(directory.address("full"), {.backlog = 0});
    Socket first = Socket::connected(full.local_address(), kLong);
    Socket second(Family::unix_domain, SocketType::stream);
    EXPECT_THROW(second.connect(full.local_address(), 5ms), net::TimedOut);
    auto connecting = verdin::spawn([&] { return error_of([&] { second.connect(full.local_address()); }); });
    let_run();
    second.close();
    EXPECT_EQ(connecting.get(), Errc::closed);

    Socket third(Family::unix_domain, SocketType::stream);
    auto late = verdin::spawn([&] { third.connect(full.local_address(), kLong); });
    let_run();
    Socket served = full.accept(kLong);
    Socket served_too = full.accept(kLong);
    late.get();
    expect_conversation(third, served_too);
  });
}

TEST(OneSocket, shutdown_wakes_its_side) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    auto reader = verdin::spawn([&, &a = a] { return a.recv(10); });
    let_run();
    a.shutdown_read();
    EXPECT_EQ(reader.get(), "");
    fill(a);
    auto writer = verdin::spawn([&, &a = a] { return error_of([&, &a = a] { a.send_all("x"); }); });
    let_run();
    a.shutdown_write();
    EXPECT_EQ(writer.get(), std::errc::broken_pipe);
  });
}

TEST(OneSocket, stays_usable_when_its_reader_is_killed) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    for (int i = 0; i < 2; ++i) {
      auto reader = verdin::spawn([&, &b = b] { b.recv(10); });
      let_run(1);
      if (i == 1) a.send_all("!");  // on its way when the kill comes
      reader.kill();
    }
    a.send_all("kept");
    EXPECT_EQ(b.recv_exactly(5, kLong), "!kept");
  });
}

TEST(OneSocket, that_always_has_data_does_not_keep_others_from_running) {
  verdin::run([] {
    auto [a, b] = Socket::pair();
    a.send_all(std::string(50'000, 'x'));
    bool other_ran = false;
    auto other = verdin::spawn([&] { other_ran = true; });
    int read = 0;
    while (!other_ran && read < 50'000) read += static_cast<int>(b.recv(1).size());
    EXPECT_TRUE(other_ran);
    EXPECT_LT(read, 50'000);
    other.join();
  });
}

TEST(OneSocket, may_be_used_in_one_hub_after_another_but_not_in_two) {
  Socket a;
  Socket b;
  verdin::run([&] {
    std::tie(a, b) = tcp_pair();
    EXPECT_THROW(b.recv(1, 1ms), net::TimedOut);
    std::thread([&] { EXPECT_THROW(verdin::run([&] { b.recv(1, kLong); }), verdin::WrongThread); }).join();
  });
  a.send_all("outside of a hub");  // needs no wait
  EXPECT_EQ(b.recv_exactly(16), "outside of a hub");
  EXPECT_THROW(b.recv(1), verdin::BlockingSwitchOutError);
  verdin::run([&] {
    auto writer = verdin::spawn([&] { a.send_all("x"); });
    EXPECT_EQ(b.recv(1, kLong), "x");
    writer.join();
  });
}

TEST(OneSocket, that_nobody_ever_writes_to_is_a_deadlock_only_without_a_peer) {
  // The other end may be another process: a wait keeps the loop busy, and a limit ends it.
  verdin::run([] {
    auto [a, b] = Socket::pair();
    EXPECT_THROW(a.recv(1, 20ms), net::TimedOut);
    EXPECT_THROW(verdin::Event().wait(), verdin::LoopExit);  // nothing of the sockets waits any more
  });
}

TEST(OneSocket, is_unwound_with_its_hub) {
  std::weak_ptr<Socket> unwound;
  Socket peer;
  verdin::run([&] {
    auto [a, b] = Socket::pair();
    auto socket = std::make_shared<Socket>(std::move(a));
    unwound = socket;
    peer = std::move(b);
    verdin::spawn_detached([socket = std::move(socket)] { socket->recv(1); });
    let_run();
    EXPECT_FALSE(unwound.expired());
  });
  EXPECT_TRUE(unwound.expired());
  EXPECT_TRUE(peer.readable());  // its end
}

// ---- Connecting, ending.

TEST(Connect, to_nobody_is_refused) {
  verdin::run([] {
    Socket gone = Socket::listen(Address::loopback_ipv4(0));
    const Address address = gone.local_address();
    gone.close();
    EXPECT_EQ(error_of([&] { Socket::connected(address, kLong); }), std::errc::connection_refused);
    EXPECT_EQ(error_of([&] { Socket::connected(Address::unix_path("/none/here"), kLong); }),
              std::errc::no_such_file_or_directory);
  });
}

TEST(Close, politely_waits_for_the_peer_and_no_longer_than_allowed) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    a.send_all("the answer");
    b.send_all("something that nobody reads");
    auto closing = verdin::spawn([&, &a = a] { a.close_politely(kLong); });
    EXPECT_EQ(b.recv_all(100, kLong), "the answer");
    b.close();
    closing.get();
    EXPECT_TRUE(a.closed());

    auto [c, d] = tcp_pair();
    c.close_politely(5ms);
    EXPECT_TRUE(c.closed());
  });
}

// ---- Options.

TEST(Options, are_read_as_they_were_set) {
  verdin::run([] {
    auto [a, b] = tcp_pair();
    EXPECT_TRUE(b.get(option::no_delay));  // the listener's
    a.set(option::no_delay, false);
    EXPECT_FALSE(a.get(option::no_delay));
    a.set_keep_alive(net::KeepAlive{.idle = 33s, .interval = 7s, .count = 4});
    EXPECT_TRUE(a.get(option::keep_alive));
    EXPECT_EQ(a.get(option::keep_alive_idle), 33s);
    EXPECT_EQ(a.get(option::keep_alive_interval), 7s);
    EXPECT_EQ(a.get(option::keep_alive_count), 4);
    a.set_keep_alive(std::nullopt);
    EXPECT_FALSE(a.get(option::keep_alive));
    a.set(option::linger, std::optional(9s));
    EXPECT_EQ(a.get(option::linger), 9s);
    a.set(option::linger, std::nullopt);
    EXPECT_EQ(a.get(option::linger), std::nullopt);
    a.set(option::user_timeout, 1234ms);
    EXPECT_EQ(a.get(option::user_timeout), 1234ms);
    a.set(option::send_buffer, 20'000);
    EXPECT_GE(a.get(option::send_buffer), 20'000);
    a.set(option::ttl, 5);
    EXPECT_EQ(a.get(option::ttl), 5);
    EXPECT_EQ(error_of([&, &a = a] { a.set(option::v6_only, true); }), std::errc::no_protocol_option);
    EXPECT_THROW(a.set(option::keep_alive_idle, std::chrono::hours(1'000'000'000)), std::invalid_argument);

    int type = 0;
    a.get_option(SOL_SOCKET, SO_TYPE, std::as_writable_bytes(std::span(&type, 1)));
    EXPECT_EQ(type, SOCK_STREAM);
  });
}

TEST(Options, a_shared_port_and_groups) {
  verdin::run([] {
    Socket first = Socket::listen(Address::loopback_ipv4(0), {.reuse_port = true});
    const Socket second = Socket::listen(first.local_address(), {.reuse_port = true});
    EXPECT_EQ(error_of([&] { Socket::listen(first.local_address()); }), std::errc::address_in_use);

    Socket udp = Socket::bound(Address::any_ipv4(0));
    udp.set(option::broadcast, true);
    EXPECT_TRUE(udp.get(option::broadcast));
    const Address group = Address::parse("239.255.77.1", 0);
    udp.join_group(group, ::if_nametoindex("lo"));
    udp.leave_group(group, ::if_nametoindex("lo"));
    EXPECT_EQ(error_of([&] { udp.leave_group(group, ::if_nametoindex("lo")); }),
              std::errc::address_not_available);
    EXPECT_THROW(udp.join_group(Address::loopback_ipv4(0)), std::invalid_argument);
  });
}

TEST(NetErrors, are_system_errors_with_conditions) {
  EXPECT_EQ(std::error_code(Errc::timed_out), std::errc::timed_out);
  EXPECT_EQ(std::error_code(Errc::closed), std::errc::bad_file_descriptor);
  EXPECT_EQ(std::error_code(Errc::too_long), std::errc::message_size);
  EXPECT_NE(std::error_code(Errc::end_of_stream), std::errc::timed_out);
  EXPECT_STREQ(net::error_category().name(), "verdin.net");
  try {
    net::throw_error(Errc::closed, "recv");
  } catch (const net::Closed& error) {
    EXPECT_STREQ(error.what(), "verdin: recv: the socket is closed");
  }
}

}  // namespace
