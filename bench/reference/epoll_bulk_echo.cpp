// epoll_echo for messages that do not fit the kernel's buffers: what is not taken at once waits, and while it
// does nothing more is read from that peer.
#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "../baseline/tcp_server.hpp"

namespace {

std::array<char, 64 * 1024> buffer;
std::unordered_map<int, std::string> waiting;  // octets by descriptor

void wait_for(int epoll, int fd, std::uint32_t what) {
  epoll_event event{};
  event.events = what;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

void drop(int fd) {
  waiting.erase(fd);
  close(fd);
}

void echo(int epoll, int fd) {
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) return drop(fd);
  const ssize_t sent =
      std::max<ssize_t>(send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL), 0);
  if (sent == got) return;
  waiting[fd].assign(buffer.data() + sent, static_cast<std::size_t>(got - sent));
  wait_for(epoll, fd, EPOLLOUT);
}

void go_on(int epoll, int fd) {
  std::string& rest = waiting[fd];
  const ssize_t sent = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
  if (sent < 0) return drop(fd);
  rest.erase(0, static_cast<std::size_t>(sent));
  if (rest.empty()) wait_for(epoll, fd, EPOLLIN);
}

}  // namespace

int main(int argc, char** argv) {
  baseline::serve(baseline::port_of(argc, argv), [](int epoll, const epoll_event& event) {
    (event.events & EPOLLOUT) != 0 ? go_on(epoll, event.data.fd) : echo(epoll, event.data.fd);
  });
}
