// An echo server of sequential code: net::StreamServer, a greenlet for each connection. What greenlets cost
// beyond the bare loops in reference/ and the callbacks of stream_echo.cpp.
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>

#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>

#include "server_options.hpp"

namespace {

void echo(verdin::net::Socket& socket, const verdin::net::Address&) {
  std::array<char, 1024> buffer;  // all of an idle connection fits into one page of its stack
  std::error_code error;
  while (const std::size_t size = socket.recv(buffer, error)) {
    socket.send_all({buffer.data(), size}, error);
    if (error) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const ServerOptions given = server_options(argc, argv, "Sends back what it receives.");
  verdin::HubOptions options;
  options.loop_backend = given.loop;
  return verdin::run(options, [port = given.port] {
    std::fprintf(stderr, "%s\n", verdin::Hub::current().loop().backend().c_str());
    verdin::net::StreamServer(verdin::net::Address::loopback_ipv4(port), echo).serve_forever();
  });
}
