// What a run of the load generator is told to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace bench {

enum class Mode : std::uint8_t {
  kTcpEcho,
  kTcpCast,
  kWsEcho,
  kEmitAck,
  kBurst,
  kBroadcast,
  kRoom,
  kIdle,
  kPingPong,
  kHttp,
  kWsCast,
  kWsIdle
};

constexpr bool is_idle(Mode mode) { return mode == Mode::kIdle || mode == Mode::kWsIdle; }

struct Options {
  Mode mode = Mode::kEmitAck;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string path;             // default by mode
  std::size_t connections = 0;  // default by mode
  std::size_t burst = 0;        // messages in flight per connection; default by mode
  std::size_t size = 20;        // octets of the string that an event carries
  double warmup_seconds = 2;    // load before the measured window
  double seconds = 5;           // the measured window; in idle mode the time between opening and measuring
  std::size_t warm_connections = 100;  // idle mode: opened first, and not counted
  double open_timeout_seconds = 60;
  pid_t pid = 0;  // the server, whose CPU time and memory are measured; 0: not measured
  bool json = false;
};

std::string_view name_of(Mode mode);

/// Reads the command line. False: the process should end with `status` (help was asked for, or an error was
/// told).
bool parse_options(int argc, char** argv, Options& options, int& status);

}  // namespace bench
