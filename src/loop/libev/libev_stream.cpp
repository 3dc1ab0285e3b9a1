#include "loop/libev/libev_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include <sys/socket.h>
#if defined(__linux__)
#include <sys/sendfile.h>
#endif
#include <unistd.h>

#include "loop/no_sigpipe.hpp"
#include "loop/plain_calls.hpp"
#include "loop/socket.hpp"

namespace verdin::loop {
namespace {

[[maybe_unused]] constexpr std::uint64_t kMostOfFile = 1 << 30;  // sendfile(2) takes no more than 2 GiB

}  // namespace

LibevStream::LibevStream(LibevLoop& loop, int fd) : loop_(loop) {
  ev_io_init(&io_, &LibevStream::on_io, fd, 0);
  io_.data = this;
  set_no_delay(fd);
  loop_.add_stream(*this);
}

LibevStream::~LibevStream() { loop_.remove_stream(*this); }

void LibevStream::set_handler(StreamHandler* handler) {
  handler_ = handler;
  look_at_held();
  if (handler_ && error_ != 0 && !told_) tell_of_error();
  update_interest();
}

void LibevStream::look_at_held() noexcept {
  if (!held_ || held_due_ || closed_ || !takes_data()) return;
  held_due_ = true;
  loop_.deliver_held_of(*this);
}

void LibevStream::update_interest() noexcept {
  if (closed_) return;
  const bool wants_data = (handler_ != nullptr || finish_timer_) && !paused_ && !eof_ && !held_ &&
                          error_ == 0 && !made_.is_parents();
  const int events = (wants_data ? EV_READ : 0) | (blocked_ ? EV_WRITE : 0);
  if (counted_ != (events != 0)) {
    counted_ = events != 0;
    loop_.count_work(counted_ ? 1 : -1);
  }
  if (ev_is_active(&io_) && (io_.events & (EV_READ | EV_WRITE)) == events) return;
  ev_io_stop(loop_.ev(), &io_);
  if (events == 0) return;
  ev_io_set(&io_, io_.fd, events);
  ev_io_start(loop_.ev(), &io_);
}

SendQueue& LibevStream::queue() {
  loop_.send_queues().drop_if_parents(queue_);
  if (!queue_) queue_ = loop_.send_queues().take();
  if (!dirty_) {
    loop_.add_dirty(*this);
    dirty_ = true;
  }
  return *queue_;
}

void LibevStream::send(std::string_view bytes) {
  if (made_.is_parents()) return;
  if (bytes.size() < SendQueue::kWriteThrough || closed_ || blocked_ || error_ != 0) {
    queue().append(bytes);
  } else {
    write_through(bytes);
  }
}

/// What the kernel does not take waits as after any flush.
void LibevStream::write_through(std::string_view bytes) {
  loop_.send_queues().drop_if_parents(queue_);
  const ssize_t sent = SendQueue::write_through(io_.fd, queue_.get(), bytes);
  if (sent < 0) return fail(errno);
  if (static_cast<std::size_t>(sent) == bytes.size()) return;
  try {
    queue().append(bytes.substr(static_cast<std::size_t>(sent)));
  } catch (const std::bad_alloc&) {
    if (sent == 0) throw;  // of these octets nothing has left
    return fail(ENOMEM);   // half of them has
  }
  blocked_ = true;
  update_interest();
}
void LibevStream::send(const SharedBuffer& buffer) {
  if (!made_.is_parents()) queue().append(buffer);
}
std::string& LibevStream::send_in_place() { return made_.is_parents() ? loop_.scrap() : queue().tail(); }

bool LibevStream::has_to_flush() noexcept {
  loop_.send_queues().drop_if_parents(queue_);
  return !closed_ && queue_ && !blocked_;
}

std::string_view LibevStream::begin_flush() {
  dirty_ = false;
  if (!has_to_flush()) return {};
  if (error_ == 0 && queue_->is_plain()) return queue_->plain();
  write_some();
  return {};
}

void LibevStream::end_flush(ssize_t sent) {
  if (wrote(sent, true)) return write_some();
  after_flush();
}

void LibevStream::flush() {
  if (has_to_flush()) write_some();
}

void LibevStream::write_some(int flags) {
  while (error_ == 0 && queue_->size() > 0) {
    const auto [n, tried_all] = queue_->write(io_.fd, flags);
    if (!wrote(n < 0 ? -errno : n, tried_all)) break;
  }
  after_flush();
}

/// False if there is nothing more to be tried now. `sent`: less than 0 is -errno.
bool LibevStream::wrote(ssize_t sent, bool tried_all) {
  if (sent < 0) {
    if (sent == -EINTR) return true;
    if (sent != -EAGAIN && sent != -EWOULDBLOCK) fail(static_cast<int>(-sent));
    return false;
  }
  const std::size_t before = queue_->size();
  queue_->consume(static_cast<std::size_t>(sent));
  const bool is_full = static_cast<std::size_t>(sent) < before && tried_all;
  return !is_full && queue_->size() > 0;
}

#if defined(__linux__)
FileSend LibevStream::send_file(int file, std::uint64_t& offset, std::uint64_t& size) {
  if (made_.is_parents()) return FileSend::unsupported;
  loop_.send_queues().drop_if_parents(queue_);
  // What goes before is not worth a packet of its own.
  if (queue_ && !closed_ && !blocked_) write_some(MSG_MORE);
  if (closed_ || blocked_ || error_ != 0) return FileSend::full;
  impl::NoSigpipe no_sigpipe;
  while (size > 0) {
    auto at = static_cast<off_t>(offset);
    const ssize_t n = ::sendfile(io_.fd, file, &at, static_cast<std::size_t>(std::min(size, kMostOfFile)));
    if (n > 0) {
      offset += static_cast<std::uint64_t>(n);
      size -= static_cast<std::uint64_t>(n);
      continue;
    }
    if (n == 0 || errno == EIO) return FileSend::failed;
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == ENOSYS) return FileSend::unsupported;
    if (errno == EPIPE) no_sigpipe.broken();
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      blocked_ = true;
      update_interest();
    } else {
      fail(errno);
    }
    return FileSend::full;
  }
  return FileSend::done;
}
#else
FileSend LibevStream::send_file(int, std::uint64_t&, std::uint64_t&) { return FileSend::unsupported; }
#endif

void LibevStream::after_flush() {
  const bool empty = queue_->size() == 0;
  if (empty || error_ != 0) loop_.send_queues().give_back(std::move(queue_));
  const bool was_blocked = blocked_;
  blocked_ = !empty && error_ == 0;
  if (blocked_ && !was_blocked) queue_->trim();
  if (blocked_ != was_blocked || error_ != 0) update_interest();
  if (empty && finish_timer_) send_fin();
}

void LibevStream::send_fin() {
  if (fin_sent_) return;
  fin_sent_ = true;
  ::shutdown(io_.fd, SHUT_WR);
  if (eof_) end_finishing();
}

/// In a child process: what there was to be written is the parent's.
void LibevStream::unblock() {
  blocked_ = false;
  update_interest();
}

void LibevStream::fail(int error) {
  error_ = error;
  tell_of_error();
}

void LibevStream::tell_of_error() {
  if (broken_) return;
  broken_ = true;
  loop_.add_broken(*this);
}

void LibevStream::report_broken() {
  broken_ = false;
  if (closed_ || made_.is_parents()) return;  // a handler that was told before may have forked
  if (finish_timer_) return end_finishing();
  if (!handler_) return;  // the next one is told
  told_ = true;
  handler_->on_error(std::error_code(error_, std::system_category()));
}

void LibevStream::pause() {
  paused_ = true;
  update_interest();
}

void LibevStream::resume() {
  paused_ = false;
  look_at_held();
  update_interest();
}

void LibevStream::on_io(struct ev_loop*, ev_io* io, int events) {
  auto& self = *static_cast<LibevStream*>(io->data);
  if (events & EV_ERROR) self.update_interest();  // it was stopped: see renew()
  self.loop_.add_ready(self, events);
}

/// The stream may have been closed since; its memory is there until the turn ends.
void LibevStream::on_ready(int events) {
  if ((events & EV_WRITE) && blocked_ && !closed_) {
    loop_.send_queues().drop_if_parents(queue_);
    queue_ ? write_some() : unblock();
    const bool drained = !blocked_ && error_ == 0;
    if (drained && !closed_ && !finish_timer_ && handler_) handler_->on_drained();
  }
  if (!(events & EV_READ) || closed_ || eof_ || error_ != 0) return;
  if (finish_timer_) return discard_input();
  if (!may_be_read()) return;
  on_received(loop_.read_buffer(), read(loop_.read_buffer()));
}

ssize_t LibevStream::read(char* at) noexcept {
  const ssize_t n = plain::recv(io_.fd, at, bulk_ ? loop_.bulk().read_size(true) : kMostRead, 0);
  if (bulk_) {
    bulk_ = false;
    if (n > 0) loop_.bulk().count(static_cast<std::size_t>(n));
  }
  return n < 0 ? -errno : n;
}

/// Since it was read, other handlers may have done anything to it.
void LibevStream::on_received(char* data, ssize_t result) {
  if (closed_ || eof_ || error_ != 0 || made_.is_parents()) return;
  if (finish_timer_) return discarded(result);
  if (result > 0) {
    const std::span octets(data, static_cast<std::size_t>(result));
    takes_data() ? handler_->on_data(octets) : hold({octets.data(), octets.size()}, 0);
  } else if (result == 0) {
    if (!takes_data()) return;  // it will be told of again
    eof_ = true;
    update_interest();
    handler_->on_eof();
  } else if (result != -EAGAIN && result != -EWOULDBLOCK && result != -EINTR) {
    if (!takes_data()) return hold({}, static_cast<int>(-result));  // the kernel tells of it only once
    fail(static_cast<int>(-result));
    update_interest();
  }
}

void LibevStream::hold(std::string_view octets, int error) {
  held_ = loop_.hold_back(*this, octets, error);
  if (!held_) fail(error != 0 ? error : ENOMEM);  // a piece is missing
  update_interest();
}

void LibevStream::drop_held() noexcept {
  if (!held_) return;
  held_ = held_due_ = false;
  loop_.drop_held(*this);
}

/// It may have been asked for and paused again.
void LibevStream::on_held(LibevLoop::HeldMap::node_type held) {
  held_due_ = false;
  if (!takes_data() && !closed_) return loop_.hold_again(std::move(held));
  held_ = false;
  update_interest();
  LibevLoop::Held& what = held.mapped();
  on_received(what.octets.data(), what.error != 0 ? -what.error : static_cast<ssize_t>(what.size));
}

void LibevStream::discard_input() {
  const ssize_t n = plain::recv(io_.fd, loop_.read_buffer(), kMostRead, 0);
  discarded(n < 0 ? -errno : n);
}

void LibevStream::discarded(ssize_t result) {
  if (result > 0 || result == -EAGAIN || result == -EWOULDBLOCK || result == -EINTR) return;
  eof_ = true;
  if (result < 0 || fin_sent_) return end_finishing();
  update_interest();
}

void LibevStream::finish() {
  if (closed_) return;
  if (error_ != 0 || made_.is_parents()) return close();  // the end that it tells would be the parent's, too
  handler_ = nullptr;
  paused_ = false;
  drop_held();
  const auto out_of_time = [](void* self) { static_cast<LibevStream*>(self)->end_finishing(); };
  finish_timer_ = std::make_unique<Timer>(loop_, out_of_time, this);
  finish_timer_->start(kFinishTime);
  loop_.add_retired(*this);
  loop_.send_queues().drop_if_parents(queue_);
  if (queue_) {
    flush();
    if (!closed_ && !blocked_ && error_ != 0) return;  // reported at the end of the turn
  } else {
    send_fin();
  }
  if (!closed_) update_interest();
}

void LibevStream::end_finishing() {
  if (closed_) return;
  loop_.remove_retired(*this);
  close();
}

void LibevStream::close() {
  if (closed_) return;
  if (counted_) loop_.count_work(-1);
  counted_ = false;
  closed_ = true;
  handler_ = nullptr;
  if (finish_timer_) finish_timer_->stop();
  if (queue_) loop_.send_queues().give_back(std::move(queue_));
  drop_held();
  ev_io_stop(loop_.ev(), &io_);
  ::close(io_.fd);
  loop_.bury(*this);
}

std::string LibevStream::peer_address() const { return closed_ ? std::string() : peer_address_of(io_.fd); }

bool LibevStream::peer_gone() const { return closed_ || eof_ || error_ != 0 || peer_gone_of(io_.fd); }

}  // namespace verdin::loop
