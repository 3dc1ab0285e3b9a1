#include "loop/uring/uring_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <new>
#include <system_error>

#include <unistd.h>

#include "loop/uring/uring_registration.hpp"
#include "loop/uring/uring_stream.hpp"

namespace verdin::loop {
namespace {

bool passes(int error) noexcept {
  return error == 0 || error == EAGAIN || error == EBUSY || error == EINTR || error == ENOMEM ||
         error == ENOBUFS || error == ETIME;
}

/// The kernel may do better afterwards.
void rest() noexcept {
  const timespec pause{0, 1'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

std::size_t UringLoop::Gather::size() const noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) size += pieces[i].iov_len;
  return size;
}

UringLoop::UringLoop() : buffers_(ring_.get()) {
  completions_.reserve(64);
  gathers_.push_back(std::make_unique<Gather>());
  waker_ = new UringWaker(*this);  // here, because it registers itself
}

UringLoop::~UringLoop() {
  end_watches();
  after_fork();
  const bool forked = !ring_.is_open();
  end_retired();
  waker_->drop();
  for (UringRegistration* r = registrations_; r; r = r->next_) {
    if (!r->dropped()) r->on_loop_end();
  }
  ending_ = true;
  end_files();
  if (!forked) end_everything();
  free_dropped();
  for (UringStream* stream : graveyard_) delete stream;
}

StreamPtr UringLoop::adopt(int fd) {
  try {
    make_room_for(stream_count_ + 1, dirty_, flushing_, quick_, broken_, drained_, resumed_, delivering_,
                  graveyard_, retired_);
    return StreamPtr(new UringStream(*this, fd));
  } catch (...) {
    ::close(fd);
    throw;
  }
}

bool UringLoop::has_work() const noexcept {
  return work_ > 0 || !dirty_.empty() || !broken_.empty() || !drained_.empty() || !resumed_.empty() ||
         !delivering_.empty() || deadlines_.any_ref() || wheel_.next_due().has_value();
}

void UringLoop::wake() noexcept { waker_->wake(); }
int UringLoop::wake_descriptor() const noexcept { return waker_->fd(); }

char* UringLoop::bulk_buffer() noexcept {
  if (!bulk_buffer_) bulk_buffer_.reset(new (std::nothrow) char[kBulkRead + kReadPadding]);
  return bulk_buffer_.get();
}

void UringLoop::remove_retired(UringStream& stream) {
  auto at = std::find(retired_.begin(), retired_.end(), &stream);
  if (at == retired_.end()) return;
  *at = retired_.back();
  retired_.pop_back();
}

void UringLoop::end_retired() {
  while (!retired_.empty()) {
    UringStream* stream = retired_.back();
    retired_.pop_back();
    stream->close();
  }
}

/// In a child process: the parent says what is still to be said there.
void UringLoop::look_for_parents_retired() {
  if (retired_generation_ == fork_generation()) return;
  retired_generation_ = fork_generation();
  end_retired();
}

void UringLoop::add_stream(UringStream& stream) {
  ++stream_count_;
  stream.next_ = streams_;
  if (streams_) streams_->prev_ = &stream;
  streams_ = &stream;
}

void UringLoop::remove_stream(UringStream& stream) noexcept {
  --stream_count_;
  (stream.prev_ ? stream.prev_->next_ : streams_) = stream.next_;
  if (stream.next_) stream.next_->prev_ = stream.prev_;
}

void UringLoop::add_registration(UringRegistration& registration) {
  make_room_for(registration_count_ + 1, dirty_registrations_);
  make_room_for(2 * (registration_count_ + file_count_ + 1), cancellations_);
  ++registration_count_;
  registration.next_ = registrations_;
  if (registrations_) registrations_->prev_ = &registration;
  registrations_ = &registration;
}

void UringLoop::remove_registration(UringRegistration& registration) noexcept {
  --registration_count_;
  (registration.prev_ ? registration.prev_->next_ : registrations_) = registration.next_;
  if (registration.next_) registration.next_->prev_ = registration.prev_;
}

/// Is there one for next_gather()? The first is made with the loop.
bool UringLoop::has_gather() noexcept {
  if (gathers_used_ < gathers_.size()) return true;
  try {
    gathers_.push_back(std::make_unique<Gather>());
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// Before one object prepares its entries: none of them may be submitted before the others, because what
/// completes then may close what the others name.
void UringLoop::make_room() {
  if (ring_.room() >= kMostEntries && has_gather()) return;
  ring_.submit();
  submit_all();
}

/// The kernel is short of memory, or will take no more before it has got rid of completions: that passes, and
/// until then nothing here may count as sent. What does not pass is the end of this loop.
void UringLoop::submit_all() {
  harvest();
  for (bool again = false; ring_.prepared() > 0; again = true) {
    if (again) rest();
    if (!ring_.submit() && !passes(ring_.error()))
      throw std::system_error(ring_.error(), std::system_category(), "io_uring_enter");
    harvest();
  }
  settle_quick_sends();
}

void UringLoop::prepare_cancellations() {
  while (!cancellations_.empty()) {
    make_room();
    io_uring_sqe* cancellation = entry();
    io_uring_prep_cancel64(cancellation, cancellations_.back(), 0);
    cancellation->user_data = 0;
    cancellations_.pop_back();
  }
}

void UringLoop::prepare_registrations() {
  prepare_each(dirty_registrations_, [](UringRegistration& registration) { registration.prepare(); });
}

/// No handler is called in here, so nothing but what settles a send can close a stream.
void UringLoop::prepare() {
  if (!cancellations_.empty()) prepare_cancellations();
  if (!dirty_registrations_.empty()) prepare_registrations();
  if (!files_.empty()) prepare_files();
  flushing_.swap(dirty_);
  prepare_each(flushing_, [](UringStream& stream) { stream.prepare(); });
}

std::optional<Clock::time_point> UringLoop::next_due() const {
  auto due = wheel_.next_due();
  if (!deadlines_.empty() && (!due || deadlines_.next_due() < *due)) due = deadlines_.next_due();
  return due;
}

void UringLoop::enter(bool wait) {
  bool all = true;
  if (wait && ring_.ready() == 0) {
    set_waiting(true);
    all = ring_.submit_and_wait(next_due());
    set_waiting(false);
  } else if (ring_.prepared() > 0 || ring_.kernel_has_work()) {
    all = ring_.submit();
  }
  harvest();
  if (!all) submit_all();
  settle_quick_sends();
}

/// Where there is no memory for more, the ring keeps them until those that were taken are delivered.
bool UringLoop::room_for_completion() noexcept {
  if (completions_.size() < completions_.capacity()) return true;
  try {
    completions_.reserve(std::max<std::size_t>(2 * completions_.capacity(), 64));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// Sends are settled before any handler runs, so that unsent() and flush() know where a stream stands.
void UringLoop::harvest() {
  const auto take = [this](const io_uring_cqe& entry) {
    const Tag tag = static_cast<Tag>(entry.user_data & kTagMask);
    if (tag == Tag::quick_send) {
      object_of<UringStream>(entry.user_data)->on_quick_send_failed(entry.res);
      return true;
    }
    if (!room_for_completion()) return false;
    if (!(entry.flags & IORING_CQE_F_MORE)) --in_flight_;
    completions_.push_back({entry.user_data, entry.res, entry.flags});
    return true;
  };
  ring_.take_completions(take);
  while (ring_.overflowed() && room_for_completion()) {
    ring_.fetch_overflowed();
    ring_.take_completions(take);
  }
}

void UringLoop::settle_quick_sends() {
  for (UringStream* stream : quick_) stream->settle_quick_send();
  quick_.clear();
  gathers_used_ = 0;
}

void UringLoop::deliver() {
  // What a handler throws leaves the turn, and nobody is told twice.
  struct Told {
    UringLoop& loop;
    ~Told() {
      loop.completions_.erase(loop.completions_.begin(), loop.completions_.begin() + loop.told_);
      loop.told_ = 0;
    }
  } told{*this};
  // A handler may add to the list: the end of a listener takes completions. And in a child process that it
  // makes there are none.
  while (told_ < std::ssize(completions_)) {
    const Completion completion = completions_[static_cast<std::size_t>(told_++)];
    deliver_one(completion);
    after_fork();  // a loop without a hub is told by nobody else
  }
}

void UringLoop::deliver_one(const Completion& completion) {
  auto* const stream = object_of<UringStream>(completion.user_data);
  if (!stream) return;
  switch (static_cast<Tag>(completion.user_data & kTagMask)) {
    case Tag::receive:
      return stream->on_receive(completion.result, completion.flags);
    case Tag::send:
      return stream->on_sent(completion.result);
    case Tag::cancel:
      return stream->on_cancelled(completion.result);
    case Tag::operation:
      return object_of<UringOperation>(completion.user_data)->complete(completion.result, completion.flags);
    case Tag::quick_send:
      break;
  }
}

/// Who is resumed by a handler in here is not told before the next turn.
void UringLoop::deliver_kept() {
  if (delivering_.empty()) {
    delivering_.swap(resumed_);
  } else {  // the rest of a turn that a handler's exception ended; there is room for each stream once
    delivering_.insert(delivering_.end(), resumed_.begin(), resumed_.end());
    resumed_.clear();
  }
  take_each(delivering_, [](UringStream& stream) { stream.deliver_kept(); });
}

/// False if there was nothing to tell.
bool UringLoop::report_broken() {
  if (broken_.empty()) return false;
  while (!broken_.empty()) {
    UringStream* stream = broken_.back();
    broken_.pop_back();
    stream->report_broken();
  }
  return true;
}

void UringLoop::report_drained() {
  take_each(drained_, [](UringStream& stream) { stream.report_drained(); });
}

void UringLoop::free_graveyard() {
  std::erase_if(graveyard_, [](UringStream* stream) {
    if (!stream->free_to_go()) return false;
    delete stream;
    return true;
  });
}

void UringLoop::turn(bool may_block) {
  const InTurn in_turn(*this);
  after_fork();
  if (!ring_.is_open()) open_again();
  ++turns_;
  bulk_.begin_turn();
  // Whoever was told has perhaps woken somebody outside of the loop: no wait now.
  const bool reported = report_broken();
  after_fork();
  if (!ring_.is_open()) return;  // a handler has forked: the rest of the turn is the parent's
  prepare();
  const bool wait = may_block && !reported && dirty_.empty() && drained_.empty() && resumed_.empty() &&
                    delivering_.empty() && completions_.empty();
  enter(wait);
  update_now();
  report_broken();
  if (!drained_.empty()) report_drained();
  deliver();
  if (!resumed_.empty() || !delivering_.empty()) deliver_kept();
  wheel_.fire(now_);
  if (!dropping()) deadlines_.fire(now_);
  if (!graveyard_.empty()) free_graveyard();
}

void UringLoop::cancel_now(std::uint64_t user_data) noexcept {
  after_fork();
  if (!ring_.is_open()) return;  // the operation was the parent's
  if (ring_.room() == 0 && !ring_.submit() && ring_.room() == 0) return;
  io_uring_sqe* cancellation = entry();
  io_uring_prep_cancel64(cancellation, user_data, 0);
  cancellation->user_data = 0;
  // A call does no more than the work of some completions (20, Linux 6.13), and the cancelled one's is the
  // last.
  constexpr unsigned kFewerThanACallDoes = 8;
  for (unsigned before = ring_.ready();;) {
    ring_.submit();
    const unsigned now = ring_.ready();
    if (now < before + kFewerThanACallDoes) return;
    before = now;
  }
}

/// Closing a ring would end what is under way some time later: a port would not be free yet, and the kernel
/// might still write to memory that is somebody else's by then.
void UringLoop::end_everything() {
  const auto give_up = Clock::now() + std::chrono::seconds(1);
  // More than once, because a file operation may miss its cancellation (uring_files.cpp).
  int failures = 0;  // a signal, or no memory; always, if the ring is another thread's
  constexpr int kMostFailures = 10;
  for (auto pause = std::chrono::milliseconds(10);
       failures < kMostFailures && in_flight_ > 0 && Clock::now() < give_up; pause *= 2) {
    if (ring_.room() == 0 && !ring_.submit() && ring_.room() == 0) {
      ++failures;
      harvest();
      deliver();
      rest();
      continue;
    }
    io_uring_sqe* cancellation = entry();
    io_uring_prep_cancel64(cancellation, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    cancellation->user_data = 0;
    const auto until = std::min(Clock::now() + pause, give_up);
    while (failures < kMostFailures && in_flight_ > 0 && Clock::now() < until) {
      if (!ring_.submit_and_wait(until)) ++failures;
      harvest();
      deliver();
    }
  }
}

void UringLoop::free_dropped() {
  for (std::size_t i = 0; i < dirty_registrations_.size(); ++i) {
    if (dirty_registrations_[i]->dropped()) dirty_registrations_[i]->prepare();
  }
  dirty_registrations_.clear();
}

/// The parent may have been in the middle of a turn, which goes on here, too: it finds nothing more to do.
/// The child's own ring is made by its first turn.
void UringLoop::after_fork() noexcept {
  if (!forks_.in_new_child()) return;
  ring_.abandon();
  completions_.clear();
  told_ = 0;
  cancellations_.clear();
  forget_files();
  quick_.clear();
  gathers_used_ = 0;
  in_flight_ = 0;
  wheel_.look_for_fork();
  look_for_parents_retired();
  tell_watches_of_fork();
  for (UringRegistration* r = registrations_; r; r = r->next_) r->after_fork();
  for (UringStream* s = streams_; s; s = s->next_) s->after_fork();
}

/// Throws std::system_error; then the next turn tries again.
void UringLoop::open_again() {
  waker_->open_again();
  ring_.open();
  try {
    buffers_.renew(ring_.get());
  } catch (...) {
    ring_.close();
    throw;
  }
}

}  // namespace verdin::loop
