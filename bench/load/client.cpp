#include "client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "driver.hpp"

namespace bench {
namespace {

// The nonce of RFC 6455 §1.3 and the answer to it: a constant pair spares a SHA-1 here.
constexpr std::string_view kNonce = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::size_t kMaxResponseHead = 16 * 1024;

std::string handshake_request(const Options& options) {
  std::string head = "GET " + options.path + " HTTP/1.1\r\nHost: " + options.host + ":";
  head += std::to_string(options.port);
  head += "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  head += kNonce;
  head += "\r\n\r\n";
  return head;
}

}  // namespace

Client::~Client() {
  if (fd_ >= 0) ::close(fd_);
}

void Client::fail(std::string_view kind, std::string_view detail) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  ::close(fd_);
  fd_ = -1;
  driver_.errors().add(kind, detail);
}

void Client::connect(const sockaddr_in& to) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail("socket", std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  state_ = State::kConnecting;
  wants_write_ = true;
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    return fail("connect", std::strerror(errno));
  }
  driver_.watch(fd_, *this, EPOLLIN | EPOLLOUT, true);
}

void Client::on_events(std::uint32_t events) {
  if (state_ == State::kClosed) return;  // closed by an earlier event of this turn
  if (state_ == State::kConnecting) return on_connected();
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && state_ != State::kClosed) on_readable();
}

void Client::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail("connect", std::strerror(error));
  wants_write_ = false;
  driver_.watch(fd_, *this, EPOLLIN, false);
  if (protocol_ == Protocol::kRaw) return become_ready();
  state_ = State::kHandshake;
  send(handshake_request(driver_.options()));
}

void Client::become_ready() {
  state_ = State::kReady;
  driver_.on_client_ready();
}

void Client::on_readable() {
  const std::span<char> buffer = driver_.read_buffer();
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got == 0) return fail("closed-by-server");
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) fail("recv", std::strerror(errno));
    return;
  }
  driver_.tick();
  std::string_view input(buffer.data(), static_cast<std::size_t>(got));
  if (incomplete_.empty()) {
    consume(input);
    incomplete_.assign(input);
  } else {
    incomplete_.append(input);
    input = incomplete_;
    consume(input);
    incomplete_.erase(0, incomplete_.size() - input.size());
  }
}

void Client::consume(std::string_view& input) {
  if (protocol_ == Protocol::kRaw || (protocol_ == Protocol::kWebSocketOctets && ready())) {
    const std::string_view all = std::exchange(input, {});
    return driver_.on_message(*this, all);
  }
  if (state_ == State::kHandshake) take_handshake(input);
  if (state_ == State::kHandshake || state_ == State::kClosed) return;
  Frame frame;
  FrameStatus status;
  while ((status = take_frame(input, frame)) == FrameStatus::kFrame) {
    on_frame(frame);
    if (state_ == State::kClosed) return;
  }
  if (status == FrameStatus::kInvalid) fail("bad-frame");
}

void Client::take_handshake(std::string_view& input) {
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (input.size() > kMaxResponseHead) fail("handshake", "endless response head");
    return;
  }
  const std::string_view head = input.substr(0, end);
  if (!head.starts_with("HTTP/1.1 101 ")) return fail("handshake", head.substr(0, head.find('\r')));
  if (head.find(kAccept) == std::string_view::npos) return fail("handshake", "wrong Sec-WebSocket-Accept");
  input.remove_prefix(end + 4);
  if (protocol_ == Protocol::kSocketIo) {
    state_ = State::kOpening;
  } else {
    become_ready();
  }
}

void Client::on_frame(const Frame& frame) {
  if (!frame.final || frame.opcode == Opcode::kContinuation) return fail("bad-frame", "fragmented message");
  switch (frame.opcode) {
    case Opcode::kPing:
      return send_frame(Opcode::kPong, frame.payload);
    case Opcode::kPong:
      return;
    case Opcode::kClose:
      return fail("closed-by-server", "close frame");
    case Opcode::kText:
      return on_text(frame.payload);
    default:
      return fail("unexpected-message", "binary");
  }
}

void Client::on_text(std::string_view text) {
  if (protocol_ == Protocol::kSocketIo) return on_engine_packet(text);
  driver_.on_message(*this, text);
}

void Client::on_engine_packet(std::string_view packet) {
  if (state_ == State::kReady && packet.starts_with('4')) return driver_.on_message(*this, packet);
  if (packet == "2") {
    driver_.count_ping();
    return send_frame(Opcode::kText, "3");
  }
  if (state_ == State::kOpening && packet.starts_with("0{")) {
    state_ = State::kJoining;
    return send_frame(Opcode::kText, "40");
  }
  if (state_ == State::kJoining && packet.starts_with("40{")) return become_ready();
  fail("unexpected-packet", packet);
}

void Client::send_frame(Opcode opcode, std::string_view payload) {
  std::string frame;
  append_frame(frame, opcode, payload, driver_.next_mask());
  send(frame);
}

void Client::send(std::string_view octets) { send(octets, unsent_tail_); }

void Client::send(std::string_view head, Repeated tail) {
  if (state_ == State::kClosed) return;
  unsent_tail_ = tail;
  if (unsent_.empty() && !write_some(head)) return;
  unsent_.append(head);
  if (unsent_.empty() && unsent_tail_.begin == unsent_tail_.end) return;
  if (!std::exchange(wants_write_, true)) driver_.watch(fd_, *this, EPOLLIN | EPOLLOUT, false);
}

void Client::flush() {
  std::string_view head = unsent_;
  if (!write_some(head)) return;
  unsent_.erase(0, unsent_.size() - head.size());
  if (!unsent_.empty() || unsent_tail_.begin != unsent_tail_.end) return;
  wants_write_ = false;
  driver_.watch(fd_, *this, EPOLLIN, false);
}

/// As much of the head, and of the tail behind it, as the kernel takes in one call. False if it has failed.
bool Client::write_some(std::string_view& head) {
  std::array<iovec, 40> pieces;
  std::size_t count = 0;
  const auto add = [&](std::string_view piece) {
    if (!piece.empty()) pieces[count++] = {const_cast<char*>(piece.data()), piece.size()};
  };
  add(head);
  Repeated& tail = unsent_tail_;
  for (std::size_t at = tail.begin; at < tail.end && count < pieces.size();) {
    add(tail.pattern.substr(at % tail.pattern.size(), tail.end - at));
    at += pieces[count - 1].iov_len;
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  const ssize_t result = count == 1 ? ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                                    : ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (result < 0 && errno != EAGAIN && errno != EINTR) {
    fail("send", std::strerror(errno));
    return false;
  }
  const auto sent = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
  const std::size_t of_head = std::min(sent, head.size());
  head.remove_prefix(of_head);
  tail.begin += sent - of_head;
  return true;
}

}  // namespace bench
