#include "loop/libev/libev_readiness.hpp"

#include <algorithm>
#include <memory>

namespace verdin::loop {

LibevReadiness::LibevReadiness(LibevLoop& loop, int fd, Interest interest, Callback callback, void* owner)
    : Readiness(callback, owner), loop_(&loop) {
  const int events =
      (static_cast<int>(interest) & 1 ? EV_READ : 0) | (static_cast<int>(interest) & 2 ? EV_WRITE : 0);
  ev_io_init(&io_, &LibevReadiness::on_io, fd, events);
  io_.data = this;
  loop.add_readiness(*this);
}

LibevReadiness::~LibevReadiness() {
  if (!loop_) return;
  disarm();
  ev_io_stop(loop_->ev(), &io_);
  loop_->remove_readiness(*this);
}

void LibevReadiness::arm() {
  if (armed_ || !loop_) return;
  armed_ = true;
  loop_->count_work(1);
  ev_io_start(loop_->ev(), &io_);  // nothing, if it was left active
}

void LibevReadiness::disarm() noexcept {
  if (!armed_) return;
  armed_ = false;
  loop_->count_work(-1);
}

void LibevReadiness::on_io(struct ev_loop*, ev_io* io, int events) {
  auto& self = *static_cast<LibevReadiness*>(io->data);
  if (events & EV_ERROR) renew(*io);
  if (!self.armed_) {
    ev_io_stop(self.loop_->ev(), io);
  } else if (!self.listed_) {
    self.listed_ = true;
    self.loop_->add_ready(self);
  }
}

/// libev is not to see the descriptor any more; who waits for it will.
void LibevReadiness::on_closed() {
  ev_io_stop(loop_->ev(), &io_);
  on_io(loop_->ev(), &io_, 0);
}

void LibevReadiness::deliver() {
  listed_ = false;
  if (!armed_) return;
  disarm();
  tell();
}

void LibevReadiness::loop_ends() noexcept {
  disarm();
  ev_io_stop(loop_->ev(), &io_);
  loop_ = nullptr;
}

void LibevLoop::add_readiness(LibevReadiness& readiness) {
  make_room_for(readiness_count_ + 1, waits_over_);
  if (looks_for_closed()) make_room_for(readiness_count_ + fd_watch_count_ + 1, looked_at_);
  ++readiness_count_;
  readiness.next_ = readinesses_;
  if (readinesses_) readinesses_->prev_ = &readiness;
  readinesses_ = &readiness;
}

void LibevLoop::remove_readiness(LibevReadiness& readiness) noexcept {
  --readiness_count_;
  (readiness.prev_ ? readiness.prev_->next_ : readinesses_) = readiness.next_;
  if (readiness.next_) readiness.next_->prev_ = readiness.prev_;
  if (readiness.listed_)
    std::replace(waits_over_.begin(), waits_over_.end(), &readiness, static_cast<LibevReadiness*>(nullptr));
}

/// In the order in which the kernel told of them, as deliver_ready().
void LibevLoop::deliver_readiness() {
  while (!waits_over_.empty()) {
    LibevReadiness* const readiness = waits_over_.back();
    waits_over_.pop_back();
    if (readiness) readiness->deliver();
  }
}

/// Whoever is still ready will be found so.
void LibevLoop::forget_readiness() noexcept {
  waits_over_.clear();
  for (LibevReadiness* each = readinesses_; each; each = each->next_) each->listed_ = false;
}

void LibevLoop::end_readiness() noexcept {
  for (LibevReadiness* readiness = readinesses_; readiness; readiness = readiness->next_)
    readiness->loop_ends();
}

ReadinessPtr LibevLoop::readiness(int fd, Interest interest, Readiness::Callback ready, void* owner) {
  return std::make_unique<LibevReadiness>(*this, fd, interest, ready, owner);
}

}  // namespace verdin::loop
