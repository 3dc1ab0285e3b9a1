// HoldTimes: a histogram of how long the greenlets of a hub held it. See observe.hpp.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace verdin {

/// How often greenlets held the hub how long: between two suspensions of one.
struct HoldTimes {
  std::array<std::uint64_t, 48> counts{};  ///< of holds below 2^n ns, and not below 2^(n-1)
  std::uint64_t count = 0;
  std::chrono::nanoseconds longest{};
  std::string longest_by{};  ///< its name

  void add(std::chrono::nanoseconds time, std::string_view name);
  /// What that share of all holds (0 to 1) did not exceed: a power of two of ns, or the longest.
  std::chrono::nanoseconds at_most(double share) const noexcept;
};

}  // namespace verdin
