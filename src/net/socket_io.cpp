// Receiving and sending.
#include <algorithm>
#include <array>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <verdin/net/socket.hpp>

#include "loop/plain_calls.hpp"
#include "net/socket_state.hpp"

namespace verdin::net {
namespace {

constexpr std::size_t kGatherLimit = 64;

/// What is left to be sent of several pieces.
class Remaining {
 public:
  explicit Remaining(std::span<const std::string_view> pieces) noexcept : pieces_(pieces) { skip_empty(); }

  bool empty() const noexcept { return pieces_.empty(); }
  void consume(std::size_t size) noexcept {
    while (!pieces_.empty() && size >= pieces_.front().size() - offset_) {
      size -= pieces_.front().size() - offset_;
      offset_ = 0;
      pieces_ = pieces_.subspan(1);
    }
    offset_ += size;
  }
  ssize_t send(int fd) const noexcept {
    const std::string_view first = pieces_.front().substr(offset_);
    if (pieces_.size() > 1) return send_several(fd, first);
    return loop::plain::send(fd, first.data(), first.size(), 0);
  }

 private:
  void skip_empty() noexcept { consume(0); }
  /// Apart, since its frame would take a quarter of the page that an idle greenlet has.
  [[gnu::noinline]] ssize_t send_several(int fd, std::string_view first) const noexcept {
    std::array<iovec, kGatherLimit> gathered;
    msghdr message{};
    message.msg_iov = gathered.data();
    for (const std::string_view piece : pieces_.first(std::min(pieces_.size(), kGatherLimit))) {
      const std::string_view rest = message.msg_iovlen == 0 ? first : piece;
      gathered[message.msg_iovlen++] = {const_cast<char*>(rest.data()), rest.size()};
    }
    return loop::plain::sendmsg(fd, message, 0);
  }

  std::span<const std::string_view> pieces_;
  std::size_t offset_ = 0;  // into the first
};

/// One message, an empty one too, which goes as a whole or not at all.
[[gnu::noinline]] ssize_t send_message(int fd, std::span<const std::string_view> pieces) noexcept {
  std::array<iovec, kGatherLimit> gathered;
  if (pieces.size() > gathered.size()) {
    errno = EMSGSIZE;
    return -1;
  }
  std::ranges::transform(pieces, gathered.begin(), [](std::string_view piece) {
    return iovec{const_cast<char*>(piece.data()), piece.size()};
  });
  msghdr message{};
  message.msg_iov = gathered.data();
  message.msg_iovlen = pieces.size();
  return loop::plain::sendmsg(fd, message, 0);
}

/// Of the state alone: the Socket may have been given another meanwhile.
bool wait_ready(SocketState& state, Direction& direction, short events, Deadline limit, const char* what) {
  for (;;) {
    if (state.fd < 0) throw Closed(std::string("verdin: ") + what + ": the socket is closed");
    const bool over = static_cast<bool>(direction.wait(state.fd, limit, what));
    if (state.fd >= 0 && is_ready(state.fd, events)) return true;
    if (over) return false;
  }
}

ssize_t wants_to_wait(ssize_t result, const char* what) {
  if (result >= 0) return result;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return -1;
  fail(what);
}

}  // namespace

std::size_t Socket::do_recv(std::span<char> into, Deadline limit, std::error_code& error) {
  const IntrusivePtr<SocketState> state = state_;
  if (!state) {
    error = Errc::closed;
    return 0;
  }
  Claim claim(state->reading, "recv");
  if (into.empty()) return 0;
  const ssize_t got =
      until_done(*state, state->reading, std::exchange(state->drained, false), limit, error, "Socket::recv",
                 [into](int fd) { return loop::plain::recv(fd, into.data(), into.size(), 0); });
  if (got < 0) return 0;
  // Less than there was room for: nothing is left, and the next call need not ask.
  state->drained =
      got > 0 && static_cast<std::size_t>(got) < into.size() && state->type == SocketType::stream;
  return static_cast<std::size_t>(got);
}

std::size_t Socket::do_send_all(std::span<const std::string_view> pieces, Deadline limit,
                                std::error_code& error) {
  const IntrusivePtr<SocketState> state = state_;
  if (!state) {
    error = Errc::closed;
    return 0;
  }
  Claim claim(state->writing, "send");
  const auto send_once = [&](auto&& call) {
    return until_done(*state, state->writing, false, limit, error, "Socket::send", call);
  };
  if (state->type != SocketType::stream) {
    const ssize_t sent = send_once([&](int fd) { return send_message(fd, pieces); });
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  Remaining remaining(pieces);
  std::size_t sent = 0;
  while (!remaining.empty()) {
    const ssize_t n = send_once([&](int fd) { return remaining.send(fd); });
    if (n < 0) break;
    sent += static_cast<std::size_t>(n);
    remaining.consume(static_cast<std::size_t>(n));
  }
  return sent;
}

void Socket::do_shutdown_write(Deadline, std::error_code& error) {
  if (closed()) {
    error = Errc::closed;
    return;
  }
  if (::shutdown(fd(), SHUT_WR) != 0) error = last_error();
  state_->writing.nudge();
}

void Socket::shutdown_read() {
  if (::shutdown(descriptor(), SHUT_RD) != 0) fail("shutdown");
  state_->drained = false;
  state_->reading.nudge();
}

std::ptrdiff_t Socket::try_recv(std::span<char> into) {
  if (buffered() > 0) return static_cast<std::ptrdiff_t>(recv(into));
  Claim claim(state().reading, "try_recv");
  ssize_t got = 0;
  do {
    got = loop::plain::recv(descriptor(), into.data(), into.size(), 0);
  } while (got < 0 && errno == EINTR);
  return wants_to_wait(got, "recv");
}

std::ptrdiff_t Socket::try_send(std::string_view data) {
  Claim claim(state().writing, "try_send");
  ssize_t sent = 0;
  do {
    sent = loop::plain::send(descriptor(), data.data(), data.size(), 0);
  } while (sent < 0 && errno == EINTR);
  return wants_to_wait(sent, "send");
}

void Socket::send_to(std::string_view data, const Address& to, Deadline limit) {
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->writing, "send_to");
  std::error_code error;
  until_done(*keep, keep->writing, false, limit.or_in(timeout()), error, "Socket::send_to", [&](int fd) {
    return ::sendto(fd, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT, to.data(), to.size());
  });
  if (error) throw_error(error, "send_to");
}

Received Socket::recv_from(std::span<char> into, Deadline limit) {
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->reading, "recv_from");
  sockaddr_storage from;
  iovec buffer{into.data(), into.size()};
  msghdr message{};
  std::error_code error;
  const ssize_t got = until_done(*keep, keep->reading, false, limit.or_in(timeout()), error,
                                 "Socket::recv_from", [&](int fd) {
                                   message = {};
                                   message.msg_name = &from;
                                   message.msg_namelen = sizeof from;
                                   message.msg_iov = &buffer;
                                   message.msg_iovlen = 1;
                                   return ::recvmsg(fd, &message, MSG_DONTWAIT);
                                 });
  if (error) throw_error(error, "recv_from");
  return {static_cast<std::size_t>(got),
          Address(reinterpret_cast<const sockaddr*>(&from), message.msg_namelen),
          (message.msg_flags & MSG_TRUNC) != 0};
}

bool Socket::wait_read(Deadline limit) {
  if (readable()) return true;
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->reading, "wait_read");
  return wait_ready(*keep, keep->reading, POLLIN | POLLRDHUP, limit.or_in(timeout()), "Socket::wait_read");
}

bool Socket::wait_write(Deadline limit) {
  if (writable()) return true;
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->writing, "wait_write");
  return wait_ready(*keep, keep->writing, POLLOUT, limit.or_in(timeout()), "Socket::wait_write");
}

}  // namespace verdin::net
