// An echo server of sequential code: net::StreamServer, a greenlet for each connection. What greenlets cost
// beyond the bare loops in reference/ and the callbacks of stream_echo.cpp.
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include <verdin/net/stream_server.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>

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
  CLI::App app{"Sends back what it receives."};
  std::uint16_t port = 0;
  std::string backend;
  app.add_option("--port", port)->required();
  app.add_option("--loop", backend, "uring, epoll, poll, select, ...");
  CLI11_PARSE(app, argc, argv);
  verdin::HubOptions options;
  options.loop_backend = backend;
  return verdin::run(options, [port] {
    std::fprintf(stderr, "%s\n", verdin::Hub::current().loop().backend().c_str());
    verdin::net::StreamServer(verdin::net::Address::loopback_ipv4(port), echo).serve_forever();
  });
}
