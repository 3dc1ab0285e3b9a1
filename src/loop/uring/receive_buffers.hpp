// ReceiveBuffers: what the kernel receives into, shared by all streams of a loop: a connection that is idle
// owns none of them.
//
// Few are in circulation at first, so that they stay in the processor's caches; whenever the kernel has run
// out, as many again join in, up to kMost.
#pragma once

#include <cstddef>
#include <cstdint>

#include <liburing.h>

namespace verdin::loop {

class ReceiveBuffers {
 public:
  static constexpr std::uint16_t kGroup = 1;
  static constexpr std::size_t kSize = 2 * 1024;
  static constexpr unsigned kFirst = 64;
  static constexpr unsigned kMost = 128;  // a power of two

  /// Throws std::system_error where they cannot be registered.
  explicit ReceiveBuffers(io_uring* ring);
  ~ReceiveBuffers();
  ReceiveBuffers(const ReceiveBuffers&) = delete;
  ReceiveBuffers& operator=(const ReceiveBuffers&) = delete;

  char* at(unsigned number) const noexcept;
  static unsigned number_of(unsigned completion_flags) noexcept {
    return completion_flags >> IORING_CQE_BUFFER_SHIFT;
  }
  /// Gives a buffer back to the kernel.
  void recycle(unsigned number) noexcept;
  /// The kernel had none left. False if there are no more.
  bool grow() noexcept;
  unsigned in_circulation() const noexcept { return in_circulation_; }
  /// Registers with another ring, with every buffer free. Throws as the constructor does; may be tried again.
  void renew(io_uring* ring);

 private:
  void enroll(io_uring* ring);

  io_uring_buf_ring* ring_ = nullptr;
  char* memory_ = nullptr;
  unsigned in_circulation_ = 0;
};

}  // namespace verdin::loop
