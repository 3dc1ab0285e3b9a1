// NoSigpipe: keeps SIGPIPE from this thread, for calls that have no MSG_NOSIGNAL (write, sendfile, splice).
//
// The signal's disposition is the application's. No switch may happen while one is alive.
#pragma once

#include <cerrno>
#include <csignal>
#include <ctime>

namespace verdin::impl {

class NoSigpipe {
 public:
  NoSigpipe() noexcept {
    sigset_t pending;
    ::sigemptyset(&pending);
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    const int error = errno;
    const timespec at_once{};
    if (broken_ && !was_pending_) ::sigtimedwait(&sigpipe_, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  /// The call said EPIPE: a signal is pending that is to be dropped.
  void broken() noexcept { broken_ = true; }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_ = false;
  bool broken_ = false;
};

}  // namespace verdin::impl
