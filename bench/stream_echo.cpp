// An echo server of stream callbacks on Verdin's loop, without greenlets: what the loop costs beyond the bare
// loops in reference/.
#include <cstdio>
#include <memory>
#include <string>
#include <unordered_set>

#include <netinet/in.h>
#include <sys/socket.h>

#include <verdin/loop/loop.hpp>

#include "server_options.hpp"

using namespace verdin::loop;

namespace {

struct Connection;

struct Server final : AcceptHandler {
  void on_accept(StreamPtr stream) override;
  std::unordered_set<Connection*> connections;
};

struct Connection final : StreamHandler {
  Connection(Server& s, StreamPtr p) : server(s), stream(std::move(p)) { stream->set_handler(this); }
  void on_data(std::span<char> data) override { stream->send(std::string_view(data.data(), data.size())); }
  void on_eof() override { end(); }
  void on_error(std::error_code) override { end(); }
  void end() {
    server.connections.erase(this);
    delete this;
  }

  Server& server;
  StreamPtr stream;
};

void Server::on_accept(StreamPtr stream) { connections.insert(new Connection(*this, std::move(stream))); }

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  const ServerOptions options = server_options(argc, argv, "Sends back what it receives.");
  const auto loop = Loop::make(options.loop);
  std::fprintf(stderr, "%s\n", loop->backend().c_str());
  Server server;
  const auto watch = loop->accept(listen_on(options.port), server);
  for (;;) loop->turn(true);
}
