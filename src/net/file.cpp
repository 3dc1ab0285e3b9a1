#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include <verdin/net/file.hpp>

#include "net/fail.hpp"
#include "net/file_call.hpp"
#include "net/file_state.hpp"
#include "net/status_of.hpp"

namespace verdin {
namespace {

using impl::fail;
using impl::FileCall;
using impl::FileState;
using Kind = loop::FileOperation::Kind;

/// The kernel takes what is beyond for a number below zero, or for "at the file's own position".
std::int64_t checked(std::uint64_t offset) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    fail(EOVERFLOW, "an offset of a file beyond 2^63 - 1");
  return static_cast<std::int64_t>(offset);
}

[[noreturn]] void fail_limit() { throw std::length_error("verdin: more came from a file than was allowed"); }

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::update:
      return O_RDWR;
    case OpenMode::write:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case OpenMode::append:
      return O_WRONLY | O_CREAT | O_APPEND;
    case OpenMode::create:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

IntrusivePtr<FileCall> new_call(Kind kind, FileState& state) {
  return IntrusivePtr<FileCall>(new FileCall(kind, IntrusivePtr<FileState>(&state)));
}

}  // namespace

File::File() noexcept = default;
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;
File::File(IntrusivePtr<impl::FileState> state) noexcept : state_(std::move(state)) {}

File File::open(const std::string& path, OpenMode mode, mode_t permissions) {
  return open_with(path, flags_of(mode), permissions);
}

File File::open_with(const std::string& path, int flags, mode_t permissions) {
  const IntrusivePtr<FileCall> call(new FileCall(Kind::open, path));
  call->flags = flags | O_CLOEXEC | O_NOCTTY;
  call->mode = permissions;
  const int fd = call->carry_out();
  if (fd < 0) fail(-fd, "open " + path);
  Descriptor descriptor(fd);
  File file(IntrusivePtr<FileState>(new FileState(fd, FileKind::automatic, true, (flags & O_APPEND) == 0)));
  descriptor.release();
  return file;
}

File File::adopt(Descriptor descriptor, FileKind kind) {
  File file(IntrusivePtr<FileState>(new FileState(descriptor.get(), kind, true, false)));
  descriptor.release();
  return file;
}

File File::borrow(int fd, FileKind kind) {
  return File(IntrusivePtr<FileState>(new FileState(fd, kind, false, false)));
}

int File::fd() const noexcept { return state_ ? state_->fd() : -1; }

impl::FileState& File::opened() const {
  if (!state_) fail(EBADF, "the file is not open");
  return *state_;
}

std::size_t File::read(std::span<char> into) {
  const IntrusivePtr<FileState> state(&opened());
  const FileState::Turn turn(state->read_turn());
  return state->read(into);
}

std::string File::read(std::size_t size) {
  const IntrusivePtr<FileState> state(&opened());
  const FileState::Turn turn(state->read_turn());
  std::string data;
  std::array<char, 16 * 1024> buffer;
  try {
    while (data.size() < size) {
      const std::size_t n = state->read(std::span(buffer).first(std::min(buffer.size(), size - data.size())));
      data.append(buffer.data(), n);
      if (n == 0 || state->is_stream()) break;
    }
  } catch (...) {
    state->ahead().insert(0, data);  // for the next who reads
    throw;
  }
  return data;
}

std::string File::read_all(std::size_t limit) {
  const IntrusivePtr<FileState> state(&opened());
  const FileState::Turn turn(state->read_turn());
  while (state->read_ahead()) {
    if (state->ahead().size() > limit) fail_limit();
  }
  return std::exchange(state->ahead(), {});
}

std::optional<std::string> File::read_line(std::size_t limit) {
  const IntrusivePtr<FileState> state(&opened());
  const FileState::Turn turn(state->read_turn());
  std::string& ahead = state->ahead();
  std::size_t seen = 0;
  for (;;) {
    const std::size_t end = ahead.find('\n', seen);
    if (std::min(end, ahead.size()) > limit) fail_limit();
    if (end != ahead.npos) {
      std::string line = ahead.substr(0, end);
      ahead.erase(0, end + 1);
      return line;
    }
    seen = ahead.size();
    if (state->read_ahead()) continue;
    if (ahead.empty()) return std::nullopt;
    return std::exchange(ahead, {});  // the last line has no end
  }
}

FileLines File::lines(std::size_t limit) { return FileLines(*this, limit); }

std::size_t File::pread(std::span<char> into, std::uint64_t offset) {
  const IntrusivePtr<FileState> state(&opened());
  return state->read_at(into, checked(offset));
}

void File::write(std::string_view data) {
  const IntrusivePtr<FileState> state(&opened());
  const FileState::Turn turn(state->write_turn());
  state->write(data);
}

void File::pwrite(std::string_view data, std::uint64_t offset) {
  const IntrusivePtr<FileState> state(&opened());
  while (!data.empty()) {
    const std::size_t n = state->write_at(data, checked(offset));
    offset += n;
    data.remove_prefix(n);
  }
}

std::uint64_t File::seek(std::int64_t offset, Seek from) {
  const IntrusivePtr<FileState> state(&opened());
  const FileState::Turn turn(state->read_turn());
  return state->seek(offset, from);
}

FileStatus File::status() {
  const auto call = new_call(Kind::status, opened());
  const int error = impl::ask_status(*call, AT_EMPTY_PATH);
  if (error != 0) fail(error, "status of a file");
  return impl::status_of(call->information());
}

void File::truncate(std::uint64_t size) {
  const IntrusivePtr<FileState> state(&opened());
  const int error = impl::file_threads().call(
      [state, length = checked(size)] { return ::ftruncate(state->fd(), length) == 0 ? 0 : errno; });
  if (error != 0) fail(error, "truncate");
}

void File::sync() {
  if (const int result = new_call(Kind::sync, opened())->carry_out(); result < 0) fail(-result, "sync");
}

void File::sync_data() {
  if (const int result = new_call(Kind::sync_data, opened())->carry_out(); result < 0) fail(-result, "sync");
}

void File::close() {
  const IntrusivePtr<FileState> state = std::exchange(state_, {});
  if (!state) return;
  if (const int error = state->close()) fail(error, "close");
}

std::string read_file(const std::string& path, std::size_t limit) { return File::open(path).read_all(limit); }

void write_file(const std::string& path, std::string data, mode_t permissions) {
  impl::file_threads().call([path, data = std::move(data), permissions] {
    const Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, permissions));
    if (!file) fail(errno, "open " + path);
    std::string_view left = data;
    while (!left.empty()) {
      const ssize_t n = ::write(file.get(), left.data(), left.size());
      if (n < 0 && errno != EINTR) fail(errno, "write to " + path);
      if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
    }
  });
}

}  // namespace verdin
