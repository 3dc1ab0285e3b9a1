#include "options.hpp"

#include <array>
#include <map>
#include <string_view>

#include <CLI/CLI.hpp>

namespace bench {
namespace {

struct ModeDefaults {
  std::string_view name;
  std::string_view path;
  std::size_t connections;
  std::size_t burst;
};

constexpr std::string_view kSocketIoPath = "/socket.io/?EIO=4&transport=websocket";

constexpr std::array<ModeDefaults, 12> kModes{{
    {"tcp-echo", "", 100, 1},
    {"tcp-cast", "", 500, 1},
    {"ws-echo", "/", 100, 1},
    {"emit-ack", kSocketIoPath, 100, 1},
    {"burst", kSocketIoPath, 100, 32},
    {"broadcast", kSocketIoPath, 500, 1},
    {"room", kSocketIoPath, 500, 1},
    {"idle", kSocketIoPath, 5000, 1},
    {"ping-pong", "", 200, 1},
    {"http", "/", 100, 1},
    {"ws-cast", "/cast", 500, 1},
    {"ws-idle", "/", 5000, 1},
}};

const ModeDefaults& defaults_of(Mode mode) { return kModes[static_cast<std::size_t>(mode)]; }

void fill_defaults(Options& options) {
  const ModeDefaults& defaults = defaults_of(options.mode);
  if (options.path.empty()) options.path = defaults.path;
  if (options.connections == 0) options.connections = defaults.connections;
  if (options.burst == 0) options.burst = defaults.burst;
}

void declare(CLI::App& app, Options& options) {
  app.add_option("--host", options.host, "IPv4 address of the server")->capture_default_str();
  app.add_option("-p,--port", options.port, "port of the server")->required();
  app.add_option("--path", options.path, "target of the request, or of the handshake");
  app.add_option("-n,--connections", options.connections,
                 "connections (100; 200 ping-pong; 500 to cast; 5000 idle)");
  app.add_option("-b,--burst", options.burst, "messages in flight per connection (1; 32 in mode burst)");
  app.add_option("-s,--size", options.size, "octets of the string in each message")->capture_default_str();
  app.add_option("--warmup", options.warmup_seconds, "seconds of load before measuring")
      ->capture_default_str();
  app.add_option("-d,--seconds", options.seconds,
                 "seconds measured; idle: to settle before reading the memory")
      ->capture_default_str();
  app.add_option("--warm-connections", options.warm_connections, "idle: opened first, not counted")
      ->capture_default_str();
  app.add_option("--open-timeout", options.open_timeout_seconds, "seconds to open all connections")
      ->capture_default_str();
  app.add_option("--pid", options.pid, "the server's process, for its CPU time and memory");
  app.add_flag("--json", options.json, "print one JSON object");
}

}  // namespace

std::string_view name_of(Mode mode) { return defaults_of(mode).name; }

bool parse_options(int argc, char** argv, Options& options, int& status) {
  CLI::App app{
      "Load generator for HTTP, WebSocket and Socket.IO servers; exit status 1 when anything went wrong."};
  std::map<std::string, Mode> modes;
  for (std::size_t i = 0; i < kModes.size(); ++i) modes.emplace(kModes[i].name, static_cast<Mode>(i));
  app.add_option("mode", options.mode, "what to do")->required()->transform(CLI::CheckedTransformer(modes));
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    status = app.exit(error);
    return false;
  }
  fill_defaults(options);
  return true;
}

}  // namespace bench
