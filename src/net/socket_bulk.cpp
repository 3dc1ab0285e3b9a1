// Sending much at once: files, and buffers that are not copied.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/runtime/sleep.hpp>

#include "loop/no_sigpipe.hpp"
#include "net/zero_copy_sends.hpp"

namespace verdin::net {
namespace {

constexpr std::size_t kFilePiece = std::size_t{1} << 20;  // so that a large file does not hold the hub

ssize_t send_piece_of_file(int fd, int file, off_t offset, std::size_t size) noexcept {
  verdin::impl::NoSigpipe guard;
  const ssize_t sent = ::sendfile(fd, file, &offset, size);
  if (sent < 0 && errno == EPIPE) guard.broken();
  return sent;
}

/// Of what sendfile(2) does not take: not everything that can be read can be mapped.
ssize_t copy_piece_of_file(int fd, int file, off_t offset, std::size_t size) noexcept {
  std::array<char, 32 * 1024> buffer;
  const ssize_t got = ::pread(file, buffer.data(), std::min(size, buffer.size()), offset);
  if (got <= 0) return got;
  return ::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool is_zero_copy_notice(const cmsghdr& part) noexcept {
  return (part.cmsg_level == SOL_IP && part.cmsg_type == IP_RECVERR) ||
         (part.cmsg_level == SOL_IPV6 && part.cmsg_type == IPV6_RECVERR);
}

/// One notice of the error queue; false if there is none.
bool read_notice(int fd, ZeroCopySends& sends) noexcept {
  alignas(cmsghdr) std::array<char, 256> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (!is_zero_copy_notice(*part)) continue;
    sock_extended_err notice;
    std::memcpy(&notice, CMSG_DATA(part), sizeof notice);
    if (notice.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
    if (notice.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) sends.refused = true;  // it costs more than it saves
    for (ZeroCopySends::Send& send : sends.pending) {
      // Numbers wrap round; the range is never long.
      if (send.number - notice.ee_info <= notice.ee_data - notice.ee_info) send.done = true;
    }
  }
  return true;
}

bool prepare_zero_copies(SocketState& state) {
  if (state.made.is_parents()) return false;
  if (!state.zero_copy) {
    state.zero_copy = std::make_unique<ZeroCopySends>();
    const int on = 1;
    if (::setsockopt(state.fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) != 0) state.zero_copy->refused = true;
  }
  return !state.zero_copy->refused;
}

/// There is no readiness for notices alone, so it looks, less and less often.
std::error_code wait_for_notices(SocketState& state, Deadline limit) {
  using std::chrono::milliseconds;
  for (milliseconds pause{0};; pause = std::clamp(pause * 2, milliseconds(1), milliseconds(10))) {
    if (state.fd < 0) return Errc::closed;
    reap_zero_copies(state);
    if (state.zero_copy->pending.empty()) return {};
    if (limit.passed()) return Errc::timed_out;
    sleep(pause);
  }
}

}  // namespace

void reap_zero_copies(SocketState& state) noexcept {
  ZeroCopySends& sends = *state.zero_copy;
  if (sends.made.is_parents()) return;
  while (!sends.pending.empty() && read_notice(state.fd, sends)) {
  }
  while (!sends.pending.empty() && sends.pending.front().done) sends.pending.pop_front();
}

void abort_zero_copies(SocketState& state) noexcept {
  if (state.zero_copy->made.is_parents()) return;  // what it reads from is the parent's memory
  reap_zero_copies(state);
  if (state.zero_copy->pending.empty()) return;
  const ::linger reset{1, 0};
  ::setsockopt(state.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

std::size_t Socket::send_file(int file, std::uint64_t offset, std::size_t size, Deadline limit) {
  const IntrusivePtr<SocketState> keep(&state());
  Claim claim(keep->writing, "send_file");
  limit = limit.or_in(timeout());
  std::size_t sent = 0;
  bool by_kernel = true;
  while (sent < size) {
    std::error_code error;
    const ssize_t n = until_done(*keep, keep->writing, false, limit, error, "Socket::send_file", [&](int fd) {
      const auto from = static_cast<off_t>(offset + sent);
      const std::size_t piece = std::min(size - sent, kFilePiece);
      return by_kernel ? send_piece_of_file(fd, file, from, piece)
                       : copy_piece_of_file(fd, file, from, piece);
    });
    if (n == 0) break;
    if (n > 0) sent += static_cast<std::size_t>(n);
    if (error && by_kernel &&
        (error == std::errc::invalid_argument || error == std::errc::function_not_supported)) {
      by_kernel = false;
    } else if (error) {
      throw_error(error, "send_file");
    }
  }
  return sent;
}

void Socket::send_zero_copy(const SharedBuffer& data, Deadline limit) {
  descriptor();
  const IntrusivePtr<SocketState> keep(&state());
  limit = limit.or_in(timeout());
  if (!prepare_zero_copies(*keep)) return send_all(data.view(), limit);
  Claim claim(keep->writing, "send_zero_copy");
  ZeroCopySends& sends = *keep->zero_copy;
  std::error_code error;
  std::size_t sent = 0;
  bool copies = false;
  while (!error && sent < data.size()) {
    const std::string_view rest = data.view().substr(sent);
    std::list<ZeroCopySends::Send> next;  // before the kernel reads: there may be no memory for it afterwards
    if (!copies) next.push_back({sends.next, data});
    const ssize_t n =
        until_done(*keep, keep->writing, false, limit, error, "Socket::send_zero_copy", [&](int fd) {
          return ::send(fd, rest.data(), rest.size(),
                        MSG_NOSIGNAL | MSG_DONTWAIT | (copies ? 0 : MSG_ZEROCOPY));
        });
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      if (!copies) ++sends.next;
      sends.pending.splice(sends.pending.end(), next);
    } else if (error == std::errc::no_buffer_space && !copies) {
      copies = true;  // no more memory may be locked for this process: the rest goes as ever
      error.clear();
    }
  }
  if (!error) error = wait_for_notices(*keep, limit);
  if (error) throw_error(error, "send_zero_copy");
}

}  // namespace verdin::net
