// Operations on files. The kernel carries them out with threads of its own, and is told to: left to itself it
// tries at once, and a read that begins so may wait for the disk after all (for the file's own map of blocks,
// or for the pages that a file system without asynchronous reading reads ahead), with the loop in it. Who
// wants what the page cache has asks it first (preadv2 with RWF_NOWAIT).
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include <verdin/loop/timer.hpp>

#include "loop/uring/uring_loop.hpp"

namespace verdin::loop {

// A cancellation reaches an operation that has begun as a signal to the kernel's thread, once. If that thread
// is on its way into a call that waits, it may take the signal before it is there, and wait all the same
// (seen on Linux 6.18: the cancellation completes with EALREADY, and nothing happens). So it is repeated.
class FileCompletion final : public UringOperation {
 public:
  FileCompletion(UringLoop& loop, FileOperation& operation)
      : loop_(loop), operation_(operation), again_(loop, on_timer<&FileCompletion::cancel_and_wait>, this) {
    loop_.add_file(*this);
    loop_.count_work(1);
  }
  ~FileCompletion() {
    operation_.token = 0;
    loop_.count_work(-1);
    loop_.remove_file(*this);
  }

  void prepare(io_uring_sqe* entry);
  void complete(int result, unsigned) override {
    FileOperation& operation = operation_;
    if (withdrawn_) result = -ECANCELED;
    delete this;
    operation.on_done(result);
  }

  /// One that the kernel has not seen yet never gets there. Allocates nothing.
  void cancel() {
    if (!submitted_) {
      withdrawn_ = true;
    } else if (!cancelling_) {
      cancel_and_wait();
    }
  }

 private:
  friend class UringLoop;
  static constexpr std::chrono::milliseconds kLongestPause{64};

  /// At most once a turn: that much room there is.
  void cancel_and_wait() {
    cancelling_ = true;
    loop_.cancel_later(operation_.token);
    again_.start(pause_);
    pause_ = std::min(2 * pause_, kLongestPause);
  }

  UringLoop& loop_;
  FileOperation& operation_;
  Timer again_;
  std::chrono::milliseconds pause_{1};
  bool submitted_ = false;
  bool cancelling_ = false;
  bool withdrawn_ = false;
  FileCompletion* next_ = nullptr;
  FileCompletion* prev_ = nullptr;
};

namespace {

void fill_in(io_uring_sqe* entry, const FileOperation& o) {
  const auto offset = static_cast<std::uint64_t>(o.offset);
  switch (o.kind) {
    case FileOperation::Kind::read:
      return io_uring_prep_read(entry, o.fd, o.buffer, o.size, offset);
    case FileOperation::Kind::write:
      return io_uring_prep_write(entry, o.fd, o.buffer, o.size, offset);
    case FileOperation::Kind::sync:
      return io_uring_prep_fsync(entry, o.fd, 0);
    case FileOperation::Kind::sync_data:
      return io_uring_prep_fsync(entry, o.fd, IORING_FSYNC_DATASYNC);
    case FileOperation::Kind::open:
      return io_uring_prep_openat(entry, o.fd, o.path, o.flags, o.mode);
    case FileOperation::Kind::status:
      return io_uring_prep_statx(entry, o.fd, o.path, o.flags, o.mask, o.status);
  }
}

}  // namespace

void FileCompletion::prepare(io_uring_sqe* entry) {
  submitted_ = true;
  if (withdrawn_) {
    io_uring_prep_nop(entry);
  } else {
    fill_in(entry, operation_);
    io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
  }
  entry->user_data = operation_.token;
}

void UringLoop::add_file(FileCompletion& file) {
  make_room_for(2 * (registration_count_ + file_count_ + 1), cancellations_);
  make_room_for(file_count_ + 1, files_);
  ++file_count_;
  file.next_ = all_files_;
  if (all_files_) all_files_->prev_ = &file;
  all_files_ = &file;
}

void UringLoop::remove_file(FileCompletion& file) noexcept {
  --file_count_;
  (file.prev_ ? file.prev_->next_ : all_files_) = file.next_;
  if (file.next_) file.next_->prev_ = file.prev_;
}

bool UringLoop::submit(FileOperation& operation) {
  if (ending_) return false;
  auto* const file = new FileCompletion(*this, operation);
  operation.token = user_data(static_cast<UringOperation*>(file), Tag::operation);
  files_.push_back(file);
  return true;
}

void UringLoop::prepare_files() {
  prepare_each(files_, [this](FileCompletion& file) { file.prepare(entry()); });
}

/// There is no turn any more that would submit them.
void UringLoop::end_files() {
  for (std::size_t i = 0; i < files_.size(); ++i) files_[i]->complete(-ECANCELED, 0);
  files_.clear();
}

void UringLoop::cancel(FileOperation& operation) {
  if (operation.token == 0) return;  // it is done
  static_cast<FileCompletion*>(object_of<UringOperation>(operation.token))->cancel();
}

/// In a child process: they are the parent's, and nobody is here who waits for them.
void UringLoop::forget_files() noexcept {
  files_.clear();
  while (all_files_) delete all_files_;
}

}  // namespace verdin::loop
