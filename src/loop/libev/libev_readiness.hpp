// LibevReadiness: an ev_io that is stopped only when it has fired and nobody waited.
#pragma once

#include <ev.h>

#include <verdin/loop/readiness.hpp>

#include "loop/libev/libev_loop.hpp"

namespace verdin::loop {

class LibevReadiness final : public Readiness {
 public:
  LibevReadiness(LibevLoop& loop, int fd, Interest interest, Callback callback, void* owner);
  ~LibevReadiness() override;
  void arm() override;
  void disarm() noexcept override;
  Loop* loop() const noexcept override { return loop_; }

  // For the loop.
  void deliver();
  void on_closed();
  void loop_ends() noexcept;

 private:
  friend class LibevLoop;
  static void on_io(struct ev_loop*, ev_io* io, int);

  LibevLoop* loop_;
  LibevReadiness* next_ = nullptr;  // of all of the loop
  LibevReadiness* prev_ = nullptr;
  ev_io io_;
  bool listed_ = false;
};

}  // namespace verdin::loop
