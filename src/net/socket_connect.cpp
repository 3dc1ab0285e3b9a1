// How sockets get to one another.
#include <chrono>

#include <sys/socket.h>

#include <verdin/net/socket.hpp>
#include <verdin/runtime/sleep.hpp>

#include "net/socket_state.hpp"

namespace verdin::net {
namespace {

/// The results of accept(2) that are about one connection only, which has gone again. Linux hands on what the
/// network said of it: see accept(2).
bool concerns_one_connection(int error) noexcept {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EINTR:
      return true;
    default:
      return false;
  }
}

struct Caller {
  sockaddr_storage name{};
  socklen_t size = sizeof name;

  int accept_from(int fd) noexcept {
    for (;;) {
      size = sizeof name;
      const int accepted =
          ::accept4(fd, reinterpret_cast<sockaddr*>(&name), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0 || !concerns_one_connection(errno)) return accepted;
    }
  }
  Address address() const noexcept { return {reinterpret_cast<const sockaddr*>(&name), size}; }
};

/// A connection from a port to itself: what simultaneous open makes of connecting to a free local port.
bool meets_itself(const Socket& socket, const Address& to) {
  return to.port() >= 1024 && to.is_loopback() && socket.local_address() == socket.peer_address();
}

/// A full queue of a Unix listener: nothing tells when there is room again.
std::error_code connect_again(SocketState& state, const Address& to, Deadline limit) {
  using std::chrono::milliseconds;
  for (milliseconds pause{1};; pause = std::min(pause * 2, milliseconds(50))) {
    if (limit.passed()) return Errc::timed_out;
    const auto next = loop::Clock::now() + pause;
    sleep_until(std::min(limit.due().value_or(next), next));
    if (state.fd < 0) return Errc::closed;
    if (::connect(state.fd, to.data(), to.size()) == 0) return {};
    if (errno != EAGAIN && errno != EINTR) return last_error();
  }
}

std::error_code connect_until(SocketState& state, const Address& to, Deadline limit) {
  if (::connect(state.fd, to.data(), to.size()) == 0) return {};
  if (errno == EAGAIN) return connect_again(state, to, limit);
  if (errno != EINPROGRESS && errno != EINTR) return last_error();
  const std::error_code waited = state.writing.wait(state.fd, limit, "Socket::connect");
  if (state.fd < 0) return Errc::closed;
  if (waited) return waited;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(state.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
  return {error, std::generic_category()};
}

}  // namespace

void Socket::bind(const Address& address) {
  if (::bind(descriptor(), address.data(), address.size()) != 0) fail("bind");
}

void Socket::listen(int backlog) {
  if (::listen(descriptor(), backlog) != 0) fail("listen");
}

Socket Socket::listen(const Address& address, const ListenOptions& options) {
  Socket socket(address.family(), SocketType::stream);
  if (address.is_ip()) {
    if (options.reuse_address) socket.set(option::reuse_address, true);
    if (options.reuse_port) socket.set(option::reuse_port, true);
    if (options.no_delay) socket.set(option::no_delay, true);  // Linux hands it on to what is accepted
  }
  if (address.family() == Family::ipv6)
    socket.set(option::v6_only, !options.dual_stack.value_or(address.is_unspecified()));
  socket.bind(address);
  socket.listen(options.backlog);
  return socket;
}

Socket Socket::bound(const Address& address, SocketType type) {
  Socket socket(address.family(), type);
  if (address.family() == Family::ipv6) socket.set(option::v6_only, !address.is_unspecified());
  socket.bind(address);
  return socket;
}

Socket Socket::connected(const Address& address, Deadline limit) {
  Socket socket(address.family(), SocketType::stream);
  if (address.is_ip()) socket.set(option::no_delay, true);
  socket.connect(address, limit);
  return socket;
}

Socket Socket::accept(Deadline limit) {
  Address peer;
  return accept(peer, limit);
}

Socket Socket::accept(Address& peer, Deadline limit) {
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->reading, "accept");
  Caller caller;
  std::error_code error;
  const ssize_t accepted = until_done(*keep, keep->reading, false, limit.or_in(timeout()), error,
                                      "Socket::accept", [&](int fd) { return caller.accept_from(fd); });
  if (error) throw_error(error, "accept");
  peer = caller.address();
  return Socket(static_cast<int>(accepted), keep->type);
}

std::optional<Socket> Socket::try_accept(Address* peer) {
  Claim claim(state().reading, "try_accept");
  Caller caller;
  const int accepted = caller.accept_from(descriptor());
  if (accepted < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    fail("accept");
  }
  if (peer) *peer = caller.address();
  return Socket(accepted, state_->type);
}

void Socket::connect(const Address& address, Deadline limit) {
  descriptor();
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->writing, "connect");
  std::error_code error = connect_until(*keep, address, limit.or_in(timeout()));
  if (!error && meets_itself(*this, address)) error = std::make_error_code(std::errc::connection_refused);
  if (error) throw_error(error, ("connect to " + address.to_string()).c_str());
}

}  // namespace verdin::net
