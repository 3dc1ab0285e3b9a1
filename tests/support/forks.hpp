// For tests that fork. (Not under ThreadSanitizer, which starts no threads in a forked child.)
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace verdin::test {

/// Threads that are just starting hold locks of AddressSanitizer's allocator (of gcc 12, which knows nothing
/// of forks); a child would find them locked for ever. So: not before the monitor's thread of the hub runs.
inline void await_monitor() {
  const auto runs = [] {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::getline(std::ifstream(task.path() / "comm"), name);
      if (name == "verdin monitor") return true;
    }
    return false;
  };
  while (!runs()) std::this_thread::yield();
}

/// How a forked child ends that runs `body` in the forked greenlet: with 0 if that returns true. One that
/// does not end is ended.
template <typename F>
int in_child(const F& body) {
  await_monitor();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    bool well = false;
    try {
      well = body();
    } catch (...) {
    }
    ::_exit(well ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

}  // namespace verdin::test
