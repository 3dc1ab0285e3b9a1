// FileState: what a File is. Calls that are under way hold it, and with it the descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/net/file.hpp>
#include <verdin/runtime/mutex.hpp>

namespace verdin {
class Event;
}

namespace verdin::impl {

class FileState : public SharedRefCounted<FileState> {
 public:
  class Turn {
   public:
    explicit Turn(Mutex& mutex);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

   private:
    Mutex& mutex_;
  };

  FileState(int fd, FileKind kind, bool own_descriptor, bool own_position);
  ~FileState();

  int fd() const noexcept { return fd_; }
  bool is_stream() const noexcept { return stream_; }
  bool closed() const noexcept { return closed_; }
  std::string& ahead() noexcept { return ahead_; }
  Mutex& read_turn() noexcept {
    look_for_fork();
    return read_turn_;
  }
  /// Of a stream, one may read while another writes.
  Mutex& write_turn() noexcept {
    look_for_fork();
    return stream_ ? write_turn_ : read_turn_;
  }

  /// Of a stream: nobody waits any more for a read that a thread carries out. What it brings is the next that
  /// is read.
  void begin_stray_read() noexcept { ++stray_reads_; }
  void end_stray_read() noexcept;

  // At the position. With the turn.
  std::size_t read(std::span<char> into);
  void write(std::string_view data);
  std::uint64_t seek(std::int64_t offset, Seek from);

  // `offset` -1: where the descriptor stands.
  std::size_t read_at(std::span<char> into, std::int64_t offset);
  std::size_t write_at(std::string_view data, std::int64_t offset);

  /// Reads more behind what is ahead(); false: the end.
  bool read_ahead();

  /// Wakes those who wait, and closes the descriptor if nobody uses it: what the kernel says of that.
  int close();

 private:
  void check_open() const;
  std::ptrdiff_t read_at_once(std::span<char> into, std::int64_t offset);
  std::size_t read_stream(std::span<char> into);
  std::size_t write_stream(std::string_view data);
  void await(loop::Interest interest);
  void let_others_run();
  void look_for_fork() noexcept;
  void await_stray_reads();
  class Waiting;

  const int fd_;
  bool stream_ = false;
  bool socket_ = false;
  bool owned_;
  bool closed_ = false;
  bool at_once_ = true;  // may the page cache be asked for what it has?
  unsigned calls_at_once_ = 0;
  std::int64_t position_;  // -1: the descriptor's own
  std::string ahead_;      // read, and not yet given to anybody
  Mutex read_turn_;
  Mutex write_turn_;
  std::vector<Event*> waiting_;
  unsigned stray_reads_ = 0;
  loop::ForkMark forks_;
};

}  // namespace verdin::impl
