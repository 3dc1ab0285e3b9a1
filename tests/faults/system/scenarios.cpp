#include "system/scenarios.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/net/connect.hpp>
#include <verdin/net/datagram_server.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/file.hpp>
#include <verdin/net/filesystem.hpp>
#include <verdin/net/poll.hpp>
#include <verdin/net/resolver.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/stop_token.hpp>
#include <verdin/runtime/task_group.hpp>

#include "support/certificates.hpp"
#include "support/name_server.hpp"
#include "system/failing_calls.h"
#include "system/http_scenarios.hpp"

using namespace std::chrono_literals;
using verdin::net::Address;
using verdin::net::Socket;
using verdin::net::SocketType;
using verdin::net::StreamServer;
using verdin::net::TlsContext;
using verdin::net::TlsStream;

namespace verdin::test {
namespace {

constexpr auto kLimit = 10s;  // never reached
const Address kAnyPort = Address::loopback_ipv4(0);

void expect(bool right, const char* what) {
  if (!right) throw std::logic_error(what);  // what no scenario may end with
}

void echo(net::StreamSocket& socket) {
  std::array<char, 256> buffer;
  while (const std::size_t size = socket.recv(buffer)) socket.send_all({buffer.data(), size});
}

const net::StreamServerOptions kQuickRests{.first_rest = 1ms, .longest_rest = 2ms};

/// What fails ends the connection, so that the other side does not wait for it.
template <typename Work>
auto or_close(Socket& socket, Work work) {
  return [&socket, work] {
    try {
      return work();
    } catch (...) {
      socket.close();
      throw;
    }
  };
}

/// Whoever fails stops the server, and then its connections end because their peers have gone.
struct Stop {
  StreamServer& server;
  ~Stop() { server.stop(); }
};

void accept_and_echo() {
  StreamServer server(
      kAnyPort, [](Socket& socket, const Address&) { echo(socket); }, kQuickRests);
  const Stop stop{server};
  server.start();
  for (int i = 0; i < 2; ++i) {
    Socket client = Socket::connected(server.address(), kLimit);
    client.send_all("hello", kLimit);
    expect(client.recv_exactly(5, kLimit) == "hello", "another answer");
    client.close_politely(kLimit);
  }
  server.stop();
}

void pool_and_unix() {
  StreamServer server(Address::unix_abstract("verdin-faults-" + std::to_string(::getpid())),
                      [](Socket& socket, const Address&) { echo(socket); },
                      {.max_connections = 1, .first_rest = 1ms, .longest_rest = 2ms});
  const Stop stop{server};
  server.start();
  Socket first = Socket::connected(server.address(), kLimit);
  Socket second = Socket::connected(server.address(), kLimit);
  first.send_all("1", kLimit);
  expect(first.recv_exactly(1, kLimit) == "1", "another answer");
  first.close();
  second.send_all("2", kLimit);
  expect(second.recv_exactly(1, kLimit) == "2", "another answer");
}

void connect_by_name() {
  Socket nobody = Socket::listen(kAnyPort);
  const Address refuses = nobody.local_address();
  nobody.close();
  Socket listener = Socket::listen(kAnyPort);
  const auto names = [&](std::string_view, std::uint16_t port, net::Deadline) {
    return std::vector{refuses, Address::loopback_ipv4(port)};
  };
  Socket client = net::connect("somebody", listener.local_address().port(), names, kLimit);
  Socket accepted = listener.accept(kLimit);
  accepted.send_all("x", kLimit);
  expect(client.recv_exactly(1, kLimit) == "x", "another answer");
  Socket again = net::connect("localhost", listener.local_address().port(), kLimit);
}

void streams() {
  auto [a, b] = Socket::pair();
  const std::string much(600'000, 'm');
  auto reader = spawn(or_close(b, [&b = b] { return b.recv_all(2'000'000, kLimit); }));
  struct Join {
    Greenlet<std::string>& reader;
    Socket& socket;
    ~Join() {
      socket.close();
      reader.join();
    }
  } join{reader, b};
  const std::array<std::string_view, 2> pieces{much, "end"};
  a.send_all(pieces, kLimit);
  a.shutdown_write(kLimit);
  expect(reader.get().size() == much.size() + 3, "something was lost");
  b.send_all("line\nrest", kLimit);
  expect(a.recv_until("\n", 100, kLimit) == "line", "another line");
  expect(a.recv(100, kLimit) == "rest", "another rest");
  std::array entries{net::PollEntry{a.fd(), loop::Interest::read},
                     net::PollEntry{b.fd(), loop::Interest::write}};
  expect(net::poll(entries, kLimit) >= 1, "nobody is ready");
  net::Poller poller;
  poller.add(b.fd(), loop::Interest::write);
  expect(poller.wait(kLimit).size() == 1, "it is not ready");
}

void waits_and_limits() {
  auto [a, b] = Socket::pair();
  std::error_code error;
  std::array<char, 10> buffer;
  a.recv(buffer, error, 1ms);
  expect(static_cast<bool>(error), "nothing came, and no error");
  auto reader = spawn([&a = a] { return a.recv(10, kLimit); });
  struct Join {
    Greenlet<std::string>& reader;
    Socket& socket;
    ~Join() {
      socket.close();
      reader.join();
    }
  } join{reader, a};
  yield();
  b.send_all("late", kLimit);
  expect(reader.get() == "late", "another text");
  auto killed = spawn([&a = a] { a.recv(10, kLimit); });
  struct Kill {
    Greenlet<>& greenlet;
    Socket& socket;
    ~Kill() {
      socket.close();
      greenlet.join();
    }
  } kill{killed, a};
  yield();
  killed.kill();
}

void much_by_the_kernel() {
  Socket listener = Socket::listen(kAnyPort);
  Socket client = Socket::connected(listener.local_address(), kLimit);
  Socket server = listener.accept(kLimit);
  const SharedBuffer data = SharedBuffer::copy(std::string(50'000, 'z'));
  auto reader = spawn(or_close(server, [&] { return server.recv_exactly(50'000, kLimit).size(); }));
  struct Join {
    Greenlet<std::size_t>& reader;
    Socket& client;
    ~Join() {
      client.close();
      reader.join();
    }
  } join{reader, client};
  client.send_zero_copy(data, kLimit);
  expect(reader.get() == 50'000, "something was lost");
  Socket copy = client.duplicate();
  expect(copy.is_connected(), "it is not connected");
  client.set_keep_alive(net::KeepAlive{});
}

void datagrams() {
  net::DatagramServer server(
      kAnyPort, [](net::DatagramServer::Datagram& datagram) { datagram.reply("pong"); }, {.batch = 4});
  server.start();
  Socket client = Socket::bound(kAnyPort);
  std::array<char, 16> buffer;
  for (int tries = 0; tries < 100; ++tries) {  // some may be lost
    client.send_to("ping", server.address(), kLimit);
    try {
      expect(client.recv_from(buffer, 20ms).size == 4, "another answer");
      return;
    } catch (const net::TimedOut&) {
    }
    if (!server.started()) return;  // an error of its socket
  }
  expect(false, "a server that answers nothing");
}

const Certificates& certificates() {
  static const Certificates all;
  return all;
}

const TlsContext& tls_server() {
  static const TlsContext context =
      TlsContext::server({.identities = {{.certificate_file = certificates().path("one.pem"),
                                          .key_file = certificates().path("one.key")}}});
  return context;
}

const TlsContext& tls_client() {
  static const TlsContext context =
      TlsContext::client({.system_roots = false, .ca_file = certificates().path("ca.pem")});
  return context;
}

void tls() {
  StreamServer server(kAnyPort,
                      net::over_tls(tls_server(), [](TlsStream& stream, const Address&) { echo(stream); }),
                      kQuickRests);
  const Stop stop{server};
  server.start();
  TlsStream client(Socket::connected(server.address(), kLimit), tls_client(), "one.test");
  client.handshake(kLimit);
  client.send_all("hello", kLimit);
  expect(client.recv_exactly(5, kLimit) == "hello", "another answer");
  client.close_politely(kLimit);
}

void names() {
  expect(!net::resolve("localhost", 80).empty(), "nobody is there");
  expect(net::resolve("127.0.0.1", "http").front().port() == 80, "another port");
}

/// Whose own calls do not fail.
const NameServer& name_server() {
  static NameServer server(&failing_spare_this_thread);
  static const bool has_something_to_say = [] {
    server.say("here.test", {.records = {NameServer::a("192.0.2.1"), NameServer::aaaa("2001:db8::1")}});
    server.say("long.test", {.records = {NameServer::a("192.0.2.2")}, .only_over_tcp = true});
    return true;
  }();
  return has_something_to_say ? server : name_server();
}

/// The name server is asked, over UDP and TCP, in the hub's loop. What is lost is asked for again.
void names_by_ares() {
  net::ResolverOptions options;
  options.backend = net::ResolverBackend::ares;
  options.servers = {name_server().address()};
  options.timeout = 50ms;
  options.tries = 8;
  options.use_hosts_file = false;
  options.search = false;
  options.cache_size = 10;
  std::optional<net::Resolver> resolver;
  try {
    resolver.emplace(options);
  } catch (const net::ResolveError& error) {
    if (error.code() == net::ResolveErrc::unsupported) return;
    throw;
  }
  expect(!resolver->resolve("here.test", 80).empty(), "nobody is there");
  expect(!resolver->resolve("here.test", 80).empty(), "nobody is in the cache");
  expect(resolver->resolve("long.test", 80, net::Family::ipv4).size() == 1, "nobody is there");
  auto other = spawn([&] { return resolver->resolve("here.test", "http", net::Family::ipv6); });
  struct Join {
    Greenlet<std::vector<Address>>& other;
    ~Join() { other.join(); }
  } join{other};
  expect(!resolver->resolve("long.test", 443, net::Family::ipv4).empty(), "nobody is there");
  expect(other.get().size() == 1, "nobody is there");
}

std::string& folder() {
  static std::string path;
  return path;
}

void files() {
  const std::string path = folder() + "/file";
  {
    File file = File::open(path, OpenMode::write);
    file.write("first\nsecond\n");
    file.sync_data();
    file.close();
  }
  File file = File::open(path, OpenMode::update);
  expect(file.read_line() == "first", "another line");
  std::array<char, 6> buffer;
  expect(file.pread(buffer, 6) == 6, "too little");
  file.seek(0, Seek::end);
  file.write("third\n");
  file.sync();
  expect(file.status().size == 19, "another size");
  file.truncate(6);
  file.close();
  expect(read_file(path) == "first\n", "another text");
  write_file(path, "all");
  fs::rename(path, path + "2");
  expect(!fs::list_directory(folder()).empty(), "nothing is there");
  fs::remove_file(path + "2");
}

void pipes() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
  Descriptor to_read(ends[0]);
  Descriptor to_write(ends[1]);
  File out = File::adopt(std::move(to_read));
  File in = File::adopt(std::move(to_write));
  auto reader = spawn([&out] {
    File mine = std::move(out);  // closed when it fails: who writes to nobody is told
    return mine.read_all();
  });
  struct Join {
    Greenlet<std::string>& reader;
    File& in;
    ~Join() {
      try {
        in.close();
      } catch (const std::system_error&) {
      }
      reader.join();
    }
  } join{reader, in};
  in.write(std::string(100'000, 'p'));
  in.close();
  expect(reader.get().size() == 100'000, "something was lost");
}

// ---- Greenlets that belong together: whatever is not started leaves nothing that runs.

void groups() {
  const auto twice = [](int i) {
    yield();
    return 2 * i;
  };
  const std::vector<int> items{1, 2, 3, 4};
  Pool pool(2);
  int sum = 0;
  for (const int value : pool.map(twice, items)) sum += value;
  for (const int value : pool.imap(twice, items).look_ahead(2)) sum += value;
  for (const int value : pool.imap_unordered(twice, items).look_ahead(2)) sum += value;
  {
    auto left_early = pool.imap_unordered(twice, items).look_ahead(2);
    left_early.next();
  }
  sum += with_tasks([&](TaskGroup& tasks) {
    auto one = tasks.spawn(twice, 1);
    auto two = tasks.spawn(inherit_context, twice, 2);
    return one.get() + two.get();
  });
  std::stop_source source;
  auto stopped = spawn(source.get_token(), [] { verdin::sleep(1h); });
  yield();
  source.request_stop();
  stopped.join();
  pool.apply_async(twice, 1);
  pool.apply_async(twice, 1);
  pool.apply_async(twice, 1);
  pool.join();
  expect(sum == 66, "another sum");
}

// ---- Streams of the loop, without a greenlet.

struct EchoServer final : loop::AcceptHandler {
  struct Connection final : loop::StreamHandler {
    Connection(EchoServer& s, loop::StreamPtr p) : server(s), stream(std::move(p)) {
      stream->set_handler(this);
    }
    void on_data(std::span<char> data) override {
      try {
        stream->send(std::string_view(data.data(), data.size()));
      } catch (const std::bad_alloc&) {
        end();
      }
    }
    void on_eof() override {
      loop::retire(std::move(stream));
      end();
    }
    void on_error(std::error_code) override { end(); }
    void end() {
      server.connections.remove_if([this](const auto& each) { return each.get() == this; });
    }

    EchoServer& server;
    loop::StreamPtr stream;
  };

  void on_accept(loop::StreamPtr stream) override {
    try {
      connections.push_back(std::make_unique<Connection>(*this, std::move(stream)));
    } catch (const std::bad_alloc&) {  // then it is closed
    }
  }
  std::list<std::unique_ptr<Connection>> connections;
};

void loop_streams() {
  Socket listener = Socket::listen(kAnyPort);
  const Address address = listener.local_address();
  EchoServer server;
  const auto watch = Hub::current().loop().accept(listener.release(), server);
  for (int i = 0; i < 2; ++i) {
    Socket client = Socket::connected(address, kLimit);
    const std::string text(i == 0 ? 5 : 300'000, 't');
    auto writer = spawn(or_close(client, [&] { client.send_all(text, kLimit); }));
    struct Join {
      Greenlet<>& writer;
      Socket& client;
      ~Join() {
        client.close();
        writer.join();
      }
    } join{writer, client};
    expect(client.recv_exactly(text.size(), kLimit) == text, "another answer");
  }
}

constexpr SystemScenario kScenarios[] = {
    {"accept_and_echo", accept_and_echo},
    {"pool_and_unix", pool_and_unix},
    {"connect_by_name", connect_by_name},
    {"streams", streams},
    {"waits_and_limits", waits_and_limits},
    {"much_by_the_kernel", much_by_the_kernel},
    {"datagrams", datagrams},
    {"tls", tls},
    {"names", names},
    {"names_by_ares", names_by_ares},
    {"files", files},
    {"pipes", pipes},
    {"groups", groups},
    {"loop_streams", loop_streams},
};

}  // namespace

std::span<const SystemScenario> system_scenarios() { return kScenarios; }

const std::string& scenario_folder() { return folder(); }
const TlsContext& scenario_tls_server() { return tls_server(); }
const TlsContext& scenario_tls_client() { return tls_client(); }

void prepare_scenarios() {
  if (!folder().empty()) return;
  certificates().sign("one", "DNS:one.test");
  // In memory, where there is such a place: what is tested is not how fast a disk is.
  static const struct Folder {
    std::string path =
        std::filesystem::is_directory("/dev/shm") ? "/dev/shm/verdin-XXXXXX" : "/tmp/verdin-XXXXXX";
    Folder() {
      if (!::mkdtemp(path.data())) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    }
    ~Folder() { std::filesystem::remove_all(path); }
  } files;
  folder() = files.path;
  tls_server();
  tls_client();
}

}  // namespace verdin::test
