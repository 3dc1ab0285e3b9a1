#include "loop/socket.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <new>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <verdin/loop/stream.hpp>

namespace verdin::loop {

void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::string peer_address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  }
  return text;
}

bool peer_gone_of(int fd) noexcept {
  pollfd entry{fd, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0;  // POLLERR and POLLHUP are told in any case
}

void retire(StreamPtr stream) {
  if (!stream) return;
  Stream* const retired = stream.release();
  try {
    retired->finish();
  } catch (const std::bad_alloc&) {  // then what is unsent is lost
    retired->close();
  }
}

std::size_t room_of([[maybe_unused]] int fd) noexcept {
#if defined(SO_MEMINFO)
  // By the kernel's own account (linux/sock_diag.h). What a Unix socket has sent is "allocated", until it is
  // read.
  constexpr std::size_t kAllocated = 2, kLimit = 3, kQueued = 5, kCount = 9;
  std::array<std::uint32_t, kCount> memory{};
  socklen_t size = sizeof memory;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0 &&
      size > kQueued * sizeof memory[0]) {
    const std::size_t taken = std::max(memory[kAllocated], memory[kQueued]);
    return memory[kLimit] - std::min<std::size_t>(memory[kLimit], taken);
  }
#endif
  return std::numeric_limits<std::size_t>::max();
}

}  // namespace verdin::loop
