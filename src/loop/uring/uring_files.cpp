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
namespace {

// A cancellation reaches an operation that has begun as a signal to the kernel's thread, once. If that thread
// is on its way into a call that waits, it may take the signal before it is there, and wait all the same
// (seen on Linux 6.18: the cancellation completes with EALREADY, and nothing happens). So it is repeated.
class FileCompletion final : public UringOperation {
 public:
  FileCompletion(UringLoop& loop, FileOperation& operation)
      : loop_(loop), operation_(operation), again_(loop, on_timer<&FileCompletion::cancel>, this) {}

  void complete(int result, unsigned) override {
    FileOperation& operation = operation_;
    operation.token = 0;
    loop_.count_work(-1);
    delete this;
    operation.on_done(result);
  }

  void cancel() {
    loop_.cancel_later(operation_.token);
    again_.start(pause_);
    pause_ = std::min(2 * pause_, kLongestPause);
  }

 private:
  static constexpr std::chrono::milliseconds kLongestPause{64};

  UringLoop& loop_;
  FileOperation& operation_;
  Timer again_;
  std::chrono::milliseconds pause_{1};
};

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

bool UringLoop::submit(FileOperation& operation) {
  auto completion = std::make_unique<FileCompletion>(*this, operation);
  files_.push_back(&operation);
  operation.token = user_data(static_cast<UringOperation*>(completion.release()), Tag::operation);
  count_work(1);
  return true;
}

void UringLoop::prepare_files() {
  for (FileOperation* operation : files_) {
    make_room();
    io_uring_sqe* const file_entry = entry();
    fill_in(file_entry, *operation);
    io_uring_sqe_set_flags(file_entry, IOSQE_ASYNC);
    file_entry->user_data = operation->token;
  }
  files_.clear();
}

/// One that the kernel has not seen yet never gets there.
void UringLoop::cancel(FileOperation& operation) {
  if (operation.token == 0) return;  // it is done
  const auto at = std::find(files_.begin(), files_.end(), &operation);
  if (at == files_.end()) {
    return static_cast<FileCompletion*>(object_of<UringOperation>(operation.token))->cancel();
  }
  files_.erase(at);
  completions_.push_back({operation.token, -ECANCELED, 0});
}

}  // namespace verdin::loop
