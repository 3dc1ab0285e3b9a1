// Descriptor, PipeReader, PipeWriter: the ends of pipes, for greenlets.
//
// Reading and writing suspend the greenlet until something can be done. Both work on ends that were made for
// this (O_NONBLOCK is set on our end only; the other process's is another open file). Threads: of one hub;
// one greenlet at a time reads, one writes. Errors are std::system_error; a reader that has gone is EPIPE,
// never SIGPIPE.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace verdin {

/// Owns a file descriptor. Closed when it goes.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept;
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class PipeReader {
 public:
  PipeReader() noexcept = default;
  /// Takes over a non-blocking descriptor.
  explicit PipeReader(Descriptor end) noexcept : end_(std::move(end)) {}

  bool open() const noexcept { return static_cast<bool>(end_); }
  int fd() const noexcept { return end_.get(); }
  void close() noexcept { end_.reset(); }
  /// What there is, at least one octet; 0: the other end is closed.
  std::size_t read(std::span<char> into);
  /// As read(), but never suspends: -1 if there is nothing yet.
  std::ptrdiff_t try_read(std::span<char> into);
  /// Up to the end. std::length_error beyond `limit`.
  std::string read_all(std::size_t limit = std::size_t{64} << 20);

 private:
  Descriptor end_;
};

class PipeWriter {
 public:
  PipeWriter() noexcept = default;
  /// Takes over a non-blocking descriptor.
  explicit PipeWriter(Descriptor end) noexcept : end_(std::move(end)) {}

  bool open() const noexcept { return static_cast<bool>(end_); }
  int fd() const noexcept { return end_.get(); }
  void close() noexcept { end_.reset(); }
  /// All of it.
  void write(std::string_view data);
  /// As much as goes at once, perhaps nothing.
  std::size_t try_write(std::string_view data);

 private:
  Descriptor end_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};
/// Both ends close on exec. Which of them do not block is the caller's choice.
Pipe make_pipe(bool nonblocking_read, bool nonblocking_write);

}  // namespace verdin
