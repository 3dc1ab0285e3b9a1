// What the programs of this folder share: command line, the ready line, the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <verdin/verdin.hpp>

namespace program {

/// `--name value` pairs.
class Arguments {
 public:
  Arguments(int argc, char** argv) : count_(argc), values_(argv) {}

  std::string text(std::string_view name, std::string otherwise = {}) const {
    for (int i = 1; i + 1 < count_; i += 2) {
      if (name == values_[i]) return values_[i + 1];
    }
    return otherwise;
  }
  long number(std::string_view name, long otherwise) const {
    const std::string value = text(name);
    return value.empty() ? otherwise : std::strtol(value.c_str(), nullptr, 10);
  }

 private:
  int count_;
  char** values_;
};

/// Listens on 127.0.0.1, says so, and serves until SIGTERM or SIGINT.
inline void serve(verdin::http::App& app, const Arguments& arguments) {
  app.listen({"127.0.0.1", static_cast<std::uint16_t>(arguments.number("--port", 0))});
  std::printf("listening on 127.0.0.1:%u\n", unsigned{app.port()});
  std::fflush(stdout);
  app.serve_forever();
}

/// Warnings and errors of the library to standard error.
inline void log_to_stderr() {
  verdin::set_log_sink([](verdin::LogLevel, std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  });
}

/// Ping interval 300 ms, ping timeout 200 ms, 1,000,000 octets (unless told otherwise): what the public
/// suites expect.
inline verdin::eio::Options suite_options(const Arguments& arguments) {
  verdin::eio::Options options;
  options.ping_interval = std::chrono::milliseconds(arguments.number("--ping-interval", 300));
  options.ping_timeout = std::chrono::milliseconds(arguments.number("--ping-timeout", 200));
  options.max_payload = 1'000'000;
  if (const std::string origin = arguments.text("--allow-origin"); !origin.empty())
    options.cors.origins = {origin};
  return options;
}

}  // namespace program
