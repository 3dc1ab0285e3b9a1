// Readiness on io_uring: a poll that is submitted when somebody waits and none is under way.
#include <memory>

#include <poll.h>

#include "loop/uring/uring_registration.hpp"

namespace verdin::loop {
namespace {

class UringReadiness;

/// What the kernel knows of it; goes when that is done with it.
class ReadinessPoll final : public UringRegistration {
 public:
  ReadinessPoll(UringLoop& loop, int fd, Interest interest, UringReadiness& owner)
      : UringRegistration(loop),
        owner_(&owner),
        fd_(fd),
        events_((static_cast<int>(interest) & 1 ? POLLIN | POLLRDHUP : 0) |
                (static_cast<int>(interest) & 2 ? POLLOUT : 0)) {}

  void wait() { arm_later(); }
  UringLoop& loop() const noexcept { return loop_; }

 private:
  void arm(io_uring_sqe* entry) override {
    io_uring_prep_poll_add(entry, fd_, static_cast<unsigned>(events_));
  }
  void on_result(int result) override;
  void on_loop_end() override;
  /// Else the poll would keep the socket open, and its peer waiting, until the turn ends.
  void on_drop() override {
    if (armed()) loop_.cancel_now(tagged());
  }

  UringReadiness* owner_;
  int fd_;
  int events_;
};

class UringReadiness final : public Readiness {
 public:
  UringReadiness(UringLoop& loop, int fd, Interest interest, Callback callback, void* owner)
      : Readiness(callback, owner), poll_(new ReadinessPoll(loop, fd, interest, *this)) {}
  ~UringReadiness() override { disarm(); }

  void arm() override {
    if (armed_ || !poll_) return;
    poll_->wait();
    armed_ = true;
    poll_->loop().count_work(1);
  }
  /// The poll goes on, for the next who waits.
  void disarm() noexcept override {
    if (!armed_) return;
    armed_ = false;
    poll_->loop().count_work(-1);
  }
  Loop* loop() const noexcept override { return poll_ ? &poll_->loop() : nullptr; }

  void on_ready() {
    if (!armed_) return;
    disarm();
    tell();
  }
  void wait_again() {
    if (armed_) poll_->wait();
  }
  void loop_ends() noexcept {
    disarm();
    poll_.reset();
  }

 private:
  UringRegistrationPtr<ReadinessPoll> poll_;
};

void ReadinessPoll::on_result(int result) {
  result == -ECANCELED ? owner_->wait_again() : owner_->on_ready();
}

void ReadinessPoll::on_loop_end() { owner_->loop_ends(); }

}  // namespace

ReadinessPtr UringLoop::readiness(int fd, Interest interest, Readiness::Callback ready, void* owner) {
  return std::make_unique<UringReadiness>(*this, fd, interest, ready, owner);
}

}  // namespace verdin::loop
