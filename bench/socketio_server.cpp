// The server that scripts/bench compares with Node's: see bench/node/server.mjs for its twin.
//
// `echo` acks its arguments, or emits them back where no ack is asked; `cast` emits its arguments to
// everybody; `enter` joins a room, `room` emits its arguments to that as `cast`.

#include <verdin/verdin.hpp>

#include "server_options.hpp"

namespace sio = verdin::sio;

int main(int argc, char** argv) {
  const ServerOptions options = server_options(argc, argv, "Socket.IO benchmark server", 5001);
  verdin::HubOptions hub;
  hub.loop_backend = options.loop;
  return verdin::run(hub, [&] {
    sio::Server io;
    io.on("echo", [](sio::Socket socket, sio::Args args, sio::Ack ack) {
      if (ack) {
        ack(args);
      } else {
        socket.emit("echo", args);
      }
    });
    io.on("cast", [](sio::Socket socket, sio::Args args) { socket.nsp().emit("cast", args); });
    io.on("enter", [](sio::Socket socket) { socket.join("hall"); });
    io.on("room", [](sio::Socket socket, sio::Args args) { socket.nsp().to("hall").emit("cast", args); });
    verdin::http::App app;
    app.mount(io);
    serve_at(app, options.port);
  });
}
