// Connected sockets for tests of what runs over them.
#pragma once

#include <chrono>
#include <utility>

#include <verdin/net/socket.hpp>

namespace verdin::test {

/// Not reached where all is well.
inline constexpr std::chrono::seconds kLong{60};

/// A TCP connection: who connected, who was connected to.
inline std::pair<net::Socket, net::Socket> tcp_pair() {
  net::Socket listener = net::Socket::listen(net::Address::loopback_ipv4(0));
  net::Socket client = net::Socket::connected(listener.local_address(), kLong);
  return {std::move(client), listener.accept(kLong)};
}

/// Sends until the kernel takes no more; how much that was.
inline std::size_t fill(net::Socket& socket) {
  const std::string data(64 * 1024, 'x');
  std::size_t total = 0;
  for (std::ptrdiff_t sent = 0; (sent = socket.try_send(data)) > 0;) total += static_cast<std::size_t>(sent);
  return total;
}

/// Has its close() send RST.
inline void close_hard(net::Socket& socket) {
  socket.set(net::option::linger, std::optional(std::chrono::seconds(0)));
  socket.close();
}

}  // namespace verdin::test
