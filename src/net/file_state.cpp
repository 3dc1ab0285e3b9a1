#include "net/file_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>

#include "net/background_threads.hpp"
#include "net/fail.hpp"
#include "net/file_call.hpp"

namespace verdin::impl {
namespace {

constexpr std::size_t kLargestCall = std::size_t{1} << 20;
constexpr std::size_t kReadAhead = std::size_t{64} << 10;
constexpr unsigned kCallsAtOnce = 64;

int close_descriptor(int fd) noexcept { return ::close(fd) == 0 || errno == EINTR ? 0 : errno; }

/// Of what is known here: the server that the file lies on is not asked.
mode_t type_of_descriptor(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) == 0) return status.stx_mode;
  const int error = errno;
  fail(error, "statx");
}

/// Closing may ask the server that the file lies on.
class CloseJob final : public BackgroundJob {
 public:
  explicit CloseJob(int fd) noexcept : fd_(fd) {}
  CloseJob(const CloseJob&) = delete;
  CloseJob& operator=(const CloseJob&) = delete;
  /// It may have been withdrawn, or there was no thread.
  ~CloseJob() override {
    if (fd_ >= 0) close_descriptor(fd_);
  }
  int error() const noexcept { return error_; }

 private:
  void work() noexcept override { error_ = close_descriptor(std::exchange(fd_, -1)); }
  int fd_;
  int error_ = 0;
};

}  // namespace

FileState::Turn::Turn(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
FileState::Turn::~Turn() { mutex_.unlock(); }

FileState::FileState(int fd, FileKind kind, bool own_descriptor, bool own_position)
    : fd_(fd), owned_(own_descriptor), position_(own_position ? 0 : -1) {
  const mode_t type = type_of_descriptor(fd);
  socket_ = S_ISSOCK(type);
  const bool tells = socket_ || S_ISFIFO(type) || S_ISCHR(type);
  stream_ = kind == FileKind::automatic ? tells : kind == FileKind::stream;
  at_once_ = S_ISREG(type);
  if (tells) position_ = -1;
}

FileState::~FileState() {
  if (!owned_) return;
  if (stream_) {
    close_descriptor(fd_);
    return;
  }
  IntrusivePtr<CloseJob> job;
  try {
    job = IntrusivePtr<CloseJob>(new CloseJob(fd_));
  } catch (const std::bad_alloc&) {
    close_descriptor(fd_);
    return;
  }
  try {
    file_threads().start(job);
  } catch (...) {  // no thread, no memory: the job closes it as it goes
  }
}

/// Those who had a turn are not in this process, nor are the threads that read for them.
void FileState::look_for_fork() noexcept {
  if (!forks_.in_new_child()) [[likely]]
    return;
  std::construct_at(&read_turn_);
  std::construct_at(&write_turn_);
  waiting_.clear();
  stray_reads_ = 0;
}

void FileState::end_stray_read() noexcept {
  if (--stray_reads_ > 0) return;
  for (Event* each : waiting_) each->set();
}

void FileState::check_open() const {
  if (closed_) fail(EBADF, "the file was closed");
}

void FileState::let_others_run() {
  if (++calls_at_once_ < kCallsAtOnce) return;
  calls_at_once_ = 0;
  Hub::current().yield();
}

/// What the page cache has; a negative errno if it has not, or cannot be asked.
std::ptrdiff_t FileState::read_at_once(std::span<char> into, std::int64_t offset) {
#ifdef RWF_NOWAIT
  const iovec piece{into.data(), into.size()};
  for (;;) {
    const ssize_t n = ::preadv2(fd_, &piece, 1, offset, RWF_NOWAIT);
    if (n >= 0) return n;
    if (errno != EINTR) break;
  }
  if (errno != EAGAIN) at_once_ = false;  // an error comes again, and is told then
  return -errno;
#else
  at_once_ = false;
  return -EOPNOTSUPP;
#endif
}

std::size_t FileState::read_at(std::span<char> into, std::int64_t offset) {
  check_open();
  if (into.empty()) return 0;
  into = into.first(std::min(into.size(), kLargestCall));
  if (at_once_) {
    let_others_run();
    if (const std::ptrdiff_t n = read_at_once(into, offset); n >= 0) return static_cast<std::size_t>(n);
  }
  const IntrusivePtr<FileCall> call(
      new FileCall(loop::FileOperation::Kind::read, IntrusivePtr<FileState>(this)));
  call->allocate(into.size());
  call->offset = offset;
  const int n = call->carry_out();
  if (n < 0) fail(-n, "read");
  std::memcpy(into.data(), call->data(), static_cast<std::size_t>(n));
  return static_cast<std::size_t>(n);
}

std::size_t FileState::write_at(std::string_view data, std::int64_t offset) {
  check_open();
  if (data.empty()) return 0;
  data = data.substr(0, kLargestCall);
  const IntrusivePtr<FileCall> call(
      new FileCall(loop::FileOperation::Kind::write, IntrusivePtr<FileState>(this)));
  call->allocate(data.size());
  std::memcpy(call->data(), data.data(), data.size());
  call->offset = offset;
  const int n = call->carry_out();
  if (n < 0) fail(-n, "write");
  if (n == 0) fail(EIO, "write: nothing was taken");
  return static_cast<std::size_t>(n);
}

std::size_t FileState::read(std::span<char> into) {
  check_open();
  if (into.empty()) return 0;
  if (!ahead_.empty()) {
    const std::size_t n = ahead_.copy(into.data(), into.size());
    ahead_.erase(0, n);
    return n;
  }
  if (stream_) return read_stream(into);
  const std::size_t n = read_at(into, position_);
  if (position_ >= 0) position_ += static_cast<std::int64_t>(n);
  return n;
}

bool FileState::read_ahead() {
  check_open();
  std::string more(kReadAhead, '\0');  // as large as the largest read
  std::size_t n;
  if (stream_) {
    n = read_stream(more);
  } else {
    n = read_at(more, position_);
    if (position_ >= 0) position_ += static_cast<std::int64_t>(n);
  }
  ahead_.append(more, 0, n);
  return n > 0;
}

void FileState::write(std::string_view data) {
  check_open();
  if (!stream_ && !ahead_.empty()) seek(0, Seek::current);
  while (!data.empty()) {
    const std::size_t n = stream_ ? write_stream(data) : write_at(data, position_);
    if (!stream_ && position_ >= 0) position_ += static_cast<std::int64_t>(n);
    data.remove_prefix(n);
  }
}

std::uint64_t FileState::seek(std::int64_t offset, Seek from) {
  check_open();
  if (from == Seek::current) offset -= static_cast<std::int64_t>(ahead_.size());
  if (position_ < 0 || from == Seek::end) {
    const int whence = from == Seek::start ? SEEK_SET : from == Seek::current ? SEEK_CUR : SEEK_END;
    const std::int64_t moved = file_threads().call([self = IntrusivePtr<FileState>(this), offset, whence] {
      const off_t result = ::lseek(self->fd(), offset, whence);
      return result < 0 ? -static_cast<std::int64_t>(errno) : static_cast<std::int64_t>(result);
    });
    if (moved < 0) fail(static_cast<int>(-moved), "seek");
    offset = moved;
  } else if (from == Seek::current && __builtin_add_overflow(position_, offset, &offset)) {
    fail(EOVERFLOW, "seek");
  }
  if (offset < 0) fail(EINVAL, "seek");
  if (position_ >= 0) position_ = offset;
  ahead_.clear();
  return static_cast<std::uint64_t>(offset);
}

int FileState::close() {
  look_for_fork();
  closed_ = true;
  for (Event* each : waiting_) each->set();
  if (!owned_ || ref_count() > 1) return 0;
  if (stream_) {
    owned_ = false;
    return close_descriptor(fd_);
  }
  const IntrusivePtr<CloseJob> job(new CloseJob(fd_));
  owned_ = false;
  file_threads().run(job);
  return job->error();
}

}  // namespace verdin::impl
