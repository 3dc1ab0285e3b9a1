// Datagrams: a server that answers each, and a client that asks again when no answer comes.
//
//   udp_echo            both, on a free port
//   udp_echo ADDRESS    a server at "0.0.0.0:7000" or "[::]:7000", until it is stopped
#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include <verdin/net/datagram_server.hpp>
#include <verdin/net/error.hpp>
#include <verdin/runtime/run.hpp>

using namespace std::chrono_literals;
namespace net = verdin::net;

namespace {

// [server]
void answer(net::DatagramServer::Datagram& datagram) { datagram.reply(datagram.data); }
// [/server]

// [client]
std::string ask(net::Socket& socket, const std::string& question) {
  std::array<char, 2048> buffer;
  for (int attempt = 0; attempt < 5; ++attempt) {
    socket.send_all(question);
    std::error_code error;
    const std::size_t size = socket.recv(buffer, error, 2s);
    if (!error) return {buffer.data(), size};
  }
  return "no answer";
}
// [/client]

void demonstrate() {
  net::DatagramServer server(net::Address::loopback_ipv4(0), answer);
  server.start();
  net::Socket client(net::Family::ipv4, net::SocketType::datagram);
  client.connect(server.address());
  for (const char* question : {"ping", "", "pong"}) std::printf("'%s'\n", ask(client, question).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  return verdin::run([&] {
    if (argc < 2) return demonstrate();
    net::DatagramServer(net::Address::parse(argv[1]), answer).serve_forever();
  });
}
