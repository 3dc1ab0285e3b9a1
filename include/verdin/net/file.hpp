// File: a file that never stalls the hub.
//
//   auto log = verdin::File::open("requests.log", verdin::OpenMode::append);
//   log.write("GET /\n");
//   for (std::string& line : verdin::File::open("names.txt").lines()) greet(line);
//   std::string page = verdin::read_file("index.html");
//
// Each call suspends the greenlet until it is done; other greenlets run on, however slow the disk or the
// server behind it. What lies in the page cache is read at once, without suspending (every 64th such call
// lets others run); the rest goes through io_uring where the loop has it, else through threads of the
// process's own (at most 16, shared with nothing but files). Opening a FIFO takes one of them until its other
// end is opened.
//
// Pipes, terminals, sockets and other character devices, which adopt() and borrow() accept (standard input,
// say), are waited for and then read or written without O_NONBLOCK: that flag belongs to all processes that
// share the descriptor, and is never changed here.
//
// Threads: of one hub. Several greenlets may use one File: calls that depend on the position are carried out
// one after the other, on a stream one reads while another writes; pread() and pwrite() run side by side.
// A greenlet that is killed or times out in a call leaves the File usable. A read gives up nothing then: the
// position is where it was. A write may be done or not, or in part. (With a descriptor from elsewhere whose
// position others share, a read that was given up may have moved it.)
//
// Errors are std::system_error: EBADF of a File that is closed, also for those who wait in it, EPIPE instead
// of SIGPIPE; std::length_error beyond a limit. A File that is dropped is closed soon, by a thread; close()
// waits and tells what the kernel says. Calls outside of greenlets throw BlockingSwitchOutError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/net/file_status.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/runtime/impl/incoming.hpp>

namespace verdin {

namespace impl {
class FileState;
}
class FileLines;

enum class OpenMode {
  read,    ///< there must be one
  update,  ///< there must be one; reads and writes
  write,   ///< makes one or empties it; only writes
  append,  ///< makes one if there is none; each write goes to the end
  create,  ///< there must be none; reads and writes
};

enum class Seek { start, current, end };

/// How a descriptor from elsewhere is waited for.
enum class FileKind {
  automatic,  ///< by what it is
  stream,     ///< until it is ready, as pipes, terminals and sockets
  storage,    ///< by io_uring or a thread, as regular files; for devices that do not tell when they are ready
};

class File {
 public:
  static constexpr std::size_t kDefaultLimit = std::size_t{1} << 30;
  static constexpr std::size_t kDefaultLineLimit = std::size_t{1} << 20;

  File() noexcept;  ///< closed
  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  static File open(const std::string& path, OpenMode mode = OpenMode::read, mode_t permissions = 0666);
  /// With open(2)'s own flags. O_CLOEXEC and O_NOCTTY are added.
  static File open_with(const std::string& path, int flags, mode_t permissions = 0666);
  /// Takes over a descriptor.
  static File adopt(Descriptor descriptor, FileKind kind = FileKind::automatic);
  /// The descriptor stays the caller's, and open until the File is closed and nobody waits in it.
  static File borrow(int fd, FileKind kind = FileKind::automatic);

  bool is_open() const noexcept { return static_cast<bool>(state_); }
  /// -1 of one that is closed.
  int fd() const noexcept;

  /// Something, at least one octet; 0: the end.
  std::size_t read(std::span<char> into);
  /// Up to `size` octets; fewer at the end only, or from a stream.
  std::string read(std::size_t size);
  std::string read_all(std::size_t limit = kDefaultLimit);
  /// Without its '\n'; nullopt: the end. What was read beyond it is kept for the next read.
  std::optional<std::string> read_line(std::size_t limit = kDefaultLineLimit);
  /// What is left, line by line. The File must stay.
  FileLines lines(std::size_t limit = kDefaultLineLimit);
  /// From `offset`; the position stays. Something, at least one octet; 0: the end. EOVERFLOW for an offset
  /// beyond 2^63 - 1, here, of pwrite() and of truncate().
  std::size_t pread(std::span<char> into, std::uint64_t offset);

  /// All of it.
  void write(std::string_view data);
  void pwrite(std::string_view data, std::uint64_t offset);

  /// The new position.
  std::uint64_t seek(std::int64_t offset, Seek from = Seek::start);
  std::uint64_t tell() { return seek(0, Seek::current); }
  FileStatus status();
  void truncate(std::uint64_t size);
  /// Until the data are on the device; sync_data() without what only the status tells.
  void sync();
  void sync_data();

  /// Those who wait in it get EBADF; what was begun goes on. Closing a closed one is nothing.
  void close();

 private:
  explicit File(IntrusivePtr<impl::FileState> state) noexcept;
  impl::FileState& opened() const;

  IntrusivePtr<impl::FileState> state_;
};

/// For range-for. Lines are moved out of the iterator as the loop goes on.
class FileLines {
 public:
  using Iterator = impl::IncomingItem<std::string, FileLines>;
  FileLines(File& file, std::size_t limit) noexcept : file_(&file), limit_(limit) {}
  Iterator begin() { return Iterator(*this); }
  impl::EndOfItems end() const noexcept { return {}; }
  std::optional<std::string> next() { return file_->read_line(limit_); }

 private:
  File* file_;
  std::size_t limit_;
};

/// The whole file. std::length_error beyond `limit`.
std::string read_file(const std::string& path, std::size_t limit = File::kDefaultLimit);
/// Makes the file or replaces what is in it. Not at one blow: who reads it meanwhile may see a part.
void write_file(const std::string& path, std::string data, mode_t permissions = 0666);

}  // namespace verdin
