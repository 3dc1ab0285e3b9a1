// SendQueue: what is still to be written on one stream: copied octets, with shared buffers in between.
//
// Small pieces are copied behind one another, so that a turn's many answers leave in one contiguous write;
// large shared buffers are referred to. Idle streams own none: a loop lends them from a SendQueuePool. What
// the parent of a forked child has queued it sends itself: its streams drop such a queue before they use it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <sys/uio.h>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/loop/fork_generation.hpp>

namespace verdin::loop {

/// For a loop's lists of those that want something: they grow when one is made, which may fail, and not when
/// something happens, which may not.
template <typename... Lists>
void make_room_for(std::size_t count, Lists&... lists) {
  ((lists.capacity() < count ? lists.reserve(2 * count) : void()), ...);
}

class SendQueue {
 public:
  /// A shared buffer up to this size is cheaper copied than referred to.
  static constexpr std::size_t kCopyLimit = 2048;
  /// From here on octets are worth a system call of their own that saves their copy (64 KiB: some 5 us).
  static constexpr std::size_t kWriteThrough = 16 * 1024;

  /// Hands what is in `queue` (null: nothing) and `bytes` behind it to the kernel, in one call. Returns how
  /// many of `bytes` it has taken (less than all: it is full, or the queue was too long), or -1 with errno.
  static ssize_t write_through(int fd, SendQueue* queue, std::string_view bytes);

  void append(std::string_view bytes) { own_.append(bytes); }
  void append(const SharedBuffer& buffer);
  std::string& tail() { return own_; }

  std::size_t size() const noexcept { return own_.size() - own_sent_ + shared_unsent_; }
  /// Is it all octets in one place, which are plain()?
  bool is_plain() const noexcept { return shared_first_ == shared_.size() && own_.size() > own_sent_; }
  std::string_view plain() const noexcept { return {own_.data() + own_sent_, own_.size() - own_sent_}; }
  /// Fills `to` with the first pieces; returns how many.
  std::size_t gather(std::span<iovec> to) const;
  struct Written {
    ssize_t count;   // -1 with errno
    bool tried_all;  // if less was taken the kernel is full
  };
  /// Offers to the kernel what is queued, without waiting; consume() is the caller's. `flags`: of send(2).
  Written write(int fd, int flags) const;
  /// Forgets the first `count` octets: they are written.
  void consume(std::size_t count);
  void clear();
  /// The kernel is full: a little that is left does not hold the memory of what is sent.
  void trim();
  std::size_t capacity() const noexcept { return own_.capacity(); }
  /// Was it taken before this process was forked off?
  bool is_parents() const noexcept { return taken_.is_parents(); }

 private:
  friend class SendQueuePool;
  struct Shared {
    std::size_t at;  // behind so many octets of own_
    SharedBuffer buffer;
  };

  void compact();
  bool is_clear() const noexcept { return own_.empty() && shared_.empty(); }

  std::string own_;
  std::size_t own_sent_ = 0;
  std::vector<Shared> shared_;
  std::size_t shared_first_ = 0;   // those before it are sent
  std::size_t shared_offset_ = 0;  // sent octets of the first
  std::size_t shared_unsent_ = 0;
  ProcessMark taken_;
};

class SendQueuePool {
 public:
  SendQueuePool() { idle_.reserve(kKept); }
  std::unique_ptr<SendQueue> take();
  void give_back(std::unique_ptr<SendQueue> queue) noexcept;
  void drop_if_parents(std::unique_ptr<SendQueue>& queue) noexcept {
    if (queue && queue->is_parents()) [[unlikely]]
      give_back(std::move(queue));
  }

 private:
  static constexpr std::size_t kKept = 1024;
  static constexpr std::size_t kKeptCapacity = 16 * 1024;
  std::vector<std::unique_ptr<SendQueue>> idle_;
};

}  // namespace verdin::loop
