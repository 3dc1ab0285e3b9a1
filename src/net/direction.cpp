#include "net/direction.hpp"

#include <string>

#include <verdin/net/error.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/if_lost.hpp>

namespace verdin::net {

void Claim::refuse(const char* what) {
  throw ConcurrentUse(std::string("verdin: ") + what + ": another greenlet does the same on this socket");
}

/// The loop may have ended since the last wait, and another begun.
void Direction::bind(int fd) {
  loop::Loop& loop = Hub::current().loop();
  if (readiness_ && readiness_->loop() == &loop) return;
  if (readiness_ && readiness_->loop())
    throw WrongThread("verdin: a socket is used on another hub than before");
  readiness_ = loop.readiness(fd, interest_, &Direction::on_ready, this);
}

std::error_code Direction::wait(int fd, Deadline limit, const char* what) {
  if (limit.passed()) return Errc::timed_out;
  attempts_ = 0;
  bind(fd);
  verdin::impl::Waiter waiter(what);
  struct Leave {
    Direction& direction;
    ~Leave() {
      direction.waiter_ = nullptr;
      if (direction.readiness_) direction.readiness_->disarm();
    }
  } leave{*this};
  const verdin::impl::IfLost lost(&Direction::lose_waiter, this);
  waiter_ = &waiter;
  readiness_->arm();
  return waiter.wait_until(limit.due()) ? std::error_code() : Errc::timed_out;
}

/// In a child of fork().
void Direction::lose_waiter(void* self) noexcept {
  auto& direction = *static_cast<Direction*>(self);
  direction.waiter_ = nullptr;
  if (direction.readiness_) direction.readiness_->disarm();
}

void Direction::forget() noexcept {
  readiness_.reset();
  nudge();
}

void Direction::let_others_run() {
  attempts_ = 0;
  Hub* const hub = Hub::current_or_null();
  if (hub && !hub->in_hub()) hub->yield();
}

}  // namespace verdin::net
