#include "loop/uring/receive_buffers.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/mman.h>

#include <verdin/loop/stream.hpp>

namespace verdin::loop {
namespace {

// Not a multiple of the page size, so that the buffers' first lines do not all fall into one set of a cache.
constexpr std::size_t kStride = ReceiveBuffers::kSize + kReadPadding;
constexpr std::size_t kMemory = kStride * ReceiveBuffers::kMost;
constexpr std::size_t kRingMemory = sizeof(io_uring_buf) * ReceiveBuffers::kMost;

void* map(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::system_category(), "mmap");
  return memory;
}

}  // namespace

ReceiveBuffers::ReceiveBuffers(io_uring* ring) {
  ring_ = static_cast<io_uring_buf_ring*>(map(kRingMemory));
  try {
    memory_ = static_cast<char*>(map(kMemory));
    enroll(ring);
  } catch (...) {
    if (memory_) ::munmap(memory_, kMemory);
    ::munmap(ring_, kRingMemory);
    throw;
  }
}

/// The loop has closed the ring by now, or there is nothing under way any more.
ReceiveBuffers::~ReceiveBuffers() {
  ::munmap(memory_, kMemory);
  ::munmap(ring_, kRingMemory);
}

void ReceiveBuffers::enroll(io_uring* ring) {
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
  registration.ring_entries = kMost;
  registration.bgid = kGroup;
  const int status = io_uring_register_buf_ring(ring, &registration, 0);
  if (status < 0) throw std::system_error(-status, std::system_category(), "io_uring_register_buf_ring");
  io_uring_buf_ring_init(ring_);
  in_circulation_ = 0;
  grow();
}

void ReceiveBuffers::renew(io_uring* ring) {
  void* const fresh = map(kRingMemory);  // throws
  ::munmap(ring_, kRingMemory);
  ring_ = static_cast<io_uring_buf_ring*>(fresh);
  enroll(ring);
}

char* ReceiveBuffers::at(unsigned number) const noexcept { return memory_ + number * kStride; }

void ReceiveBuffers::recycle(unsigned number) noexcept {
  io_uring_buf_ring_add(ring_, at(number), kSize, static_cast<unsigned short>(number), kMost - 1, 0);
  io_uring_buf_ring_advance(ring_, 1);
}

bool ReceiveBuffers::grow() noexcept {
  const unsigned wanted = std::clamp(in_circulation_ * 2, kFirst, kMost);
  const bool grows = in_circulation_ < wanted;
  while (in_circulation_ < wanted) recycle(in_circulation_++);
  return grows;
}

}  // namespace verdin::loop
