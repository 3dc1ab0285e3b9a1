#include "net/openssl/client_hello.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

#include <sys/ioctl.h>
#include <sys/socket.h>

namespace verdin::net::impl {
namespace {

constexpr std::size_t kHeader = 5;
constexpr std::size_t kLongestRecord = 16 * 1024;  // of a handshake, which is not encrypted yet
constexpr unsigned char kHandshake = 22;

/// The kernel wakes nobody for less (where it can tell: it does for TCP).
class LowWater {
 public:
  explicit LowWater(Socket& socket) noexcept : socket_(socket) {}
  LowWater(const LowWater&) = delete;
  LowWater& operator=(const LowWater&) = delete;
  ~LowWater() {
    if (changed_ && socket_.open()) set(1);
  }
  void set(std::size_t octets) noexcept {
    const int value = static_cast<int>(octets);
    changed_ = ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value) == 0;
  }

 private:
  Socket& socket_;
  bool changed_ = false;
};

/// How much there has to be before there is a whole record; 0: this is none.
std::size_t wanted(const unsigned char* head, std::size_t size) noexcept {
  if (size > 0 && head[0] != kHandshake) return 0;
  if (size < kHeader) return kHeader;
  const std::size_t record = std::size_t{head[3]} << 8 | head[4];
  return record <= kLongestRecord ? kHeader + record : 0;
}

}  // namespace

bool await_client_hello(Socket& socket, Deadline limit) {
  LowWater low_water(socket);
  for (std::size_t waited_for = 0;;) {
    // Looked at only, and little of it: a greenlet that waits here has touched one page of its stack.
    std::array<unsigned char, kHeader> head;
    const ssize_t got = ::recv(socket.fd(), head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return true;
    const std::size_t size = got > 0 ? static_cast<std::size_t>(got) : 0;
    const std::size_t next = wanted(head.data(), size);
    int here = static_cast<int>(size);
    if (size == kHeader && ::ioctl(socket.fd(), FIONREAD, &here) != 0) return true;
    // Ready with less than was waited for: it is the end, or a socket that has no low water.
    if (static_cast<std::size_t>(here) >= next || waited_for == next) return true;
    waited_for = next;
    low_water.set(next);
    if (!socket.wait_read(limit)) return false;
  }
}

}  // namespace verdin::net::impl
