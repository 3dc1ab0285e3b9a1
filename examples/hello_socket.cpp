// A server that prints what it is sent, and a client that sends "hello".
//
//   hello_socket           both, on a free port
//   hello_socket server    at 8089, until it is stopped
//   hello_socket client    to that
#include <cstdio>
#include <string>
#include <string_view>

#include <verdin/net/socket.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>

namespace net = verdin::net;

namespace {

constexpr std::uint16_t kPort = 8089;

// [server]
void serve_one(net::Socket& server) {
  net::Socket connection = server.accept();
  const std::string received = connection.recv(64);
  if (!received.empty()) std::printf("%s\n", received.c_str());
}
// [/server]

// [client]
void say_hello(const net::Address& server) {
  net::Socket client = net::Socket::connected(server);
  client.send_all("hello");
}
// [/client]

}  // namespace

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "both";
  if (argc > 2 || (role != "both" && role != "client" && role != "server")) {
    std::fprintf(stderr, "Usage: %s [client | server]\n", argv[0]);
    return 2;
  }
  return verdin::run([role] {
    if (role == "client") return say_hello(net::Address::loopback_ipv4(kPort));
    net::Socket server = net::Socket::listen(net::Address::loopback_ipv4(role == "server" ? kPort : 0));
    if (role == "server") {
      for (;;) serve_one(server);
    }
    auto client = verdin::spawn(say_hello, server.local_address());
    serve_one(server);
    client.get();
  });
}
