#include "net/file_call.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <verdin/runtime/hub.hpp>

namespace verdin::impl {

FileCall::FileCall(Kind what, IntrusivePtr<FileState> file) : file_(std::move(file)) {
  kind = what;
  fd = file_->fd();
  path = "";
  status = &information_;
}

FileCall::FileCall(Kind what, std::string of_path) : path_(std::move(of_path)) {
  kind = what;
  fd = AT_FDCWD;
  path = path_.c_str();
  status = &information_;
}

FileCall::~FileCall() {
  if (kind == Kind::open && given_up_ && result_ >= 0) ::close(result_);
}

void FileCall::allocate(std::size_t octets) {
  memory_.reset(new char[octets]);  // not cleared
  buffer = memory_.get();
  size = static_cast<unsigned>(octets);
}

int FileCall::carry_out() {
  Hub& hub = Hub::current();
  if (hub.in_hub()) throw BlockingSwitchOutError("verdin: a call that blocks was made in the hub");
  add_ref();  // the loop's, until on_done()
  bool submitted = false;
  try {
    submitted = hub.loop().submit(*this);
  } catch (...) {
    release();
    throw;
  }
  if (!submitted) {
    release();
    return carry_out_on_thread();
  }
  try {
    done_.wait();
  } catch (...) {
    give_up();
    if (!over_) hub.loop().cancel(*this);
    throw;
  }
  return result_;
}

int FileCall::carry_out_on_thread() {
  try {
    file_threads().run(IntrusivePtr<BackgroundJob>(this));
  } catch (...) {
    give_up();
    holds_up_others_ = stray() && !over_ && reads_stream();
    if (holds_up_others_) file_->begin_stray_read();
    throw;
  }
  return result_;
}

void FileCall::on_done(int result) {
  result_ = result;
  finish();
  release();
}

bool FileCall::reads_stream() const noexcept { return kind == Kind::read && file_->is_stream(); }

/// What came from a stream after all belongs to the next reader.
void FileCall::keep_for_others() noexcept {
  if (!reads_stream() || result_ <= 0) return;
  try {
    file_->ahead().append(memory_.get(), static_cast<std::size_t>(result_));
  } catch (const std::bad_alloc&) {  // it is lost, and the loop goes on
  }
}

void FileCall::give_up() noexcept {
  given_up_ = true;
  if (over_) keep_for_others();
}

void FileCall::finish() {
  over_ = true;
  if (given_up_) keep_for_others();
  if (holds_up_others_) file_->end_stray_read();
  // The last operations end with the loop, when there is no hub: who waits was given up by it.
  if (Hub::current_or_null()) done_.set();
}

int FileCall::perform() noexcept {
  const auto call = [this]() -> ssize_t {
    switch (kind) {
      case Kind::read:
        return offset < 0 ? ::read(fd, buffer, size) : ::pread(fd, buffer, size, offset);
      case Kind::write:
        return offset < 0 ? ::write(fd, buffer, size) : ::pwrite(fd, buffer, size, offset);
      case Kind::sync:
        return ::fsync(fd);
      case Kind::sync_data:
        return ::fdatasync(fd);
      case Kind::open:
        return ::openat(fd, path, flags, mode);
      case Kind::status:
        return ::statx(fd, path, flags, mask, status);
    }
    errno = EINVAL;
    return -1;
  };
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : static_cast<int>(result);
}

}  // namespace verdin::impl
