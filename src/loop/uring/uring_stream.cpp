#include "loop/uring/uring_stream.hpp"

#include <array>
#include <cerrno>
#include <new>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/socket.hpp"

namespace verdin::loop {

UringStream::UringStream(UringLoop& loop, int fd) : loop_(loop), fd_(fd) {
  // io_uring waits for a socket only if the socket itself would.
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  set_no_delay(fd);
  loop_.add_stream(*this);
}

UringStream::~UringStream() { loop_.remove_stream(*this); }

void UringStream::set_handler(StreamHandler* handler) {
  handler_ = handler;
  if (untold_ && handler_) add_broken();
  update();
}

void UringStream::pause() {
  paused_ = true;
  update();
}

void UringStream::resume() {
  paused_ = false;
  update();
}

/// After whatever may change what the kernel is to do for this stream.
void UringStream::update() {
  if (closed_) return;
  const bool wanted = wants_data();
  const bool busy = wanted || blocked_;
  if (counted_ != busy) {
    counted_ = busy;
    loop_.count_work(busy ? 1 : -1);
  }
  if (receive_changes()) touch();
  if (wanted && kept_ && !resumed_) {
    resumed_ = true;
    loop_.add_resumed(*this);
  }
}

void UringStream::touch() {
  if (dirty_) return;
  loop_.add_dirty(*this);
  dirty_ = true;
}

void UringStream::prepare() {
  dirty_ = false;
  if (error_ == 0 && !closed_ && !waiting_ && !quick_ && (sending_ || queue_)) prepare_send();
  closed_ ? prepare_cancellation() : prepare_receive();
}

void UringStream::cancel(Tag what) {
  io_uring_sqe* entry = loop_.entry();
  io_uring_prep_cancel64(entry, user_data(this, what), 0);
  entry->user_data = user_data(this, Tag::cancel);
  ++operations_;
}

/// One can miss an operation that is being run just then; so it is repeated until they have ended.
void UringStream::prepare_cancellation() {
  if (receiving_) cancel(Tag::receive);
  if (waiting_) cancel(Tag::send);
}

void UringStream::on_cancelled(int result) {
  --operations_;
  if (result >= 0) return;
  cancelling_ = false;
  if (closed_) {
    if (receiving_ || waiting_) touch();
  } else {
    update();
  }
}

SendQueue& UringStream::queue() {
  loop_.send_queues().drop_if_parents(queue_);
  if (!queue_) queue_ = loop_.send_queues().take();
  touch();
  return *queue_;
}

std::size_t UringStream::unsent() const {
  const auto size_of = [](const std::unique_ptr<SendQueue>& queue) {
    return queue && !queue->is_parents() ? queue->size() : 0;
  };
  return size_of(queue_) + size_of(sending_);
}

/// What an earlier send left goes before what was queued since.
void UringStream::prepare_send() {
  if (!sending_) sending_ = std::move(queue_);
  if (sending_->size() == 0) return after_write();
  UringLoop::Gather& gather = loop_.next_gather();
  gather.message = {};
  gather.message.msg_iov = gather.pieces.data();
  gather.message.msg_iovlen = sending_->gather(gather.pieces);
  // Here MSG_WAITALL does not wait: it makes less than all a failure, which is told where success is silent.
  const int flags = blocked_ ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
  const Tag tag = blocked_ ? Tag::send : Tag::quick_send;
  io_uring_sqe* entry = blocked_ ? loop_.entry() : loop_.silent_entry();
  if (gather.message.msg_iovlen == 1) {
    io_uring_prep_send(entry, fd_, gather.pieces[0].iov_base, gather.pieces[0].iov_len, flags);
  } else {
    io_uring_prep_sendmsg(entry, fd_, &gather.message, static_cast<unsigned>(flags));
  }
  entry->user_data = user_data(this, tag);
  if (blocked_) {
    waiting_ = true;
    ++operations_;
  } else {
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    quick_ = true;
    quick_size_ = gather.size();
    loop_.add_quick_send(*this);
  }
}

/// Nothing was heard of it: all is written.
void UringStream::settle_quick_send() {
  if (!quick_) return;
  quick_ = false;
  on_written(quick_size_);
}

void UringStream::on_quick_send_failed(int result) {
  if (!quick_) return;
  quick_ = false;
  if (result < 0 && !try_again(result)) return fail(-result);
  blocked_ = true;
  on_written(result > 0 ? static_cast<std::size_t>(result) : 0);
}

void UringStream::on_sent(int result) {
  waiting_ = false;
  --operations_;
  if (closed_) return loop_.send_queues().give_back(std::move(sending_));
  if (result < 0 && !try_again(result)) return fail(-result);
  on_written(result > 0 ? static_cast<std::size_t>(result) : 0);
}

void UringStream::on_written(std::size_t count) {
  if (count > 0) sending_->consume(count);
  after_write();
}

void UringStream::after_write() {
  if (sending_->size() == 0) loop_.send_queues().give_back(std::move(sending_));
  if (sending_ || queue_) {
    touch();
    if (blocked_) update();
    return;
  }
  if (blocked_) {
    unblock();
    update();
  }
  if (finish_timer_) send_fin();
}

void UringStream::unblock() {
  blocked_ = false;
  if (drained_) return;
  drained_ = true;
  loop_.add_drained(*this);
}

void UringStream::report_drained() {
  drained_ = false;
  if (!closed_ && !blocked_ && !finish_timer_ && error_ == 0 && handler_) handler_->on_drained();
}

/// What the kernel does not take waits as after any flush. Nothing is on its way to the kernel.
void UringStream::write_through(std::string_view bytes) {
  loop_.send_queues().drop_if_parents(queue_);
  const ssize_t sent = SendQueue::write_through(fd_, queue_.get(), bytes);
  if (sent < 0) return fail(errno);
  if (static_cast<std::size_t>(sent) == bytes.size()) return;
  try {
    queue().append(bytes.substr(static_cast<std::size_t>(sent)));
  } catch (const std::bad_alloc&) {
    if (sent == 0) throw;  // of these octets nothing has left
    return fail(ENOMEM);   // half of them has
  }
  blocked_ = true;
  update();
}

/// An operation that waits keeps its order before anything that is written now.
void UringStream::flush() {
  loop_.send_queues().drop_if_parents(queue_);
  if (closed_ || error_ != 0 || (!queue_ && !sending_) || blocked_) return;
  if (sending_) {
    blocked_ = true;
    return update();
  }
  while (queue_->size() > 0) {
    std::array<iovec, UringLoop::kGatherLimit> pieces;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = queue_->gather(pieces);
    const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail(errno);
      queue_->trim();
      blocked_ = true;
      touch();
      return update();
    }
    queue_->consume(static_cast<std::size_t>(n));
  }
  loop_.send_queues().give_back(std::move(queue_));
  if (finish_timer_) send_fin();
}

void UringStream::fail(int error) {
  error_ = error;
  blocked_ = false;
  if (queue_) loop_.send_queues().give_back(std::move(queue_));
  if (sending_ && !waiting_) loop_.send_queues().give_back(std::move(sending_));
  add_broken();
  update();
}

void UringStream::add_broken() {
  if (broken_) return;
  broken_ = true;
  loop_.add_broken(*this);
}

void UringStream::report_broken() {
  broken_ = false;
  if (closed_ || made_.is_parents()) return;  // a handler that was told before may have forked
  if (finish_timer_) return end_finishing();
  untold_ = !handler_;
  if (handler_) handler_->on_error(std::error_code(error_, std::system_category()));
}

void UringStream::finish() {
  if (closed_) return;
  if (error_ != 0 || made_.is_parents()) return close();  // the end that it tells would be the parent's, too
  handler_ = nullptr;
  paused_ = false;
  const bool ended = kept_ && (kept_->ended || kept_->error != 0);
  kept_.reset();
  const auto out_of_time = [](void* self) { static_cast<UringStream*>(self)->end_finishing(); };
  finish_timer_ = std::make_unique<Timer>(loop_, out_of_time, this);
  finish_timer_->start(kFinishTime);
  loop_.add_retired(*this);
  if (ended) eof_ = true;
  loop_.send_queues().drop_if_parents(queue_);
  if (queue_ || sending_) {
    flush();
  } else {
    send_fin();
  }
  update();
}

void UringStream::send_fin() {
  if (fin_sent_ || closed_) return;
  fin_sent_ = true;
  ::shutdown(fd_, SHUT_WR);
  if (eof_) end_finishing();
}

void UringStream::end_finishing() {
  if (closed_) return;
  loop_.remove_retired(*this);
  close();
}

/// The kernel still holds the socket until the operations on it are cancelled: with the end of this turn.
void UringStream::close() {
  if (closed_) return;
  if (counted_) loop_.count_work(-1);
  counted_ = false;
  closed_ = true;
  handler_ = nullptr;
  kept_.reset();
  if (finish_timer_) finish_timer_->stop();
  withdraw();
  if (queue_) loop_.send_queues().give_back(std::move(queue_));
  if (sending_ && !waiting_) loop_.send_queues().give_back(std::move(sending_));
  ::close(fd_);
  if (receiving_ || waiting_) touch();
  loop_.bury(*this);
}

/// What a loop that could not submit has prepared.
void UringStream::withdraw() noexcept {
  if (receiving_) loop_.withdraw(user_data(this, Tag::receive));
  if (waiting_) loop_.withdraw(user_data(this, Tag::send));
  if (quick_) loop_.withdraw(user_data(this, Tag::quick_send));
  quick_ = false;
}

void UringStream::after_fork() noexcept {
  if (sending_) loop_.send_queues().give_back(std::move(sending_));
  loop_.send_queues().drop_if_parents(queue_);
  receiving_ = polling_ = cancelling_ = waiting_ = quick_ = false;
  operations_ = 0;
  if (closed_) return;
  if (blocked_) unblock();
  if (queue_) touch();
  update();
}

std::string UringStream::peer_address() const { return closed_ ? std::string() : peer_address_of(fd_); }

bool UringStream::peer_gone() const {
  const bool kept_end = kept_ && (kept_->ended || kept_->error != 0);
  return closed_ || eof_ || kept_end || error_ != 0 || peer_gone_of(fd_);
}

}  // namespace verdin::loop
