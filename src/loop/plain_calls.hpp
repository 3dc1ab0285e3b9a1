// recv(2), send(2) and sendmsg(2) for descriptors that do not block: without a place to be cancelled at.
//
// In a program of several threads (and each hub is watched by one) glibc brackets these calls by two locked
// instructions, so that pthread_cancel() may end them: some 300 cycles of a small message's 1,500. A hub's
// thread is never cancelled, and none of these waits. ThreadSanitizer and MemorySanitizer have to see the
// calls, and get glibc's.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "fiber/sanitizers.hpp"

#if defined(SYS_recvfrom) && defined(SYS_sendto) && defined(SYS_sendmsg) && !defined(VERDIN_TSAN) && \
    !defined(VERDIN_MSAN)
#define VERDIN_PLAIN_CALLS 1
#endif

namespace verdin::loop::plain {

#if defined(VERDIN_PLAIN_CALLS)
inline ssize_t recv(int fd, void* to, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_recvfrom, fd, to, size, flags | MSG_DONTWAIT, nullptr, nullptr);
}
inline ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_sendto, fd, data, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
}
inline ssize_t sendmsg(int fd, const msghdr& message, int flags) noexcept {
  return ::syscall(SYS_sendmsg, fd, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}
#else
inline ssize_t recv(int fd, void* to, std::size_t size, int flags) noexcept {
  return ::recv(fd, to, size, flags | MSG_DONTWAIT);
}
inline ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept {
  return ::send(fd, data, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}
inline ssize_t sendmsg(int fd, const msghdr& message, int flags) noexcept {
  return ::sendmsg(fd, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}
#endif

}  // namespace verdin::loop::plain
