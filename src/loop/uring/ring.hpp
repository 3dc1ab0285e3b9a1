// Ring: an io_uring that belongs to one thread, and what the kernel must be able to do for it to be used.
//
// A completion's user_data is a pointer with a tag in its lowest bits (Tag), so that the commonest
// completions need no table and no virtual call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <liburing.h>

#include <verdin/loop/deadline_timer.hpp>

namespace verdin::loop {

/// Something under way whose completions are not a stream's. It must stay where it is until complete() was
/// called without IORING_CQE_F_MORE.
class UringOperation {
 public:
  UringOperation() = default;
  UringOperation(const UringOperation&) = delete;
  UringOperation& operator=(const UringOperation&) = delete;
  virtual void complete(int result, unsigned flags) = 0;

 protected:
  ~UringOperation() = default;
};

enum class Tag : std::uint64_t { operation, receive, quick_send, send, cancel };
inline constexpr std::uint64_t kTagMask = 7;

template <typename T>
std::uint64_t user_data(T* object, Tag tag) noexcept {
  return reinterpret_cast<std::uintptr_t>(object) | static_cast<std::uint64_t>(tag);
}
/// The pointer back. The kernel carries it as a number, so there is no way around the cast.
template <typename T>
T* object_of(std::uint64_t user_data) noexcept {
  return reinterpret_cast<T*>(user_data & ~kTagMask);  // NOLINT(performance-no-int-to-ptr)
}

class Ring {
 public:
  /// Throws std::system_error where the kernel has no io_uring, or a policy forbids it.
  Ring();
  ~Ring() { close(); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Why this process cannot use io_uring here; empty when it can. Tried once, by doing what the backend
  /// does.
  static const std::string& obstacle();

  /// The next free entry, or null when what is prepared must be submitted first.
  io_uring_sqe* next_entry() noexcept { return io_uring_get_sqe(&ring_); }
  unsigned prepared() const noexcept { return io_uring_sq_ready(&ring_); }
  /// Whether entering the kernel would bring something to light without a wait.
  bool kernel_has_work() const noexcept;
  bool overflowed() const noexcept;
  void fetch_overflowed() noexcept { io_uring_get_events(&ring_); }
  unsigned ready() const noexcept { return io_uring_cq_ready(&ring_); }
  /// How many entries next_entry() can still give.
  unsigned room() const noexcept { return io_uring_sq_space_left(&ring_); }

  /// Submits what is prepared and runs what the kernel has put off. False when not everything could be
  /// submitted: take completions, then try again, if error() is one that passes.
  bool submit() noexcept;
  /// The same, and waits for a completion until `due`.
  bool submit_and_wait(std::optional<Clock::time_point> due) noexcept;
  /// The errno of the last submission; 0: none, or just not everything was taken.
  int error() const noexcept { return error_; }

  /// Until `use` returns false: that one stays. It must not throw.
  template <typename Use>
  void take_completions(Use use) noexcept {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(&ring_, head, entry) {
      if (!use(*entry)) break;
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
  }

  io_uring* get() noexcept { return &ring_; }
  /// In a child process: lets go of the parent's ring without disturbing it. Nothing but open() may follow.
  void abandon() noexcept;
  bool is_open() const noexcept { return open_; }
  /// Throws as the constructor does; may be tried again.
  void open();
  void close() noexcept;
  /// Where something is prepared that could not be submitted: what bears `user_data` does nothing but fail,
  /// with EBADF, when it is; one that would succeed silently does nothing at all.
  void spoil(std::uint64_t user_data) noexcept;

 private:
  bool enable() noexcept;
  bool note(int status) noexcept;

  io_uring ring_{};
  bool enabled_ = false;
  bool open_ = false;
  int error_ = 0;
};

}  // namespace verdin::loop
