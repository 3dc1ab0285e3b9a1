// An echo server: a greenlet for each connection, a limit on how many, and one on how long a client may say
// nothing.
//
//   echo_server            a server and some clients, on a free port
//   echo_server ADDRESS    at "7000", "127.0.0.1:7000", "unix:/tmp/echo", until SIGINT
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include <verdin/net/error.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/signal.hpp>

using namespace std::chrono_literals;
namespace net = verdin::net;

namespace {

// [echo]
void echo(net::StreamSocket& socket) {
  std::array<char, 4096> buffer;
  while (const std::size_t size = socket.recv(buffer, 60s)) socket.send_all({buffer.data(), size}, 60s);
}
// [/echo]

// [server]
void serve(const std::string& where) {
  net::StreamServer server(net::listening_address(where),
                           [](net::Socket& socket, const net::Address&) { echo(socket); },
                           {.max_connections = 1000});
  auto interrupted = verdin::on_signal(SIGINT, [&] { server.drain(5s); });
  server.serve_forever();
}
// [/server]

// [client]
std::string echo_of(std::string_view text, const net::Address& server) {
  net::Socket socket = net::Socket::connected(server, 10s);
  socket.send_all(text, 10s);
  socket.shutdown_write();
  return socket.recv_all(text.size(), 10s);
}
// [/client]

void demonstrate() {
  net::StreamServer server(net::Address::loopback_ipv4(0),
                           [](net::Socket& socket, const net::Address&) { echo(socket); });
  server.start();
  for (const char* text : {"one", "two", "three"})
    std::printf("%s\n", echo_of(text, server.address()).c_str());
  std::printf("drained: %s\n", server.drain(10s) ? "yes" : "no");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string where = argc > 1 ? argv[1] : "";
  return verdin::run([&] { where.empty() ? demonstrate() : serve(where); });
}
