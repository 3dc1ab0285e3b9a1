// A program that knows of Verdin what is installed, and links something of every layer.
#include <cstdio>

#include <verdin/verdin.hpp>

int main() {
  return verdin::run([] {
    auto answer = verdin::spawn([](int factor) { return factor * 7; }, 6);
    verdin::join_all(answer);

    verdin::sio::Server io;
    io.on("echo", [](verdin::sio::Args args) { return args; });
    verdin::http::App app;
    app.mount(io);
    verdin::websocket::route(app, "/echo", [](verdin::websocket::Stream& peer) {
      while (auto message = peer.receive()) peer.send(*message);
    });
    app.listen({"127.0.0.1", 0}).start();

    std::printf("client files: %s\n", verdin::sio::Options().client_dir.c_str());
    std::printf("linked and running: %d\n", answer.get());
    return answer.get() == 42 && app.port() != 0 ? 0 : 1;
  });
}
