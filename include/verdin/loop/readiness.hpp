// Readiness: tells when a descriptor is ready, once each time that it is asked. What greenlets wait on.
//
// arm() asks; the callback comes in a later turn, once, as soon as the descriptor is ready, also when it was
// ready before. Asking again and again is cheap: while somebody keeps asking, the registration stays with the
// kernel (no epoll_ctl(2) for a wait), and it is taken back in the first turn that finds the descriptor ready
// and nobody waiting. While armed it keeps the loop busy (Loop::has_work()).
//
// Threads: its loop's only. The descriptor stays the caller's, and must be open until this is destroyed; that
// may be done inside its own callback. One that outlives its loop is harmless: loop() is null then, and it
// never calls back. The callback must not block or throw. Only making one may throw (std::bad_alloc).
#pragma once

#include <memory>

namespace verdin::loop {

class Loop;

class Readiness {
 public:
  using Callback = void (*)(void* owner);

  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  virtual ~Readiness() = default;

  virtual void arm() = 0;
  virtual void disarm() noexcept = 0;
  bool armed() const noexcept { return armed_; }
  /// Null when that has ended.
  virtual Loop* loop() const noexcept = 0;

 protected:
  Readiness(Callback callback, void* owner) noexcept : callback_(callback), owner_(owner) {}
  void tell() { callback_(owner_); }

  bool armed_ = false;

 private:
  Callback callback_;
  void* owner_;
};
using ReadinessPtr = std::unique_ptr<Readiness>;

}  // namespace verdin::loop
