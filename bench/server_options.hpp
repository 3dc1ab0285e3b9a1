// The command line that the servers under test share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

struct ServerOptions {
  std::uint16_t port = 0;  // on 127.0.0.1; 0: any
  std::string loop;        // as HubOptions::loop_backend
  std::string files;       // folder of files to be served, where the program does that
};

/// Ends the program where the command line asks for help or makes no sense.
ServerOptions server_options(int argc, char** argv, const char* about, std::uint16_t default_port = 0);

/// Says where an http::App listens, and serves until a signal. Status 1 where it cannot listen.
template <typename App>
void serve_at(App& app, std::uint16_t port) {
  try {
    app.listen({"127.0.0.1", port});
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::exit(1);
  }
  std::printf("listening on 127.0.0.1:%u\n", unsigned{app.port()});
  std::fflush(stdout);
  app.serve_forever();
}
