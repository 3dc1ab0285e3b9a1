#include "server_process.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <time.h>
#include <unistd.h>

namespace bench {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string proc_path(pid_t pid, const char* file) { return "/proc/" + std::to_string(pid) + "/" + file; }

// Fields 14 and 15 of /proc/PID/stat; counted from behind the command's name, which may hold spaces and
// parentheses.
void read_ticks(pid_t pid, CpuTime& time) {
  std::ifstream file(proc_path(pid, "stat"));
  std::string line;
  if (!std::getline(file, line)) return;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  fields >> user >> system;
  const std::int64_t tick = kNanosecondsPerSecond / sysconf(_SC_CLK_TCK);
  time.user_ns = user * tick;
  time.system_ns = system * tick;
}

}  // namespace

ServerProcess::ServerProcess(pid_t pid) : pid_(pid) {
  if (pid_ == 0) return;
  if (const int error = clock_getcpuclockid(pid_, &clock_); error != 0) {
    throw std::system_error(error, std::generic_category(), "process " + std::to_string(pid_));
  }
}

CpuTime ServerProcess::cpu_time() const {
  CpuTime time;
  if (!known()) return time;
  timespec now{};
  if (clock_gettime(clock_, &now) == 0) time.total_ns = now.tv_sec * kNanosecondsPerSecond + now.tv_nsec;
  read_ticks(pid_, time);
  return time;
}

std::int64_t ServerProcess::resident_octets() const {
  if (!known()) return 0;
  std::ifstream rollup(proc_path(pid_, "smaps_rollup"));
  std::string word;
  while (rollup >> word) {
    std::int64_t kilobytes = 0;
    if (word == "Rss:" && rollup >> kilobytes) return kilobytes * 1024;
  }
  std::ifstream statm(proc_path(pid_, "statm"));
  std::int64_t pages = 0;
  statm >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

}  // namespace bench
