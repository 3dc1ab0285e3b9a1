#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include <verdin/net/pipe.hpp>

#include "loop/no_sigpipe.hpp"
#include "net/fail.hpp"
#include "net/wait_fd.hpp"

namespace verdin {

void Descriptor::reset() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::ptrdiff_t PipeReader::try_read(std::span<char> into) {
  for (;;) {
    const ssize_t n = ::read(end_.get(), into.data(), into.size());
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return -1;
    if (errno != EINTR) impl::fail(errno, "read from a pipe");
  }
}

std::size_t PipeReader::read(std::span<char> into) {
  if (into.empty()) return 0;
  for (;;) {
    if (const std::ptrdiff_t n = try_read(into); n >= 0) return static_cast<std::size_t>(n);
    impl::wait_fd(end_.get(), loop::Interest::read);
  }
}

std::string PipeReader::read_all(std::size_t limit) {
  std::string all;
  std::array<char, 16 * 1024> buffer;
  while (const std::size_t n = read(buffer)) {
    if (n > limit - all.size()) throw std::length_error("verdin: more came through a pipe than was allowed");
    all.append(buffer.data(), n);
  }
  return all;
}

std::size_t PipeWriter::try_write(std::string_view data) {
  impl::NoSigpipe guard;
  for (;;) {
    const ssize_t n = ::write(end_.get(), data.data(), data.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno == EPIPE) guard.broken();
    if (errno != EINTR) impl::fail(errno, "write to a pipe");
  }
}

void PipeWriter::write(std::string_view data) {
  while (!data.empty()) {
    const std::size_t n = try_write(data);
    data.remove_prefix(n);
    if (n == 0) impl::wait_fd(end_.get(), loop::Interest::write);
  }
}

Pipe make_pipe(bool nonblocking_read, bool nonblocking_write) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) impl::fail(errno, "pipe");
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  if (nonblocking_read && ::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) impl::fail(errno, "fcntl");
  if (nonblocking_write && ::fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) impl::fail(errno, "fcntl");
  return pipe;
}

}  // namespace verdin
