// What the registrations of a LibevLoop have in common, and the one of a descriptor that is somebody else's.
#pragma once

#include <memory>
#include <utility>

#include <ev.h>

#include <verdin/base/unique_function.hpp>

#include "loop/libev/libev_loop.hpp"

namespace verdin::loop {

/// A callback that may destroy its own watch: the function is kept alive for the call.
using SharedCallback = std::shared_ptr<UniqueFunction<void()>>;

inline void call(const SharedCallback& callback) {
  // It may be dropped meanwhile. NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
  const SharedCallback alive = callback;
  (*alive)();
}

/// Whether a watch keeps the loop busy.
class Ref {
 public:
  Ref(LibevLoop& loop, bool ref) : loop_(loop) { set(ref); }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { set(false); }
  void set(bool ref) noexcept {
    if (ref != ref_) loop_.count_work(ref ? 1 : -1);
    ref_ = ref;
  }

 private:
  LibevLoop& loop_;
  bool ref_ = false;
};

class LibevFdWatch final : public Watch {
 public:
  LibevFdWatch(LibevLoop& loop, int fd, Interest interest, UniqueFunction<void()> ready)
      : loop_(loop), ready_(std::make_shared<UniqueFunction<void()>>(std::move(ready))) {
    loop_.add_fd_watch(*this);
    const int events =
        (static_cast<int>(interest) & 1 ? EV_READ : 0) | (static_cast<int>(interest) & 2 ? EV_WRITE : 0);
    ev_io_init(&io_, on_ready, fd, events);
    io_.data = this;
    ev_io_start(loop_.ev(), &io_);
  }
  ~LibevFdWatch() override {
    ev_io_stop(loop_.ev(), &io_);
    loop_.remove_fd_watch(*this);
  }
  void set_ref(bool ref) override { ref_.set(ref); }

  // For the loop: is the descriptor closed? Then libev is not to see it, and it counts as ready.
  void set_closed(bool closed) {
    if (closed == closed_) return;
    closed_ = closed;
    closed ? ev_io_stop(loop_.ev(), &io_) : ev_io_start(loop_.ev(), &io_);
  }
  void tell_if_closed() {
    if (closed_ && !loop_.dropping()) call(ready_);
  }

 private:
  friend class LibevLoop;

  static void on_ready(struct ev_loop* ev, ev_io* io, int events) {
    if (events & EV_ERROR) {
      renew(*io);
      ev_io_start(ev, io);
    }
    auto& self = *static_cast<LibevFdWatch*>(io->data);
    if (!self.loop_.dropping()) call(self.ready_);
  }

  LibevLoop& loop_;
  Ref ref_{loop_, true};
  SharedCallback ready_;
  ev_io io_;
  LibevFdWatch* next_ = nullptr;  // of all of the loop
  LibevFdWatch* prev_ = nullptr;
  bool closed_ = false;
};

}  // namespace verdin::loop
