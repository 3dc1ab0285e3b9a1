#include "loop/libev/libev_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include <unistd.h>

#include "loop/libev/libev_stream.hpp"

namespace verdin::loop {
namespace {

// The end of every wait: a stale alarm only costs one empty turn.
void on_alarm(struct ev_loop*, ev_timer*, int) {}
void on_wake(struct ev_loop*, ev_async* wake, int) { *static_cast<bool*>(wake->data) = true; }

/// libev ends the program if it has no descriptors to be woken by.
void check_descriptors_left() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "verdin: pipe");
  for (const int fd : ends) ::close(fd);
}

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

LibevLoop::LibevLoop(unsigned backend_flags)
    // Zeros, of which most are never touched.
    : read_buffer_(static_cast<char*>(std::calloc(kFewOctets + kBulkRead + kReadPadding, 1))) {
  if (!read_buffer_) throw std::bad_alloc();
  received_.reserve(kMostReceived);
  ev_ = ev_loop_new(backend_flags | EVFLAG_NOENV);
  if (!ev_) throw std::system_error(ENOTSUP, std::generic_category(), "ev_loop_new");
  try {
    start_waker();
  } catch (...) {
    ev_loop_destroy(ev_);
    throw;
  }
  ev_timer_init(&timer_, on_alarm, 0., 0.);
  // Runs first of all that a poll has brought: callbacks must not start timers by a clock from before a long
  // wait.
  ev_check_init(&polled_, [](struct ev_loop*, ev_check* check, int) {
    auto& loop = *static_cast<LibevLoop*>(check->data);
    loop.set_waiting(false);
    loop.update_now();
  });
  polled_.data = this;
  ev_set_priority(&polled_, EV_MAXPRI);
  ev_check_start(ev_, &polled_);
}

/// Throws if the kernel would not take what wakes a wait: libev goes on without, once it has called back.
void LibevLoop::start_waker() {
  ev_async_init(&wake_, on_wake);
  wake_.data = &woken_;
  ev_set_userdata(ev_, this);
  ev_set_loop_release_cb(ev_, &LibevLoop::before_poll, [](struct ev_loop*) noexcept {});
  for (int tries = 0; tries < 3; ++tries) {
    check_descriptors_left();
    ev_async_start(ev_, &wake_);
    for (int i = 0; i < 2; ++i) {
      woken_ = false;  // before_poll() wakes then
      ev_run(ev_, EVRUN_NOWAIT);
    }
    if (woken_) return;
    ev_async_stop(ev_, &wake_);
  }
  check_descriptors_left();
  ev_async_start(ev_, &wake_);  // libev closes only what it watches
  throw std::system_error(ENOMEM, std::generic_category(), "verdin: a loop that cannot be woken");
}

/// What libev finds out while it tells the kernel of descriptors (EV_ERROR) it would call back for only after
/// the wait.
void LibevLoop::before_poll(struct ev_loop* ev) noexcept {
  auto& self = *static_cast<LibevLoop*>(ev_userdata(ev));
  if (ev_pending_count(ev) > 0 || !self.woken_) self.wake();
}

LibevLoop::~LibevLoop() {
  end_watches();
  end_retired();
  dirty_.clear();
  broken_.clear();
  for (LibevStream* stream : graveyard_) delete stream;
  end_readiness();
  ev_check_stop(ev_, &polled_);
  ev_timer_stop(ev_, &timer_);
  ev_async_stop(ev_, &wake_);
  ev_loop_destroy(ev_);
}

std::string LibevLoop::backend() const {
  switch (ev_backend(ev_)) {
    case EVBACKEND_EPOLL:
      return "libev:epoll";
    case EVBACKEND_POLL:
      return "libev:poll";
    case EVBACKEND_SELECT:
      return "libev:select";
    case EVBACKEND_KQUEUE:
      return "libev:kqueue";
    case EVBACKEND_PORT:
      return "libev:port";
    default:
      return "libev";
  }
}

StreamPtr LibevLoop::adopt(int fd) {
  try {
    make_room_for(stream_count_ + 1, ready_, dirty_, flushing_, broken_, graveyard_, retired_, held_due_);
    return StreamPtr(new LibevStream(*this, fd));
  } catch (...) {
    ::close(fd);
    throw;
  }
}

bool LibevLoop::has_work() const noexcept {
  return work_ > 0 || !dirty_.empty() || !broken_.empty() || has_received() || deadlines_.any_ref() ||
         wheel_.next_due().has_value();
}

void LibevLoop::remove_retired(LibevStream& stream) {
  auto at = std::find(retired_.begin(), retired_.end(), &stream);
  if (at == retired_.end()) return;
  *at = retired_.back();
  retired_.pop_back();
}

void LibevLoop::end_retired() {
  while (!retired_.empty()) {
    LibevStream* stream = retired_.back();
    retired_.pop_back();
    stream->close();
  }
}

/// In a child process: the parent says what is still to be said there.
void LibevLoop::look_for_parents_retired() {
  if (retired_generation_ == fork_generation()) return;
  retired_generation_ = fork_generation();
  end_retired();
}

void LibevLoop::add_stream(LibevStream& stream) noexcept {
  ++stream_count_;
  stream.next_ = streams_;
  if (streams_) streams_->prev_ = &stream;
  streams_ = &stream;
}

void LibevLoop::remove_stream(LibevStream& stream) noexcept {
  --stream_count_;
  (stream.prev_ ? stream.prev_->next_ : streams_) = stream.next_;
  if (stream.next_) stream.next_->prev_ = stream.prev_;
}

/// The parent may have been in the middle of a turn, which goes on here, too: it finds nothing more to do.
void LibevLoop::after_fork() noexcept {
  if (!forks_.in_new_child()) return;
  newly_forked_ = true;
  ev_loop_fork(ev_);
  wheel_.look_for_fork();
  ready_.clear();
  received_.clear();
  next_received_ = 0;
  forget_readiness();
  look_for_parents_retired();
  tell_watches_of_fork();
  for (LibevStream* each = streams_; each; each = each->next_) each->after_fork();
}

/// In the order in which the kernel told of them; libev itself calls back last first. What a handler throws
/// leaves the turn, and nobody is told twice.
void LibevLoop::deliver_ready() {
  deliver_received();
  while (!ready_.empty()) {
    if (receive_several()) {
      deliver_received();
    } else {
      const Ready last = ready_.back();
      ready_.pop_back();
      last.stream->on_ready(last.events);
    }
  }
}

bool LibevLoop::hold_back(LibevStream& stream, std::string_view octets, int error) noexcept {
  try {
    Held held{std::string(), octets.size(), error};
    held.octets.reserve(octets.size() + kReadPadding);
    held.octets.append(octets).append(kReadPadding, '\0');
    held_.insert_or_assign(&stream, std::move(held));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void LibevLoop::drop_held(LibevStream& stream) noexcept {
  held_.erase(&stream);
  std::erase(held_due_, &stream);
}

void LibevLoop::deliver_held() {
  while (!held_due_.empty()) {
    LibevStream& stream = *held_due_.back();
    held_due_.pop_back();
    stream.on_held(held_.extract(&stream));
  }
}

/// False if there was nothing to tell.
bool LibevLoop::report_broken() {
  if (broken_.empty()) return false;
  while (!broken_.empty()) {
    LibevStream* stream = broken_.back();
    broken_.pop_back();
    stream->report_broken();
  }
  return true;
}

void LibevLoop::free_graveyard() {
  std::erase_if(graveyard_, [](LibevStream* stream) {
    if (stream->listed()) return false;  // a list still names it: the next turn frees it
    delete stream;
    return true;
  });
}

void LibevLoop::arm_timer() {
  Clock::time_point due = Clock::time_point::max();
  if (!deadlines_.empty()) due = deadlines_.next_due();
  if (const auto wheel_due = wheel_.next_due()) due = std::min(due, *wheel_due);
  if (due == timer_due_ && (ev_is_active(&timer_) || due == Clock::time_point::max())) return;
  ev_timer_stop(ev_, &timer_);
  timer_due_ = due;
  if (due == Clock::time_point::max()) return;
  ev_now_update(ev_);
  ev_timer_set(&timer_, std::max(0., seconds(due - Clock::now())), 0.);
  ev_timer_start(ev_, &timer_);
}

void LibevLoop::turn(bool may_block) {
  const InTurn in_turn(*this);
  after_fork();
  if (newly_forked_) {
    check_descriptors_left();  // which libev makes anew
    newly_forked_ = false;
  }
  flush_dirty();
  // Whoever was told has perhaps queued something, or woken somebody outside of the loop: no wait now.
  const bool reported = report_broken();
  after_fork();
  if (newly_forked_) return;  // a handler has forked: the rest of the turn is the parent's
  const bool closed = looks_for_closed() && look_for_closed();
  const bool wait = may_block && !reported && !closed && !has_received();
  if (wait) arm_timer();
  set_waiting(wait);
  ready_.clear();  // what a throw has left there is told again
  ev_run(ev_, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
  set_waiting(false);
  bulk_.begin_turn();
  deliver_ready();
  deliver_held();
  deliver_readiness();
  if (closed) tell_of_closed();
  wheel_.fire(now_);
  if (!dropping()) deadlines_.fire(now_);
  if (!graveyard_.empty()) free_graveyard();
}

}  // namespace verdin::loop
