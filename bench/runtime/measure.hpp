// What the programs of scripts/bench-runtime share: scenarios by name, and one line of JSON with what each
// took.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

struct Scenario {
  std::string_view name;
  double (*run)();  ///< nanoseconds (or octets) for each operation
};

/// Nanoseconds that function() took, for each of `operations`.
template <typename F>
double nanoseconds(std::size_t operations, F&& function) {
  const auto start = std::chrono::steady_clock::now();
  std::forward<F>(function)();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(operations);
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
