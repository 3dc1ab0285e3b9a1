// What the programs of this folder share: command line, the ready line, the end.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/verdin.hpp>

namespace program {

/// `--name value` pairs, of those names. What is wrong with them ends the program with status 2.
class Arguments {
 public:
  Arguments(int argc, char** argv, std::initializer_list<std::string_view> names)
      : count_(argc), values_(argv) {
    for (int i = 1; i < argc; i += 2) {
      if (std::find(names.begin(), names.end(), argv[i]) == names.end())
        refuse(std::string("no such option: ") + argv[i]);
      if (i + 1 == argc) refuse(std::string("no value for ") + argv[i]);
    }
  }

  std::string text(std::string_view name, std::string otherwise = {}) const {
    for (int i = 1; i + 1 < count_; i += 2) {
      if (name == values_[i]) return values_[i + 1];
    }
    return otherwise;
  }
  long number(std::string_view name, long otherwise, long most = std::numeric_limits<long>::max()) const {
    const std::string value = text(name);
    if (value.empty()) return otherwise;
    long number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number < 0 || number > most)
      refuse("bad value for " + std::string(name) + ": " + value);
    return number;
  }

 private:
  [[noreturn]] static void refuse(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::exit(2);
  }

  int count_;
  char** values_;
};

/// Listens on 127.0.0.1, says so, and serves until SIGTERM or SIGINT.
inline void serve(verdin::http::App& app, const Arguments& arguments) {
  try {
    app.listen({"127.0.0.1", static_cast<std::uint16_t>(arguments.number("--port", 0, 65535))});
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::exit(1);
  }
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
