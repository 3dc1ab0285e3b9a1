// Descriptors that are closed while they are watched. epoll forgets them. With select, libev tells of nobody
// else as long as there are such; with poll it asserts that there are none, which ends the program where the
// library was built with assertions, as distributions do. So with these they are looked for before libev
// polls, at the price of a poll(2) a turn. One that another thread closes between the two, or while the loop
// waits, is not seen.
#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <poll.h>

#include "loop/libev/libev_readiness.hpp"
#include "loop/libev/libev_watches.hpp"

namespace verdin::loop {
namespace {

// One descriptor may be watched many times, and poll(2) takes no more entries than the process may have open.
constexpr std::size_t kLookedAtAtOnce = 64;

}  // namespace

bool LibevLoop::looks_for_closed() const noexcept {
  return ev_backend(ev_) == EVBACKEND_POLL || ev_backend(ev_) == EVBACKEND_SELECT;
}

void LibevLoop::add_fd_watch(LibevFdWatch& watch) {
  if (looks_for_closed()) make_room_for(readiness_count_ + fd_watch_count_ + 1, looked_at_);
  ++fd_watch_count_;
  watch.next_ = fd_watches_;
  if (fd_watches_) fd_watches_->prev_ = &watch;
  fd_watches_ = &watch;
}

void LibevLoop::remove_fd_watch(LibevFdWatch& watch) noexcept {
  --fd_watch_count_;
  if (next_to_tell_ == &watch) next_to_tell_ = watch.next_;
  (watch.prev_ ? watch.prev_->next_ : fd_watches_) = watch.next_;
  if (watch.next_) watch.next_->prev_ = watch.prev_;
}

/// True if there are such: they are ready now. They stay unknown to libev until they are open again.
bool LibevLoop::look_for_closed() {
  looked_at_.clear();
  for (const LibevReadiness* each = readinesses_; each; each = each->next_) {
    if (ev_is_active(&each->io_)) looked_at_.push_back({each->io_.fd, 0, 0});
  }
  for (const LibevFdWatch* each = fd_watches_; each; each = each->next_)
    looked_at_.push_back({each->io_.fd, 0, 0});
  for (std::size_t at = 0; at < looked_at_.size(); at += kLookedAtAtOnce) {
    const std::size_t count = std::min(kLookedAtAtOnce, looked_at_.size() - at);
    while (::poll(&looked_at_[at], count, 0) < 0 && errno == EINTR) continue;
  }
  any_closed_ = false;
  auto is_closed = [this, at = looked_at_.begin()]() mutable {
    const bool closed = (at++->revents & POLLNVAL) != 0;
    any_closed_ = any_closed_ || closed;
    return closed;
  };
  for (LibevReadiness* each = readinesses_; each; each = each->next_) {
    if (ev_is_active(&each->io_) && is_closed()) each->on_closed();
  }
  for (LibevFdWatch* each = fd_watches_; each; each = each->next_) each->set_closed(is_closed());
  return any_closed_;
}

/// As long as they are, with each turn.
void LibevLoop::tell_of_closed() {
  next_to_tell_ = fd_watches_;
  while (LibevFdWatch* const watch = next_to_tell_) {
    next_to_tell_ = watch->next_;
    watch->tell_if_closed();
  }
}

}  // namespace verdin::loop
