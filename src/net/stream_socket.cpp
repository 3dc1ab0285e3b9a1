#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <verdin/net/error.hpp>
#include <verdin/net/stream_socket.hpp>

namespace verdin::net {
namespace {

constexpr std::size_t kReceiveSize = 16 * 1024;
constexpr std::size_t kLineSize = 2 * 1024;  // what a greenlet that waits for a line keeps ready

void check(std::error_code error, const char* what) {
  if (error) [[unlikely]]
    throw_error(error, what);
}

}  // namespace

StreamSocket::StreamSocket(StreamSocket&& other) noexcept { *this = std::move(other); }

StreamSocket& StreamSocket::operator=(StreamSocket&& other) noexcept {
  timeout_ = other.timeout_;
  unread_ = std::exchange(other.unread_, {});
  consumed_ = std::exchange(other.consumed_, 0);
  return *this;
}

/// What was received so far is for the call that collects it.
class StreamSocket::Collecting {
 public:
  explicit Collecting(StreamSocket& socket) : socket_(socket) {
    check_free(socket);
    socket.collecting_ = true;
  }
  Collecting(const Collecting&) = delete;
  Collecting& operator=(const Collecting&) = delete;
  ~Collecting() { socket_.collecting_ = false; }

  static void check_free(const StreamSocket& socket) {
    if (socket.collecting_)
      throw ConcurrentUse("verdin: recv: another greenlet does the same on this socket");
  }

 private:
  StreamSocket& socket_;
};

std::size_t StreamSocket::take_unread(std::span<char> into) {
  const std::size_t size = std::min(into.size(), buffered());
  if (size > 0) std::memcpy(into.data(), unread_.data() + consumed_, size);
  consumed_ += size;
  if (consumed_ == unread_.size()) {
    unread_ = {};  // an idle connection keeps no buffer
    consumed_ = 0;
  }
  return size;
}

std::string StreamSocket::take_unread(std::size_t size, std::size_t dropped) {
  std::string taken;
  if (consumed_ == 0 && size + dropped == unread_.size()) {
    taken = std::move(unread_);
    unread_.clear();
    taken.resize(size);
    return taken;
  }
  taken = unread_.substr(consumed_, size);
  consumed_ += size + dropped;
  if (consumed_ == unread_.size()) {
    unread_ = {};
    consumed_ = 0;
  }
  return taken;
}

/// Appends to what is unread; 0 at the end.
std::size_t StreamSocket::receive_more(std::size_t most, Deadline limit, const char* what) {
  if (consumed_ > 0) {
    unread_.erase(0, consumed_);
    consumed_ = 0;
  }
  std::string buffer(std::min(most, kReceiveSize), '\0');  // not on the stack, which never shrinks again
  std::error_code error;
  const std::size_t got = do_recv(std::span(buffer), limit, error);
  check(error, what);
  unread_.append(buffer, 0, got);
  return got;
}

std::size_t StreamSocket::recv(std::span<char> into, std::error_code& error, Deadline limit) {
  error.clear();
  if (buffered() > 0 || collecting_) [[unlikely]] {
    Collecting::check_free(*this);
    return take_unread(into);
  }
  return do_recv(into, limit.or_in(timeout_), error);
}

std::size_t StreamSocket::recv(std::span<char> into, Deadline limit) {
  std::error_code error;
  const std::size_t got = recv(into, error, limit);
  check(error, "recv");
  return got;
}

std::string StreamSocket::recv(std::size_t most, Deadline limit) {
  if (buffered() > 0 && !collecting_) return take_unread(std::min(most, buffered()), 0);
  std::string received(std::min(most, kReceiveSize), '\0');
  received.resize(recv(std::span(received), limit));
  return received;
}

void StreamSocket::recv_exactly(std::span<char> into, Deadline limit) {
  const Collecting collecting(*this);
  limit = limit.or_in(timeout_);
  std::size_t filled = take_unread(into);
  std::error_code error;
  try {
    while (filled < into.size()) {
      const std::size_t got = do_recv(into.subspan(filled), limit, error);
      if (!error && got == 0) error = Errc::end_of_stream;
      if (error) throw_error(error, "recv_exactly");
      filled += got;
    }
  } catch (...) {
    unread_.insert(0, into.data(), filled);  // nothing is unread else: it was taken first
    throw;
  }
}

std::string StreamSocket::recv_exactly(std::size_t size, Deadline limit) {
  const Collecting collecting(*this);
  limit = limit.or_in(timeout_);
  while (buffered() < size) {
    if (receive_more(size - buffered(), limit, "recv_exactly") == 0)
      throw_error(Errc::end_of_stream, "recv_exactly");
  }
  return take_unread(size, 0);
}

std::string StreamSocket::recv_until(std::string_view delimiter, std::size_t most, Deadline limit) {
  if (delimiter.empty()) throw std::invalid_argument("verdin: recv_until() without a delimiter");
  const Collecting collecting(*this);
  limit = limit.or_in(timeout_);
  std::size_t searched = 0;  // no delimiter begins before this
  for (;;) {
    const std::string_view unread = std::string_view(unread_).substr(consumed_);
    const std::size_t at = unread.find(delimiter, searched);
    if (at <= most) return take_unread(at, delimiter.size());
    if (at != unread.npos || unread.size() >= most + delimiter.size())
      throw_error(Errc::too_long, "recv_until");
    searched = unread.size() - std::min(unread.size(), delimiter.size() - 1);
    if (receive_more(kLineSize, limit, "recv_until") == 0) throw_error(Errc::end_of_stream, "recv_until");
  }
}

std::string StreamSocket::recv_all(std::size_t most, Deadline limit) {
  const Collecting collecting(*this);
  limit = limit.or_in(timeout_);
  while (buffered() <= most) {
    if (receive_more(kReceiveSize, limit, "recv_all") == 0) return take_unread(buffered(), 0);
  }
  throw_error(Errc::too_long, "recv_all");
}

std::size_t StreamSocket::send_all(std::span<const std::string_view> pieces, std::error_code& error,
                                   Deadline limit) {
  error.clear();
  return do_send_all(pieces, limit.or_in(timeout_), error);
}

std::size_t StreamSocket::send_all(std::string_view data, std::error_code& error, Deadline limit) {
  error.clear();
  return do_send_all({&data, 1}, limit.or_in(timeout_), error);
}

void StreamSocket::send_all(std::string_view data, Deadline limit) {
  std::error_code error;
  send_all(data, error, limit);
  check(error, "send_all");
}

void StreamSocket::send_all(std::span<const std::string_view> pieces, Deadline limit) {
  std::error_code error;
  send_all(pieces, error, limit);
  check(error, "send_all");
}

void StreamSocket::shutdown_write(Deadline limit) {
  std::error_code error;
  do_shutdown_write(limit.or_in(timeout_), error);
  check(error, "shutdown");
}

void StreamSocket::close_politely(Deadline limit) {
  struct Closer {
    StreamSocket& socket;
    ~Closer() { socket.close(); }
  } closer{*this};
  limit = limit.or_in(timeout_);
  std::error_code error;
  do_shutdown_write(limit, error);
  std::array<char, kReceiveSize> dropped;
  while (!error && do_recv(dropped, limit, error) > 0) {
  }
}

}  // namespace verdin::net
