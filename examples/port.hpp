// The port of the examples that serve: their only argument.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// `otherwise` where none is given. What is no port is refused: a server does not begin to serve because it
/// is asked for help.
inline std::uint16_t port_from(int argc, char** argv, std::uint16_t otherwise = 5000) {
  if (argc < 2) return otherwise;
  const std::string_view text = argv[1];
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (argc == 2 && error == std::errc() && end == text.data() + text.size()) return port;
  std::fprintf(stderr, "Usage: %s [PORT]\n", argv[0]);
  std::exit(2);
}
