// The registrations of a LibevLoop: descriptors, signals, listeners.
#include "loop/libev/libev_watches.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace verdin::loop {
namespace {

/// Signals do not count as work: a program that only waits for one would otherwise never be told that it
/// waits in vain for everything else.
class LibevSignalWatch final : public Watch {
 public:
  LibevSignalWatch(LibevLoop& loop, int signal_number, UniqueFunction<void()> delivered)
      : loop_(loop), delivered_(std::make_shared<UniqueFunction<void()>>(std::move(delivered))) {
    ev_signal_init(&signal_, on_delivered, signal_number);
    signal_.data = this;
    ev_signal_start(loop_.ev(), &signal_);
  }
  ~LibevSignalWatch() override { ev_signal_stop(loop_.ev(), &signal_); }
  void set_ref(bool ref) override { ref_.set(ref); }

 private:
  static void on_delivered(struct ev_loop*, ev_signal* signal, int) {
    auto& self = *static_cast<LibevSignalWatch*>(signal->data);
    if (!self.loop_.dropping()) call(self.delivered_);  // it was the parent's
  }

  LibevLoop& loop_;
  Ref ref_{loop_, false};
  SharedCallback delivered_;
  ev_signal signal_;
};

class LibevListener final : public Watch {
 public:
  LibevListener(LibevLoop& loop, int fd, AcceptHandler& handler)
      : loop_(loop), handler_(handler), retry_(loop, on_timer<&LibevListener::start>, this) {
    ev_io_init(&io_, on_ready, fd, EV_READ);
    io_.data = this;
    start();
  }
  ~LibevListener() override {
    *alive_ = false;
    ev_io_stop(loop_.ev(), &io_);
    ::close(io_.fd);
  }
  void set_ref(bool ref) override { ref_.set(ref && !made_.is_parents()); }
  /// The connections that come are the parent's.
  void after_fork() noexcept override {
    ev_io_stop(loop_.ev(), &io_);
    ref_.set(false);
  }

 private:
  static constexpr std::chrono::milliseconds kFirstRetry{10};
  static constexpr std::chrono::milliseconds kLongestRetry{1000};
  static constexpr int kAcceptsATurn = 64;  // so that a flood of connections does not starve those that exist

  void start() { ev_io_start(loop_.ev(), &io_); }

  static void on_ready(struct ev_loop*, ev_io* io, int events) {
    auto& self = *static_cast<LibevListener*>(io->data);
    if (events & EV_ERROR) {
      renew(*io);
      self.start();
    }
    self.accept_some();
  }

  void accept_some() {
    const std::shared_ptr<bool> alive = alive_;
    for (int i = 0; i < kAcceptsATurn && *alive && !made_.is_parents(); ++i) {
      const int fd = ::accept4(io_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        StreamPtr stream = adopt(fd);
        if (!stream) return back_off(ENOMEM);
        next_retry_ = kFirstRetry;
        handler_.on_accept(std::move(stream));
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
      return back_off(errno);
    }
  }

  StreamPtr adopt(int fd) {
    try {
      return loop_.adopt(fd);
    } catch (const std::bad_alloc&) {  // not through libev
      return nullptr;
    }
  }

  /// Out of descriptors or memory: polling on would spin, as the connection stays in the kernel's queue.
  void back_off(int error) {
    ev_io_stop(loop_.ev(), &io_);
    retry_.start(next_retry_);
    next_retry_ = std::min(next_retry_ * 2, kLongestRetry);
    handler_.on_accept_error(std::error_code(error, std::system_category()));
  }

  LibevLoop& loop_;
  const ProcessMark made_;
  Ref ref_{loop_, true};
  AcceptHandler& handler_;
  ev_io io_;
  Timer retry_;
  std::chrono::milliseconds next_retry_ = kFirstRetry;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

WatchPtr LibevLoop::accept(int listening_fd, AcceptHandler& handler) {
  WatchPtr listener;  // closes the descriptor once it is made
  try {
    listener = std::make_unique<LibevListener>(*this, listening_fd, handler);
  } catch (...) {
    ::close(listening_fd);
    throw;
  }
  return hold(std::move(listener));
}

WatchPtr LibevLoop::watch(int fd, Interest interest, UniqueFunction<void()> ready) {
  return hold(std::make_unique<LibevFdWatch>(*this, fd, interest, std::move(ready)));
}

WatchPtr LibevLoop::on_signal(int signal_number, UniqueFunction<void()> delivered) {
  return hold(std::make_unique<LibevSignalWatch>(*this, signal_number, std::move(delivered)));
}

}  // namespace verdin::loop
