// FileOperation: one operation on a file that a completion backend carries out without blocking the loop.
//
// Derive from it, fill it in, and give it to Loop::submit(), which says at once whether the backend can do
// such things; where it cannot (libev), use threads. The operation, its buffer and its path must stay where
// they are, and its descriptor open, until on_done() was called, which happens exactly once, in a turn of the
// loop or as it ends (-ECANCELED, or how it went), on its thread. One that the kernel does not let go of
// within a second of a loop's end is never told, and must stay where it is for good. on_done() must not block
// or throw; it may destroy the operation or submit it again.
//
// Nothing here waits for a file in the sense of readiness: what is to be read from a pipe or a terminal is
// better watched (Loop::watch).
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

struct statx;

namespace verdin::loop {

class FileOperation {
 public:
  enum class Kind : std::uint8_t { read, write, sync, sync_data, open, status };

  FileOperation() = default;
  FileOperation(const FileOperation&) = delete;
  FileOperation& operator=(const FileOperation&) = delete;

  /// `result` is what the system call of that name would return: octets, a descriptor, 0; or a negative
  /// errno.
  virtual void on_done(int result) = 0;

  Kind kind = Kind::read;
  int fd = -1;                 ///< open, status: the directory (AT_FDCWD: the working directory)
  void* buffer = nullptr;      ///< read, write
  unsigned size = 0;           ///< of the buffer
  std::int64_t offset = -1;    ///< -1: where the descriptor stands
  const char* path = nullptr;  ///< open, status
  int flags = 0;               ///< open: O_..., status: AT_...
  mode_t mode = 0;             ///< open
  unsigned mask = 0;           ///< status: STATX_...
  struct ::statx* status = nullptr;

  std::uint64_t token = 0;  ///< the loop's own

 protected:
  ~FileOperation() = default;
};

}  // namespace verdin::loop
