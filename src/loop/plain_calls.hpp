// recv(2), send(2) and sendmsg(2) for descriptors that do not block: without a place to be cancelled at, and
// without a function in between.
//
// In a program of several threads (and each hub is watched by one) glibc brackets these calls by two locked
// instructions, so that pthread_cancel() may end them: some 300 cycles of a small message's 1,500. A hub's
// thread is never cancelled, and none of these waits. And a function that returns right behind a system call
// does so to where the processor does not expect it, since the kernel makes it forget: 50 cycles more.
//
// On x86-64, that is; elsewhere it is syscall(2). So whoever stands between a program and its C library
// (LD_PRELOAD) does not see these calls, unless the program was started with VERDIN_LIBC_CALLS=1.
// ThreadSanitizer and MemorySanitizer have to see them, and do.
#pragma once

#include <cerrno>

#include <sys/socket.h>
#include <sys/types.h>

#include "fiber/sanitizers.hpp"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(SYS_recvfrom) && defined(SYS_sendto) && defined(SYS_sendmsg) && !defined(VERDIN_TSAN) && \
    !defined(VERDIN_MSAN)
#define VERDIN_PLAIN_CALLS 1
#endif

namespace verdin::loop::plain {

#if defined(VERDIN_PLAIN_CALLS)

/// By the C library: the environment said so when the program began.
extern bool by_libc;

#if defined(__x86_64__) && defined(__LP64__)
/// As syscall(2): -1 with errno.
inline long call(long number, long fd, const void* at, std::size_t size, int flags) noexcept {
  register long r10 asm("r10") = flags;
  register long r8 asm("r8") = 0;  // no address
  register long r9 asm("r9") = 0;
  long result = number;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(fd), "S"(at), "d"(size), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  if (result >= 0) [[likely]]
    return result;
  errno = static_cast<int>(-result);
  return -1;
}
#else
inline long call(long number, long fd, const void* at, std::size_t size, int flags) noexcept {
  return ::syscall(number, fd, at, size, flags, nullptr, 0);
}
#endif

#endif

inline ssize_t recv(int fd, void* to, std::size_t size, int flags) noexcept {
  flags |= MSG_DONTWAIT;
#if defined(VERDIN_PLAIN_CALLS)
  if (!by_libc) [[likely]]
    return call(SYS_recvfrom, fd, to, size, flags);
#endif
  return ::recv(fd, to, size, flags);
}

inline ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept {
  flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
#if defined(VERDIN_PLAIN_CALLS)
  if (!by_libc) [[likely]]
    return call(SYS_sendto, fd, data, size, flags);
#endif
  return ::send(fd, data, size, flags);
}

inline ssize_t sendmsg(int fd, const msghdr& message, int flags) noexcept {
  flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
#if defined(VERDIN_PLAIN_CALLS)
  if (!by_libc) [[likely]]
    return call(SYS_sendmsg, fd, &message, static_cast<unsigned>(flags), 0);  // its third is the flags
#endif
  return ::sendmsg(fd, &message, flags);
}

}  // namespace verdin::loop::plain
