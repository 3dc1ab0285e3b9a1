// The registrations of a UringLoop that users make: descriptors and listeners.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/uring/uring_registration.hpp"

namespace verdin::loop {
namespace {

template <typename T>
class UringWatch final : public Watch {
 public:
  UringWatch(UringLoop& loop, UringRegistrationPtr<T> registration)
      : loop_(loop), registration_(std::move(registration)) {}
  ~UringWatch() override { set_ref(true); }
  void set_ref(bool ref) override {
    if (ref != ref_) loop_.count_work(ref ? 1 : -1);
    ref_ = ref;
  }

 private:
  UringLoop& loop_;
  bool ref_ = true;  // the registration counts itself
  UringRegistrationPtr<T> registration_;
};

/// One shot at a time, armed again at the end of the turn: a multishot poll tells of changes only, and who
/// leaves something unread is to be called again.
class UringPoll final : public UringRegistration {
 public:
  UringPoll(UringLoop& loop, int fd, Interest interest, UniqueFunction<void()> ready)
      : UringRegistration(loop),
        ready_(std::move(ready)),
        fd_(fd),
        events_((static_cast<int>(interest) & 1 ? POLLIN | POLLRDHUP : 0) |
                (static_cast<int>(interest) & 2 ? POLLOUT : 0)) {
    loop_.count_work(1);
    arm_later();
  }

 private:
  void arm(io_uring_sqe* entry) override {
    io_uring_prep_poll_add(entry, fd_, static_cast<unsigned>(events_));
  }
  void on_result(int result) override {
    const bool ready = result >= 0 || lasts(result);
    if (!lasts(result)) arm_later();
    if (ready) ready_();
  }
  void on_drop() override { loop_.count_work(-1); }
  /// Whoever uses the descriptor will see for himself; else it is asked again with each turn.
  static bool lasts(int result) noexcept {
    return result == -EBADF || result == -EINVAL || result == -EOPNOTSUPP || result == -EPERM;
  }

  UniqueFunction<void()> ready_;
  int fd_;
  int events_;
};

class UringListener final : public UringRegistration {
 public:
  UringListener(UringLoop& loop, int fd, AcceptHandler& handler)
      : UringRegistration(loop),
        handler_(handler),
        fd_(fd),
        retry_(loop, on_timer<&UringListener::retry>, this) {
    // io_uring waits for a socket only if the socket itself would.
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    loop_.count_work(1);
    arm_later();
  }

 private:
  static constexpr std::chrono::milliseconds kFirstRetry{10};
  static constexpr std::chrono::milliseconds kLongestRetry{1000};

  /// The connections that come are the parent's.
  bool on_fork() noexcept override {
    if (std::exchange(counted_, false)) loop_.count_work(-1);
    return false;
  }
  void retry() { arm_later(); }
  void arm(io_uring_sqe* entry) override {
    io_uring_prep_multishot_accept(entry, fd_, nullptr, nullptr, SOCK_CLOEXEC);
  }

  void on_result(int result) override {
    if (result >= 0) {
      StreamPtr stream = adopt(result);
      if (!stream) return back_off(ENOMEM);
      next_retry_ = kFirstRetry;
      arm_later();
      handler_.on_accept(std::move(stream));
    } else if (result == -EAGAIN || result == -EINTR || result == -ECONNABORTED || result == -EPROTO ||
               result == -ECANCELED) {
      arm_later();
    } else {
      back_off(-result);
    }
  }
  void on_late_result(int result) override {
    if (result >= 0) ::close(result);
  }

  StreamPtr adopt(int fd) {
    try {
      return loop_.adopt(fd);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  /// Out of descriptors or memory: trying on would spin, as the connection stays in the kernel's queue.
  void back_off(int error) {
    retry_.start(next_retry_);
    next_retry_ = std::min(next_retry_ * 2, kLongestRetry);
    handler_.on_accept_error(std::error_code(error, std::system_category()));
  }

  /// The port is free when this returns.
  void on_drop() override {
    retry_.stop();
    if (counted_) loop_.count_work(-1);
    if (armed()) loop_.cancel_now(tagged());
    ::close(fd_);
  }

  AcceptHandler& handler_;
  int fd_;
  Timer retry_;
  std::chrono::milliseconds next_retry_ = kFirstRetry;
  bool counted_ = true;
};

}  // namespace

WatchPtr UringLoop::accept(int listening_fd, AcceptHandler& handler) {
  UringRegistrationPtr<UringListener> listener;  // closes the descriptor once it is made
  try {
    listener.reset(new UringListener(*this, listening_fd, handler));
  } catch (...) {
    ::close(listening_fd);
    throw;
  }
  return hold(std::make_unique<UringWatch<UringListener>>(*this, std::move(listener)));
}

WatchPtr UringLoop::watch(int fd, Interest interest, UniqueFunction<void()> ready) {
  UringRegistrationPtr<UringPoll> poll(new UringPoll(*this, fd, interest, std::move(ready)));
  return hold(std::make_unique<UringWatch<UringPoll>>(*this, std::move(poll)));
}

}  // namespace verdin::loop
