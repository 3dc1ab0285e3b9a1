#include "loop/uring/ring.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace verdin::loop {
namespace {

constexpr unsigned kEntries = 512;
constexpr unsigned kCompletions = 4096;

// Completions are made only when the loop asks for them, on its own thread: no interrupts in between, and a
// flag in shared memory says when asking is worth while.
constexpr unsigned kFlags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                            IORING_SETUP_R_DISABLED | IORING_SETUP_TASKRUN_FLAG;
constexpr unsigned kDeferred = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

constexpr unsigned kFeatures =
    IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_CQE_SKIP;

// The kernel may map a ring where another thread's has been. ThreadSanitizer, which sees nothing of
// liburing's system calls, would take the two for one: this says that the one comes after the other.
std::atomic<unsigned> rings_closed{0};

}  // namespace

Ring::Ring() { open(); }

void Ring::close() noexcept {
  if (!open_) return;
  rings_closed.fetch_add(1, std::memory_order_release);
  io_uring_queue_exit(&ring_);
  ring_ = {};
  open_ = false;
}

void Ring::open() {
  rings_closed.load(std::memory_order_acquire);
  int status = 0;
  io_uring_params parameters{};
  for (const unsigned extra : {kDeferred, unsigned{IORING_SETUP_COOP_TASKRUN}}) {
    parameters = {};
    parameters.flags = kFlags | extra;
    parameters.cq_entries = kCompletions;
    status = io_uring_queue_init_params(kEntries, &ring_, &parameters);
    if (status != -EINVAL) break;
  }
  if (status < 0) {
    ring_ = {};
    throw std::system_error(-status, std::system_category(), "io_uring_setup");
  }
  if ((parameters.features & kFeatures) != kFeatures) {
    io_uring_queue_exit(&ring_);
    throw std::system_error(ENOSYS, std::system_category(), "io_uring lacks features");
  }
  io_uring_ring_dontfork(&ring_);
  enabled_ = false;
  open_ = true;
}

/// The thread that enables a ring is the one that may use it: so that is done as late as possible.
bool Ring::enable() noexcept {
  // liburing 2.3 declares io_uring_enable_rings() and does not export it.
  const auto fd = static_cast<unsigned>(ring_.ring_fd);
  const int status = io_uring_register(fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  error_ = status < 0 ? -status : 0;
  if (status < 0) return false;  // nothing can be submitted, and it is tried again
  enabled_ = true;
  io_uring_register_ring_fd(&ring_);  // saves looking the descriptor up each time; no harm where it fails
  return true;
}

bool Ring::note(int status) noexcept {
  error_ = status < 0 ? -status : 0;
  return prepared() == 0;
}

/// The rings' memory is not mapped in a child, and its addresses may be somebody else's by now.
void Ring::abandon() noexcept {
  if (!open_) return;
  ::close(ring_.ring_fd);
  ring_ = {};
  open_ = false;
}

void Ring::spoil(std::uint64_t user_data) noexcept {
  // Liburing lets the kernel see entries as it submits them; those are behind `head`.
  for (unsigned at = ring_.sq.sqe_tail - prepared(); at != ring_.sq.sqe_tail; ++at) {
    io_uring_sqe& entry = ring_.sq.sqes[at & ring_.sq.ring_mask];
    if (entry.user_data != user_data) continue;
    if (entry.flags & IOSQE_CQE_SKIP_SUCCESS) {
      io_uring_prep_nop(&entry);
      entry.flags = IOSQE_CQE_SKIP_SUCCESS;
      entry.user_data = 0;
    } else {
      io_uring_prep_read(&entry, -1, nullptr, 0, 0);
      entry.user_data = user_data;
    }
  }
}

bool Ring::kernel_has_work() const noexcept {
  const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool Ring::overflowed() const noexcept {
  return (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

bool Ring::submit() noexcept {
  if (!enabled_ && !enable()) return prepared() == 0;
  return note(io_uring_submit_and_get_events(&ring_));
}

bool Ring::submit_and_wait(std::optional<Clock::time_point> due) noexcept {
  if (!enabled_ && !enable()) return prepared() == 0;
  if (!due) return note(io_uring_submit_and_wait(&ring_, 1));
  const auto left = std::chrono::nanoseconds(*due - Clock::now()).count();
  if (left <= 0) return submit();
  constexpr std::int64_t kSecond = 1'000'000'000;
  __kernel_timespec wait{};
  wait.tv_sec = left / kSecond;
  wait.tv_nsec = left % kSecond;
  io_uring_cqe* first = nullptr;
  return note(io_uring_submit_and_wait_timeout(&ring_, &first, 1, &wait, nullptr));
}

}  // namespace verdin::loop
