// What the command line of verdin-chat says.
#pragma once

#include <cstdint>
#include <string>

namespace chat {

struct Settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5000;  // 0: any
  std::string database = "chat.db";
  std::string web;     // the folder of the pages
  std::string client;  // the folder of the official client bundle; empty: where the library looks
  bool verbose = false;
};

/// Ends the program where the command line asks for help or makes no sense. `web` is the default of that
/// name.
Settings read_settings(int argc, char** argv, std::string web);

}  // namespace chat
