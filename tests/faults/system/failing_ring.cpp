// The same for what enters the kernel through io_uring, and for allocations.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <dlfcn.h>
#include <openssl/crypto.h>

#if __has_include(<liburing.h>)
#include <liburing.h>
#endif

#include "failing_calls.h"

// ---- Allocations.

void* operator new(std::size_t size) {
  void* const memory = failing_strikes(failing_new) ? nullptr : std::malloc(size > 0 ? size : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

void* openssl_malloc(std::size_t size, const char* /*file*/, int /*line*/) {
  return failing_strikes(failing_openssl) ? nullptr : std::malloc(size);
}
void* openssl_realloc(void* memory, std::size_t size, const char* /*file*/, int /*line*/) {
  if (size == 0) {
    std::free(memory);
    return nullptr;
  }
  return failing_strikes(failing_openssl) ? nullptr : std::realloc(memory, size);
}
void openssl_free(void* memory, const char* /*file*/, int /*line*/) { std::free(memory); }

// Before anything of OpenSSL has allocated.
[[maybe_unused]] const int set = CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);

}  // namespace

// ---- io_uring.

#if __has_include(<liburing.h>)
namespace {

template <typename Function>
Function* real_function(const char* name) {
  void* const found = ::dlsym(RTLD_NEXT, name);
  if (!found) std::abort();
  Function* function;
  std::memcpy(&function, &found, sizeof found);
  return function;
}

constexpr unsigned kInjectResult = 1;  // IORING_NOP_INJECT_RESULT of Linux 6.11

/// An operation that does nothing but fail, with the errno wanted; with EINVAL where the kernel is older.
void spoil(io_uring_sqe& entry) {
  const auto user_data = entry.user_data;
  const auto flags = entry.flags;
  const int error = errno;
  std::memset(&entry, 0, sizeof entry);
  entry.opcode = IORING_OP_NOP;
  entry.flags = static_cast<std::uint8_t>(flags & IOSQE_CQE_SKIP_SUCCESS);
  entry.user_data = user_data;
  entry.len = static_cast<unsigned>(-error);
  entry.rw_flags = kInjectResult;
}

/// Cancellations without an owner are not looked at by anybody.
void spoil_one(io_uring* ring) {
  for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; ++at) {
    io_uring_sqe& entry = ring->sq.sqes[at & ring->sq.ring_mask];
    if (entry.opcode != IORING_OP_ASYNC_CANCEL && failing_strikes(failing_ring_entry)) spoil(entry);
  }
}

/// As the kernel does with one that it cannot begin: it takes those before it, and does not wait.
int submit_first(io_uring* ring) {
  static auto* const real = real_function<int(io_uring*)>("io_uring_submit");
  const unsigned tail = ring->sq.sqe_tail;
  ring->sq.sqe_tail = ring->sq.sqe_head + 1;
  const int result = real(ring);
  ring->sq.sqe_tail = tail;
  return result;
}

template <typename Call>
int submit(io_uring* ring, Call call) {
  if (failing_strikes(failing_ring_enter)) return -errno;
  spoil_one(ring);
  const unsigned count = ring->sq.sqe_tail - ring->sq.sqe_head;
  return count > 1 && failing_strikes(failing_ring_partly) ? submit_first(ring) : call();
}

}  // namespace

extern "C" int io_uring_submit_and_wait(io_uring* ring, unsigned count) {
  static auto* const real = real_function<int(io_uring*, unsigned)>("io_uring_submit_and_wait");
  return submit(ring, [&] { return real(ring, count); });
}

extern "C" int io_uring_submit_and_get_events(io_uring* ring) {
  static auto* const real = real_function<int(io_uring*)>("io_uring_submit_and_get_events");
  return submit(ring, [&] { return real(ring); });
}

extern "C" int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned count,
                                                __kernel_timespec* limit, sigset_t* mask) {
  static auto* const real =
      real_function<int(io_uring*, io_uring_cqe**, unsigned, __kernel_timespec*, sigset_t*)>(
          "io_uring_submit_and_wait_timeout");
  return submit(ring, [&] { return real(ring, first, count, limit, mask); });
}

extern "C" int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* how) {
  static auto* const real =
      real_function<int(unsigned, io_uring*, io_uring_params*)>("io_uring_queue_init_params");
  return failing_strikes(failing_ring_setup) ? -errno : real(entries, ring, how);
}

extern "C" int io_uring_register_buf_ring(io_uring* ring, io_uring_buf_reg* what, unsigned flags) {
  static auto* const real =
      real_function<int(io_uring*, io_uring_buf_reg*, unsigned)>("io_uring_register_buf_ring");
  return failing_strikes(failing_ring_setup) ? -errno : real(ring, what, flags);
}

extern "C" int io_uring_register(unsigned fd, unsigned what, const void* with, unsigned count) {
  static auto* const real =
      real_function<int(unsigned, unsigned, const void*, unsigned)>("io_uring_register");
  return failing_strikes(failing_ring_setup) ? -errno : real(fd, what, with, count);
}
#endif
