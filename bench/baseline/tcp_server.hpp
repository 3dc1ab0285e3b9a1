// What both baselines share: listening on 127.0.0.1 and taking connections. Nothing that costs anything per
// message.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace baseline {

/// The value of `--port P`; ends the process when there is none.
inline int port_of(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--port") == 0) return std::atoi(argv[2]);
  std::fprintf(stderr, "usage: %s --port P\n", argv[0]);
  std::exit(2);
}

inline void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// Ends the process when there is no such port to be had.
inline int listening_socket(int port, int flags) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

/// A listening socket that `epoll` watches.
inline int listen_on(int epoll, int port) {
  const int fd = listening_socket(port, SOCK_NONBLOCK);
  watch(epoll, fd);
  return fd;
}

inline int accept_from(int epoll, int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return fd;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  watch(epoll, fd);
  return fd;
}

/// Accepts, and calls ready(epoll, event) for whatever else `epoll` has; for ever.
template <typename F>
[[noreturn]] void serve(int port, F&& ready) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int listener = listen_on(epoll, port);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == listener) {
        accept_from(epoll, listener);
      } else {
        ready(epoll, events[i]);
      }
    }
  }
}

}  // namespace baseline
