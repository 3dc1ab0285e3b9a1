// The life of a socket, and what it knows of itself.
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/net/pipe.hpp>
#include <verdin/net/socket.hpp>

#include "net/socket_state.hpp"
#include "net/zero_copy_sends.hpp"

namespace verdin::net {
namespace {

int native(Family family) {
  switch (family) {
    case Family::ipv4:
      return AF_INET;
    case Family::ipv6:
      return AF_INET6;
    case Family::unix_domain:
      return AF_UNIX;
    case Family::none:
      break;
  }
  throw std::invalid_argument("verdin: a socket of no family");
}

int native(SocketType type) {
  return type == SocketType::stream     ? SOCK_STREAM
         : type == SocketType::datagram ? SOCK_DGRAM
                                        : SOCK_SEQPACKET;
}

SocketType type_of(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) fail("getsockopt");
  return type == SOCK_STREAM  ? SocketType::stream
         : type == SOCK_DGRAM ? SocketType::datagram
                              : SocketType::seqpacket;
}

Address name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (ask(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    if (errno == ENOBUFS || errno == ENOMEM) fail("getsockname");  // there may be one
    return {};
  }
  return {reinterpret_cast<const sockaddr*>(&name), size};
}

int local_name(int fd, sockaddr* name, socklen_t* size) { return ::getsockname(fd, name, size); }
int peer_name(int fd, sockaddr* name, socklen_t* size) { return ::getpeername(fd, name, size); }

}  // namespace

bool is_ready(int fd, short events) noexcept {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, 0) > 0;
}

SocketState::SocketState(int number, SocketType kind) noexcept : fd(number), type(kind) {}

SocketState::~SocketState() { close(); }

int SocketState::give_away() noexcept {
  const int number = std::exchange(fd, -1);
  reading.forget();  // wakes who waits there
  writing.forget();
  return number;
}

void SocketState::close() noexcept {
  if (fd < 0) return;
  if (zero_copy) abort_zero_copies(*this);
  ::close(give_away());
  zero_copy.reset();
}

Socket::Socket() noexcept = default;
Socket::Socket(IntrusivePtr<SocketState> state) noexcept : state_(std::move(state)) {}

Socket::Socket(int fd, SocketType type) {
  try {
    state_ = make_intrusive<SocketState>(fd, type);
  } catch (...) {
    ::close(fd);
    throw;
  }
}

Socket::Socket(Family family, SocketType type) {
  const int fd = ::socket(native(family), native(type) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  *this = Socket(fd, type);
}

Socket::Socket(Socket&& other) noexcept : StreamSocket(std::move(other)), state_(std::move(other.state_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  StreamSocket::operator=(static_cast<StreamSocket&&>(other));
  state_ = std::exchange(other.state_, nullptr);
  return *this;
}

/// Whoever is in a call still has the state: it is closed all the same.
Socket::~Socket() {
  if (state_) state_->close();
}

std::pair<Socket, Socket> Socket::pair(SocketType type) {
  int ends[2];
  if (::socketpair(AF_UNIX, native(type) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
  Descriptor first_end(ends[0]);
  Socket second(ends[1], type);
  return {Socket(first_end.release(), type), std::move(second)};
}

Socket Socket::adopt(int fd) {
  const SocketType type = type_of(fd);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) fail("fcntl");
  if (!(flags & O_NONBLOCK) && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) fail("fcntl");
  return Socket(fd, type);
}

SocketState& Socket::state() const {
  if (!state_) throw Closed("verdin: no socket");
  return *state_;
}

int Socket::descriptor() const {
  if (closed()) throw Closed("verdin: the socket was used after its close");
  return state_->fd;
}

bool Socket::open() const noexcept { return state_ && state_->fd >= 0; }
int Socket::fd() const noexcept { return state_ ? state_->fd : -1; }
void Socket::do_close() noexcept {
  if (state_) state_->close();
}
int Socket::release() noexcept { return state_ ? state_->give_away() : -1; }

bool Socket::is_bound() const {
  const Address local = local_address();
  return local.is_unix() ? !local.path().empty() : local.port() != 0;
}

bool Socket::is_listening() const {
  int listening = 0;
  socklen_t size = sizeof listening;
  return open() && ::getsockopt(fd(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

bool Socket::is_connected() const { return static_cast<bool>(peer_address()); }
bool Socket::readable() const { return buffered() > 0 || (open() && is_ready(fd(), POLLIN | POLLRDHUP)); }
bool Socket::writable() const { return open() && is_ready(fd(), POLLOUT); }

Family Socket::family() const {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(descriptor(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) fail("getsockopt");
  return domain == AF_INET    ? Family::ipv4
         : domain == AF_INET6 ? Family::ipv6
         : domain == AF_UNIX  ? Family::unix_domain
                              : Family::none;
}

SocketType Socket::type() const { return state().type; }
Address Socket::local_address() const { return open() ? name_of(fd(), &local_name) : Address(); }
Address Socket::peer_address() const { return open() ? name_of(fd(), &peer_name) : Address(); }

std::error_code Socket::take_error() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
  return {error, std::generic_category()};
}

Socket Socket::duplicate() const {
  const int copy = ::fcntl(descriptor(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) fail("dup");
  return Socket(copy, state_->type);
}

void Socket::set_inheritable(bool inheritable) {
  if (::fcntl(descriptor(), F_SETFD, inheritable ? 0 : FD_CLOEXEC) != 0) fail("fcntl");
}

}  // namespace verdin::net
