#include "server_options.hpp"

#include <cstdlib>

#include <CLI/CLI.hpp>

ServerOptions server_options(int argc, char** argv, const char* about, std::uint16_t default_port) {
  CLI::App command(about);
  ServerOptions options{.port = default_port, .loop = {}, .files = {}};
  command.add_option("--port", options.port, "port on 127.0.0.1; 0: any")->capture_default_str();
  command.add_option("--loop", options.loop, "uring, epoll, poll, select, ...");
  command.add_option("--files", options.files, "folder of files to be served");
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(command.exit(error));
  }
  return options;
}
