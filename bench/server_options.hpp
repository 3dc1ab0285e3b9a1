// The command line that the servers under test share.
#pragma once

#include <cstdint>
#include <string>

struct ServerOptions {
  std::uint16_t port = 0;  // on 127.0.0.1; 0: any
  std::string loop;        // as HubOptions::loop_backend
  std::string files;       // folder of files to be served, where the program does that
};

/// Ends the program where the command line asks for help or makes no sense.
ServerOptions server_options(int argc, char** argv, const char* about, std::uint16_t default_port = 0);
