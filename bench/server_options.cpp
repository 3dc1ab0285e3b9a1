#include "server_options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <getopt.h>

namespace {

std::uint16_t port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size()) return port;
  std::fprintf(stderr, "bad value for --port: %s\n", std::string(text).c_str());
  std::exit(2);
}

}  // namespace

// Not by CLI11, which takes long to optimise: where it is not, its copies of what is inline in the standard
// library may become those of the whole program.
ServerOptions server_options(int argc, char** argv, const char* about, std::uint16_t default_port) {
  constexpr option kKnown[] = {{"port", required_argument, nullptr, 'p'},
                               {"loop", required_argument, nullptr, 'l'},
                               {"files", required_argument, nullptr, 'f'},
                               {"help", no_argument, nullptr, 'h'},
                               {}};
  ServerOptions options{.port = default_port, .loop = {}, .files = {}};
  for (int which; (which = getopt_long(argc, argv, "", kKnown, nullptr)) != -1;) {
    switch (which) {
      case 'p':
        options.port = port_of(optarg);
        break;
      case 'l':
        options.loop = optarg;
        break;
      case 'f':
        options.files = optarg;
        break;
      case 'h':
        std::printf(
            "%s\n  --port P    port on 127.0.0.1; 0: any (%u)\n  --loop L    uring, epoll, poll, select, "
            "...\n"
            "  --files F   folder of files to be served\n",
            about, unsigned{default_port});
        std::exit(0);
      default:
        std::exit(2);
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "no option: %s\n", argv[optind]);
    std::exit(2);
  }
  return options;
}
