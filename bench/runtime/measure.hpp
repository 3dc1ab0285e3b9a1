// What the programs of scripts/bench-runtime share: scenarios by name, and one line of JSON with what each
// took.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include <time.h>

namespace bench {

struct Scenario {
  std::string_view name;
  double (*run)();  ///< nanoseconds (or octets) for each operation
};

/// Of this thread. Nothing here waits, and CPU time does not count what others take of the core.
inline double cpu_nanoseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

/// Nanoseconds that function() took, for each of `operations`.
template <typename F>
double nanoseconds(std::size_t operations, F&& function) {
  const double start = cpu_nanoseconds();
  std::forward<F>(function)();
  return (cpu_nanoseconds() - start) / static_cast<double>(operations);
}

/// Runs those that the command line names, or all: {"name": figure, ...}.
inline int run_scenarios(const std::vector<Scenario>& scenarios, int count, char** names) {
  const char* separator = "{";
  for (const Scenario& scenario : scenarios) {
    bool wanted = count < 2;
    for (int i = 1; i < count; ++i) wanted = wanted || scenario.name == names[i];
    if (!wanted) continue;
    std::printf("%s\"%.*s\": %.2f", separator, static_cast<int>(scenario.name.size()), scenario.name.data(),
                scenario.run());
    separator = ", ";
  }
  std::printf("%s}\n", separator[0] == '{' ? "{" : "");
  return 0;
}

}  // namespace bench
