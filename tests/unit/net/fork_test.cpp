// What a forked child may do with its parent's connections and servers, and that the parent sees nothing of
// it.
#if !defined(__SANITIZE_THREAD__)  // which starts no threads in a forked child

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/net/console.hpp>
#include <verdin/net/datagram_server.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/file.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/poll.hpp>
#include <verdin/net/process.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/signal.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/certificates.hpp"
#include "support/forks.hpp"
#include "support/socket_pairs.hpp"

namespace verdin::test {
namespace {

using net::Socket;
using net::TlsStream;

/// Is everything as it should be? In a child, whose end is all that its parent hears of.
class Verdict {
 public:
  Verdict& expect(bool holds, const char* what) {
    if (!holds) std::fprintf(stderr, "in the child: not so: %s\n", what);
    well_ = well_ && holds;
    return *this;
  }
  operator bool() const { return well_; }

 private:
  bool well_ = true;
};

template <typename F>
std::optional<std::error_code> error_in(const F& call) {
  try {
    call();
    return std::nullopt;
  } catch (const std::system_error& error) {
    return error.code();
  }
}

/// There is nothing to wait for.
bool nothing_can_happen() {
  try {
    Event().wait();
  } catch (const LoopExit&) {
    return true;
  }
  return false;
}

class PathOfSocket {
 public:
  std::string text() const { return folder_ + "/socket"; }
  net::Address address() const { return net::Address::unix_path(text()); }
  bool is_there() const { return std::filesystem::exists(text()); }
  PathOfSocket() = default;
  PathOfSocket(const PathOfSocket&) = delete;
  PathOfSocket& operator=(const PathOfSocket&) = delete;
  ~PathOfSocket() { std::filesystem::remove_all(folder_); }

 private:
  static std::string make() {
    char name[] = "/tmp/verdin-fork-XXXXXX";
    return ::mkdtemp(name);
  }
  const std::string folder_ = make();
};

struct TlsEnds {
  TlsEnds() : TlsEnds(tcp_pair()) {}
  explicit TlsEnds(std::pair<Socket, Socket> ends)
      : client(std::move(ends.first), client_context(), "one.test"),
        server(std::move(ends.second), server_context()) {
    auto other = spawn([this] { server.handshake(kLong); });
    client.handshake(kLong);
    other.get();
  }
  static const Certificates& files() {
    static const struct Signed : Certificates {
      Signed() { sign("one", "DNS:one.test"); }
    } all;
    return all;
  }
  static net::TlsContext client_context() {
    net::TlsClientOptions options;
    options.system_roots = false;
    options.ca_file = files().path("ca.pem");
    return net::TlsContext::client(options);
  }
  static net::TlsContext server_context() {
    return net::TlsContext::server(
        {.identities = {{.certificate_file = files().path("one.pem"), .key_file = files().path("one.key")}}});
  }
  std::string to_client(const std::string& text) {
    server.send_all(text, kLong);
    return client.recv_exactly(text.size(), kLong);
  }
  TlsStream client;
  TlsStream server;
};

TEST(ForkedNet, a_tls_stream_is_of_no_use_and_ends_without_a_word) {
  run([] {
    TlsEnds closed, destroyed, used, read_by_the_parent;
    auto reader = spawn([&] { return read_by_the_parent.client.recv_until("\n", 100, kLong); });
    yield();
    EXPECT_EQ(in_child([&] {
                closed.server.close();
                { const TlsStream gone = std::move(destroyed.server); }
                Verdict verdict;
                char octet = 0;
                const auto refused = [&](const char* what, const std::function<void()>& call) {
                  verdict.expect(error_in(call) == net::TlsErrc::of_parent, what);
                };
                refused("send", [&] { used.server.send_all("forged", kLong); });
                refused("recv", [&] { used.server.recv({&octet, 1}, kLong); });
                refused("handshake", [&] { used.server.handshake(kLong); });
                refused("shutdown", [&] { used.server.shutdown_write(kLong); });
                refused("one that a greenlet of the parent reads",
                        [&] { read_by_the_parent.client.recv_until("\n", 100, kLong); });
                TlsEnds own;
                return verdict.expect(own.to_client("in the child") == "in the child", "its own work");
              }),
              0);
    EXPECT_EQ(closed.to_client("go on"), "go on");
    EXPECT_EQ(destroyed.to_client("go on"), "go on");
    EXPECT_EQ(used.to_client("go on"), "go on");
    read_by_the_parent.server.send_all("a line\n", kLong);
    EXPECT_EQ(reader.get(), "a line");
  });
}

TEST(ForkedNet, nobody_is_in_the_way_of_who_reads_there) {
  run([] {
    auto [line, line_peer] = Socket::pair();
    auto [polled, polled_peer] = Socket::pair();
    Pipe pipe = make_pipe(false, false);
    auto file = File::borrow(pipe.read.get());
    net::Poller poller;
    poller.add(polled.fd(), loop::Interest::read);
    Process process({"sleep", "60"});
    line_peer.send_all("half a ", kLong);
    std::vector<Greenlet<>> parents;
    parents.push_back(spawn([&] { line.recv_until("\n", 100, kLong); }));
    parents.push_back(spawn([&] { poller.wait(kLong); }));
    parents.push_back(spawn([&] { process.wait(); }));
    parents.push_back(spawn([&] { static_cast<void>(file.read_line()); }));
    for (int i = 0; i < 3; ++i) yield();
    EXPECT_EQ(in_child([&] {
                Verdict verdict;
                verdict.expect(nothing_can_happen(), "nothing keeps it waiting");
                line_peer.send_all("line\n", kLong);
                verdict.expect(line.recv_until("\n", 100, kLong) == "half a line", "recv_until");
                polled_peer.send_all("x", kLong);
                verdict.expect(poller.wait(kLong).size() == 1, "Poller");
                polled.recv(10, kLong);
                verdict.expect(::write(pipe.write.get(), "of a file\n", 10) == 10, "write");
                verdict.expect(file.read_line() == "of a file", "File");
                verdict.expect(error_in([&] { process.wait(); }) == std::errc::no_child_process, "wait()");
                process.kill();  // somebody else's
                return verdict;
              }),
              0);
    EXPECT_EQ(process.poll(), std::nullopt);
    kill_all(parents);
    process.kill();
    EXPECT_EQ(process.wait(), -SIGKILL);
  });
}

TEST(ForkedNet, sends_without_copying_are_the_parents_to_wait_for) {
  run([] {
    auto [sender, receiver] = tcp_pair();
    const SharedBuffer data = SharedBuffer::copy(std::string(40'000'000, 'z'));
    auto other = spawn([&] { sender.send_zero_copy(data, kLong); });
    do {
      yield();
    } while (sender.writable());
    ASSERT_FALSE(other.ready());
    EXPECT_EQ(in_child([&] {
                Socket copy = sender.duplicate();
                copy.close();
                sender.close();
                return true;
              }),
              0);
    EXPECT_EQ(sender.get(net::option::linger), std::nullopt);
    EXPECT_TRUE(receiver.recv_exactly(data.size(), kLong) == data.view());
    other.get();
  });
}

TEST(ForkedNet, a_stream_server_is_not_started_and_leaves_its_path) {
  run([] {
    const PathOfSocket path;
    int served = 0;
    auto server = std::make_unique<net::StreamServer>(
        path.address(),
        [&](Socket& socket, const net::Address&) {
          ++served;
          while (!socket.recv(10, kLong).empty()) socket.send_all(std::to_string(::getpid()), kLong);
        },
        net::StreamServerOptions{.max_connections = 2});
    server->start();
    const std::string parent = std::to_string(::getpid());
    Socket first = Socket::connected(path.address(), kLong);
    const auto ask = [](Socket& socket) {
      socket.send_all("?", kLong);
      return socket.recv(100, kLong);
    };
    EXPECT_EQ(ask(first), parent);
    for (const bool destroyed : {false, true}) {
      EXPECT_EQ(in_child([&] {
                  Verdict verdict;
                  verdict.expect(!server->started() && server->connections() == 0, "it is not started");
                  if (destroyed) {
                    server.reset();
                    return verdict;
                  }
                  verdict.expect(server->drain(kLong), "there is nothing to wait for");
                  verdict.expect(!server->started() && path.is_there(), "its path stays");
                  verdict.expect(error_in([&] { server->start(); }) == std::errc::address_in_use, "start()");
                  return verdict;
                }),
                0);
      EXPECT_TRUE(path.is_there());
      EXPECT_EQ(server->connections(), 1U);
      EXPECT_EQ(ask(first), parent);
      Socket another = Socket::connected(path.address(), kLong);
      EXPECT_EQ(ask(another), parent);
      another.close();
      while (server->connections() > 1) sleep(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(in_child([&] {  // as many processes as are wanted accept from one listener
                server->start();
                Verdict verdict;
                std::string who;
                for (int i = 0; i < 1000 && who != std::to_string(::getpid()); ++i) {
                  Socket own = Socket::connected(path.address(), kLong);
                  own.send_all("?", kLong);
                  who = own.recv(100, kLong);
                }
                verdict.expect(!who.empty(), "somebody answers");
                server.reset();
                return verdict.expect(path.is_there(), "its path stays");
              }),
              0);
    EXPECT_EQ(ask(first), parent);
    server->stop();
    EXPECT_FALSE(path.is_there());
  });
}

/// run(), of which a child that a handler has forked comes back when that handler ends; what this is called
/// with is how it ends then.
template <typename F>
void run_or_end(const F& body, const std::function<bool()>& well_in_child) {
  const pid_t parent = ::getpid();
  try {
    run(body);
  } catch (const GreenletKilled&) {  // the one that is not in the child
    if (::getpid() == parent) throw;
  }
  if (::getpid() != parent) ::_exit(well_in_child() ? 0 : 1);
}

TEST(ForkedNet, a_connection_whose_handler_forks_is_not_counted_twice) {
  run_or_end(
      [] {
        net::StreamServer server(net::Address::loopback_ipv4(0), [&](Socket& socket, const net::Address&) {
          socket.recv_exactly(1, kLong);
          await_monitor();
          const pid_t child = ::fork();
          if (child == 0) {
            ::alarm(60);
            socket.send_all(server.connections() == 0 && !server.started() ? "child " : "wrong ", kLong);
            return;  // and with it run()
          }
          int status = -1;
          ::waitpid(child, &status, 0);
          socket.send_all(status == 0 ? "parent" : "failed", kLong);
        });
        server.start();
        Socket client = Socket::connected(server.address(), kLong);
        Socket idle = Socket::connected(server.address(), kLong);
        client.send_all("x", kLong);
        EXPECT_EQ(client.recv_all(100, kLong), "child parent");
        while (server.connections() > 1) sleep(std::chrono::milliseconds(1));
        idle.close();
        EXPECT_TRUE(server.drain(kLong));
      },
      [] { return true; });
}

TEST(ForkedNet, a_datagram_server_is_not_started) {
  run([] {
    Event go;
    int handled = 0;
    net::DatagramServer server(net::Address::loopback_ipv4(0),
                               [&](net::DatagramServer::Datagram& datagram) {
                                 ++handled;
                                 if (datagram.data == "wait") go.wait();
                                 datagram.reply("answer to " + std::string(datagram.data));
                               },
                               {.max_handlers = 2});
    server.start();
    Socket client(net::Family::ipv4, net::SocketType::datagram);
    client.bind(net::Address::loopback_ipv4(0));
    const auto ask = [&](const std::string& what) {
      std::array<char, 100> buffer{};
      client.send_to(what, server.address(), kLong);
      const net::Received got = client.recv_from(buffer, kLong);
      return std::string(buffer.data(), got.size);
    };
    client.send_to("wait", server.address(), kLong);
    while (server.handlers() == 0) yield();
    EXPECT_EQ(in_child([&] {
                Verdict verdict;
                verdict.expect(!server.started() && server.handlers() == 0, "it is not started");
                server.stop();
                return verdict;
              }),
              0);
    EXPECT_EQ(ask("one"), "answer to one");
    EXPECT_EQ(in_child([&] {  // with the places of those who are gone
                server.start();
                bool well = true;
                for (int i = 0; i < 5; ++i) well = ask("more") == "answer to more" && well;
                return well;
              }),
              0);
    go.set();
    std::array<char, 100> buffer{};
    EXPECT_EQ(client.recv_from(buffer, kLong).size, std::string("answer to wait").size());
  });
}

TEST(ForkedNet, a_console_keeps_its_path_and_its_callers) {
  run([] {
    const PathOfSocket path;
    auto console = std::make_unique<Console>(path.text());
    Socket before = Socket::connected(path.address(), kLong);
    const auto ask = [](Socket& socket) {
      socket.send_all("help\n", kLong);
      return !socket.recv_until("\n", 1000, kLong).empty();
    };
    EXPECT_TRUE(ask(before));
    EXPECT_EQ(in_child([&] {
                Socket caller = Socket::connected(path.address(), kLong);  // who means the parent
                Verdict verdict;
                verdict.expect(nothing_can_happen(), "nothing keeps it waiting");
                console.reset();
                return verdict.expect(path.is_there(), "its path stays");
              }),
              0);
    EXPECT_TRUE(ask(before));
    Socket after = Socket::connected(path.address(), kLong);
    EXPECT_TRUE(ask(after));
    console.reset();
    EXPECT_FALSE(path.is_there());
  });
}

/// One connection of the loop, each of whose messages is handled by a greenlet, as servers do.
struct HandledStream final : loop::StreamHandler {
  explicit HandledStream(std::function<void()> with) : handler(std::move(with)) {
    auto ends = Socket::pair();
    peer = std::move(ends.second);
    stream = Hub::current().loop().adopt(ends.first.release());
    stream->set_handler(this);
  }
  void on_data(std::span<char> data) override {
    for (std::size_t i = 0; i < data.size(); ++i) {
      Hub::current().start_now([this] { handler(); }, "handler");
      stream->send("+");
    }
  }
  void on_eof() override {}
  void on_error(std::error_code) override {}

  std::function<void()> handler;
  Socket peer;
  loop::StreamPtr stream;
};

/// Several connections have said several things, and the handler of one of those forks.
TEST(ForkedNet, in_a_handler_leaves_all_other_handlers_to_the_parent) {
  for (const bool suspends : {false, true}) {
    int handled = 0;
    std::optional<pid_t> child;
    run_or_end(
        [&] {
          await_monitor();
          std::vector<std::unique_ptr<HandledStream>> all;
          Event forked;
          const auto handler = [&] {
            if (++handled != 4) return;
            child = ::fork();
            if (*child == 0) {
              ::alarm(60);
              if (suspends) sleep(std::chrono::milliseconds(20));
              return;  // and run() ends with this
            }
            forked.set();
          };
          for (int i = 0; i < 8; ++i) all.push_back(std::make_unique<HandledStream>(handler));
          yield();
          for (const auto& each : all) each->peer.send_all("12", kLong);
          forked.wait();
          int status = -1;
          EXPECT_EQ(::waitpid(*child, &status, 0), *child);
          EXPECT_EQ(status, 0);
          while (handled < 16) sleep(std::chrono::milliseconds(1));
          for (const auto& each : all) EXPECT_EQ(each->peer.recv_exactly(2, kLong), "++");
          sleep(std::chrono::milliseconds(1));
          for (const auto& each : all) EXPECT_FALSE(each->peer.readable());
        },
        [&] { return handled == 4; });
  }
}

TEST(ForkedNet, in_the_handler_of_a_signal_ends_with_it) {
  int handled = 0;
  std::optional<pid_t> child;
  run_or_end(
      [&] {
        await_monitor();
        Event forked;
        const auto count = on_signal(SIGUSR2, [&] { ++handled; });
        const auto watch = on_signal(SIGUSR1, [&] {
          ++handled;
          child = ::fork();
          if (*child == 0) ::alarm(60);
          if (*child != 0) forked.set();
        });
        watch->set_ref(true);
        ::raise(SIGUSR1);
        ::raise(SIGUSR2);
        forked.wait();
        int status = -1;
        EXPECT_EQ(::waitpid(*child, &status, 0), *child);
        EXPECT_EQ(status, 0);
        while (handled < 2) sleep(std::chrono::milliseconds(1));
      },
      [&] { return handled <= 2; });
}

}  // namespace
}  // namespace verdin::test

#endif
