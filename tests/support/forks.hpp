// For tests that fork. (Not under ThreadSanitizer, which starts no threads in a forked child.)
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

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

}  // namespace verdin::test
