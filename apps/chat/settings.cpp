#include "settings.hpp"

#include <cstdlib>
#include <utility>

#include <CLI/CLI.hpp>

namespace chat {

Settings read_settings(int argc, char** argv, std::string web) {
  Settings settings;
  settings.web = std::move(web);
  CLI::App command("Chat rooms in the browser.", "verdin-chat");
  command.add_option("--host", settings.host, "address to listen on")->capture_default_str();
  command.add_option("--port", settings.port, "port to listen on, 0 for any")->capture_default_str();
  command.add_option("--database", settings.database, "SQLite file of rooms and messages")
      ->capture_default_str();
  command.add_option("--web", settings.web, "folder of the pages")->capture_default_str();
  command.add_option("--client", settings.client, "folder of the official client bundle")
      ->capture_default_str();
  command.add_flag("--verbose", settings.verbose, "log more");
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(command.exit(error));
  }
  return settings;
}

}  // namespace chat
