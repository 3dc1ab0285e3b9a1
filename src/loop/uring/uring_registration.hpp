// UringRegistration: what a Watch of a UringLoop stands for: an operation that is submitted again and again.
//
// The Watch is the user's and may go at any time; the registration lives until the kernel is done with it.
#pragma once

#include <atomic>

#include "loop/uring/uring_loop.hpp"

namespace verdin::loop {

class UringRegistration : public UringOperation {
 public:
  explicit UringRegistration(UringLoop& loop) : loop_(loop) { loop_.add_registration(*this); }

  void complete(int result, unsigned flags) final;
  /// Called by the loop before it submits.
  void prepare();
  /// The owner has no more use for it: it deletes itself, now or when the kernel is done.
  void drop();
  /// In a child process: what was under way is the parent's.
  void after_fork() noexcept;
  bool dropped() const noexcept { return dropped_; }

 protected:
  virtual ~UringRegistration() { loop_.remove_registration(*this); }
  virtual void arm(io_uring_sqe* entry) = 0;
  /// May drop the registration.
  virtual void on_result(int result) = 0;
  /// A result that came after the drop.
  virtual void on_late_result(int) {}
  virtual void on_drop() {}
  /// False: it does not go on in a child process.
  virtual bool on_fork() noexcept { return true; }
  /// The loop ends: whoever owns it must not use it any more, and may drop it.
  virtual void on_loop_end() {}

  void arm_later();
  bool armed() const noexcept { return armed_; }
  std::uint64_t tagged() noexcept { return user_data(static_cast<UringOperation*>(this), Tag::operation); }

  UringLoop& loop_;

 private:
  friend class UringLoop;
  void forget_if_done();

  UringRegistration* next_ = nullptr;
  UringRegistration* prev_ = nullptr;
  bool armed_ = false;
  bool dirty_ = false;
  bool dropped_ = false;
};

struct UringRegistrationDropper {
  void operator()(UringRegistration* registration) const { registration->drop(); }
};
template <typename T>
using UringRegistrationPtr = std::unique_ptr<T, UringRegistrationDropper>;

/// Ends a wait from another thread or from a signal handler.
class UringWaker final : public UringRegistration {
 public:
  explicit UringWaker(UringLoop& loop);
  void wake() noexcept;
  int fd() const noexcept { return fd_; }
  /// In a child process: makes a descriptor of its own, unless it has one. Throws std::system_error.
  void open_again();

 private:
  ~UringWaker() override;
  void arm(io_uring_sqe* entry) override;
  void on_result(int result) override;
  bool on_fork() noexcept override;

  std::atomic<int> fd_;  // -1: not made yet
  std::atomic<bool> pending_{false};
};

/// Calls back for the signals that have come in for `loop` since the last time.
void deliver_signals(UringLoop& loop);
/// Those that come in for `loop` write to `wake_descriptor` from now on.
void redirect_signals(UringLoop& loop, int wake_descriptor) noexcept;
/// In a child process: those that have come in were its parent's.
void forget_signals(UringLoop& loop) noexcept;

}  // namespace verdin::loop
