// The least that a server can do: an epoll loop that sends back the octets it has read. What a Socket.IO echo
// costs beyond this is ours; what this costs is the kernel's.
#include <array>

#include "../baseline/tcp_server.hpp"

namespace {

std::array<char, 64 * 1024> buffer;

void echo(int fd) {
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) {
    close(fd);
    return;
  }
  // A peer that does not read loses octets here, and the load generator says so.
  if (send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) < 0) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  baseline::serve(baseline::port_of(argc, argv), [](int, const epoll_event& event) { echo(event.data.fd); });
}
