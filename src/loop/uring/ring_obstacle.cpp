// What the backend relies on, tried out once on a pair of sockets: a kernel's version number says little,
// since containers forbid calls and distributions carry features back and forth.
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <system_error>

#include <sys/socket.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#include "loop/uring/receive_buffers.hpp"
#include "loop/uring/ring.hpp"

namespace verdin::loop {
namespace {

bool under_valgrind() {
#ifdef RUNNING_ON_VALGRIND
  return RUNNING_ON_VALGRIND != 0;
#else
  return false;
#endif
}

class Pair {
 public:
  Pair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_.data()) != 0) {
      throw std::system_error(errno, std::system_category(), "socketpair");
    }
  }
  ~Pair() {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  int operator[](std::size_t i) const noexcept { return fds_[i]; }

 private:
  std::array<int, 2> fds_{};
};

/// The completions of what is prepared, with a wait for the first; never for long.
class Trial {
 public:
  Trial() : buffers_(ring_.get()) {}
  std::string run() {
    receive();
    if (wait(Tag::receive) != 1 || !(flags_ & IORING_CQE_F_MORE)) return "no multishot receive";
    if (std::memcmp(buffers_.at(ReceiveBuffers::number_of(flags_)), "x", 1) != 0)
      return "no provided buffers";
    if (!quick_sends_work()) return "a send does not tell how much it has written";
    return cancels() ? "" : "no cancellation";
  }

 private:
  void receive() {
    io_uring_sqe* entry = ring_.next_entry();
    io_uring_prep_recv_multishot(entry, pair_[0], nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ReceiveBuffers::kGroup;
    entry->user_data = static_cast<std::uint64_t>(Tag::receive);
    if (::send(pair_[1], "x", 1, MSG_NOSIGNAL) != 1) throw std::system_error(errno, std::system_category());
  }

  /// More than fits is told, with the part that was written, and silence means all.
  bool quick_sends_work() {
    const std::string much(4'000'000, 'm');
    send(much);
    const int written = wait(Tag::quick_send);
    if (written <= 0 || written >= static_cast<int>(much.size())) return false;
    Pair other;
    send("little", other[0]);
    ring_.submit();
    char text[8];
    bool silent = ::recv(other[1], text, sizeof text, MSG_DONTWAIT) == 6;
    ring_.take_completions([&](const io_uring_cqe& entry) {
      silent = silent && entry.user_data != static_cast<std::uint64_t>(Tag::quick_send);
      return true;
    });
    return silent;
  }

  void send(std::string_view text, int fd = -1) {
    io_uring_sqe* entry = ring_.next_entry();
    io_uring_prep_send(entry, fd < 0 ? pair_[0] : fd, text.data(), text.size(),
                       MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = static_cast<std::uint64_t>(Tag::quick_send);
  }

  bool cancels() {
    io_uring_sqe* entry = ring_.next_entry();
    io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    entry->user_data = static_cast<std::uint64_t>(Tag::cancel);
    return wait(Tag::receive) == -ECANCELED && !(flags_ & IORING_CQE_F_MORE);
  }

  int wait(Tag tag) {
    int result = -ETIME;
    const auto give_up = Clock::now() + std::chrono::milliseconds(200);
    while (result == -ETIME && Clock::now() < give_up) {
      ring_.submit_and_wait(give_up);
      ring_.take_completions([&](const io_uring_cqe& entry) {
        if (entry.user_data == static_cast<std::uint64_t>(tag)) {
          result = entry.res;
          flags_ = entry.flags;
        }
        return true;
      });
    }
    return result;
  }

  Ring ring_;
  ReceiveBuffers buffers_;
  Pair pair_;
  unsigned flags_ = 0;
};

std::string find_obstacle() {
  if (under_valgrind()) return "valgrind does not know it";
  try {
    return Trial().run();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

const std::string& Ring::obstacle() {
  // Not an initialiser: a child that was forked meanwhile would wait for ever. Two threads may try it.
  static constinit std::atomic<const std::string*> known{nullptr};
  if (const std::string* const obstacle = known.load()) return *obstacle;
  auto found = std::make_unique<const std::string>(find_obstacle());
  const std::string* other = nullptr;
  return known.compare_exchange_strong(other, found.get()) ? *found.release() : *other;
}

}  // namespace verdin::loop
