// One run: open the connections, load or wait, measure, drain.
#pragma once

#include <cstdint>
#include <string>

#include "errors.hpp"
#include "histogram.hpp"
#include "options.hpp"
#include "server_process.hpp"

namespace bench {

struct Result {
  double window_seconds = 0;
  std::uint64_t messages = 0;  // in the window; broadcast: deliveries
  Histogram latencies;         // nanoseconds
  CpuTime server_cpu;          // in the window
  std::int64_t generator_cpu_ns = 0;
  std::int64_t rss_empty = 0;   // idle mode: before the first connection
  std::int64_t rss_before = 0;  // idle mode: with the warm connections
  std::int64_t rss_after = 0;   // with all connections, at the end of the window
  std::uint64_t pings = 0;      // Engine.IO pings answered
  Errors errors;
};

/// Throws std::exception only for what is not the server's doing (no such process, no epoll, a bad address).
Result run(const Options& options);

}  // namespace bench
