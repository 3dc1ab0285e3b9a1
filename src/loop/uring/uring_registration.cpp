#include "loop/uring/uring_registration.hpp"

#include <cerrno>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace verdin::loop {
namespace {

int make_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  return fd;
}

}  // namespace

void UringRegistration::arm_later() {
  if (dirty_ || armed_) return;
  loop_.add_dirty(*this);
  dirty_ = true;
}

void UringRegistration::prepare() {
  dirty_ = false;
  if (dropped_) return forget_if_done();
  if (armed_) return;
  io_uring_sqe* entry = loop_.entry();
  arm(entry);
  entry->user_data = tagged();
  armed_ = true;
}

void UringRegistration::complete(int result, unsigned flags) {
  const bool more = (flags & IORING_CQE_F_MORE) != 0;
  if (!more) armed_ = false;
  if (!dropped_) return on_result(result);
  on_late_result(result);
  if (more) loop_.cancel_later(tagged());  // the first one has missed it
  forget_if_done();
}

void UringRegistration::drop() {
  if (dropped_) return;
  dropped_ = true;
  loop_.withdraw(tagged());
  on_drop();
  if (armed_) loop_.cancel_later(tagged());
  // Not at once: the drop may have come from within on_result().
  if (!dirty_ && !armed_) {
    dirty_ = true;
    loop_.add_dirty(*this);
  }
}

void UringRegistration::forget_if_done() {
  if (!armed_ && !dirty_) delete this;
}

void UringRegistration::after_fork() noexcept {
  armed_ = false;
  const bool goes_on = on_fork();
  if (dropped_) {
    if (!dirty_) {
      dirty_ = true;
      loop_.add_dirty(*this);
    }
  } else if (goes_on) {
    arm_later();
  }
}

UringWaker::UringWaker(UringLoop& loop) : UringRegistration(loop), fd_(make_eventfd()) { arm_later(); }

UringWaker::~UringWaker() {
  if (fd_ >= 0) ::close(fd_);
}

/// Nobody ever reads the counter: each write wakes the poll that waits for it.
void UringWaker::arm(io_uring_sqe* entry) { io_uring_prep_poll_multishot(entry, fd_, POLLIN); }

void UringWaker::on_result(int) {
  pending_.store(false);
  arm_later();
  deliver_signals(loop_);
}

void UringWaker::wake() noexcept {
  if (pending_.exchange(true)) return;
  if (const int fd = fd_; fd >= 0) ::eventfd_write(fd, 1);
}

bool UringWaker::on_fork() noexcept {
  redirect_signals(loop_, -1);
  forget_signals(loop_);
  if (fd_ >= 0) ::close(fd_.exchange(-1));
  pending_.store(false);
  return true;
}

/// Whoever called wake(), or noted a signal, before there was one is heard.
void UringWaker::open_again() {
  if (fd_ >= 0) return;
  fd_ = make_eventfd();
  redirect_signals(loop_, fd_);
  ::eventfd_write(fd_, 1);
}

}  // namespace verdin::loop
