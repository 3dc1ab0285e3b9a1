// What the kernel knows about the server under test: CPU time and memory of a process, all its threads
// included.
#pragma once

#include <cstdint>
#include <ctime>

#include <sys/types.h>

namespace bench {

/// CPU time since the process started. `total` has the scheduler's precision (nanoseconds); the split into
/// user and system time is sampled by the kernel's tick and good to 10 ms.
struct CpuTime {
  std::int64_t total_ns = 0;
  std::int64_t user_ns = 0;
  std::int64_t system_ns = 0;
};

class ServerProcess {
 public:
  /// pid 0: there is none; then nothing is known and everything reads 0. Throws std::system_error when there
  /// is no such process.
  explicit ServerProcess(pid_t pid);

  bool known() const noexcept { return pid_ != 0; }
  CpuTime cpu_time() const;
  /// Resident octets, exact (smaps_rollup; statm, whose counters lag by some pages a thread, where that is
  /// missing).
  std::int64_t resident_octets() const;

 private:
  pid_t pid_;
  clockid_t clock_ = 0;
};

}  // namespace bench
