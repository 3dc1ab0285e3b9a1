// A small Socket.IO server with the events that the protocol's test suites use.
#include "conformance/program.hpp"

namespace sio = verdin::sio;
using namespace std::chrono_literals;

namespace {

void add_events(const sio::Namespace& nsp) {
  nsp.on_connection([](sio::Socket socket) {
    // The public suite waits for one message and only then listens for the next: what comes in one segment
    // with the answer to CONNECT is lost to it, and all that a turn produces leaves together.
    verdin::sleep(20ms);
    socket.emit("auth", socket.auth());
  });
  nsp.on("message", [](sio::Socket socket, sio::Args args) { socket.emit("message-back", args); });
  nsp.on("message-with-ack", [](sio::Args args) { return args; });
  nsp.on("join", [](sio::Socket socket, std::string room) { socket.join(room); });
  nsp.on("room", [](sio::Socket socket, std::string room, sio::Args args) {
    socket.nsp().to(room).emit("room", args);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv,
                                     {"--port", "--ping-interval", "--ping-timeout", "--allow-origin"});
  program::log_to_stderr();
  return verdin::run([&] {
    sio::Options options;
    options.engine = program::suite_options(arguments);
    options.connect_timeout = std::chrono::seconds(1);
    sio::Server io(options);
    add_events(io.main());
    add_events(io.of("/custom"));
    verdin::http::App app;
    app.mount(io);
    program::serve(app, arguments);
  });
}
