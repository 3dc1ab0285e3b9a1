// The least that a broadcast can do: octets that come from one connection are sent to every connection, one
// bare send(2) each.
#include <algorithm>
#include <array>
#include <vector>

#include "tcp_server.hpp"

namespace {

std::array<char, 64 * 1024> buffer;
std::vector<int> peers;

void drop(int fd) {
  peers.erase(std::remove(peers.begin(), peers.end(), fd), peers.end());
  close(fd);
}

void cast_from(int fd) {
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) return drop(fd);
  // A peer that does not read loses octets here, and the load generator says so.
  for (const int peer : peers) send(peer, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
}

void accept_all(int epoll, int listener) {
  for (int fd; (fd = baseline::accept_from(epoll, listener)) >= 0;) peers.push_back(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int listener = baseline::listen_on(epoll, baseline::port_of(argc, argv));
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    // Accept first: a connection that was made before the octets were sent is to receive them.
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == listener) accept_all(epoll, listener);
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd != listener) cast_from(events[i].data.fd);
    }
  }
}
