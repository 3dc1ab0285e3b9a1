// Several channels over one WebSocket: a backup is sent while a conversation goes on.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include <verdin/verdin.hpp>

namespace http = verdin::http;
namespace websocket = verdin::websocket;

namespace {

// [server]
/// Counts what comes on "backup", and answers on every other channel.
void serve(websocket::Channel channel) {
  std::size_t octets = 0;
  while (auto message = channel.receive()) {
    octets += message->data.size();
    if (channel.name() != "backup") channel.send("you said " + message->data);
  }
  if (channel.name() == "backup") channel.send(std::to_string(octets) + " octets");
  channel.end();
}

void serve_all(websocket::Stream& stream) {
  websocket::Channels channels(stream);
  verdin::Group greenlets;
  while (auto channel = channels.accept()) greenlets.spawn(serve, std::move(*channel));
  greenlets.join();
}
// [/server]

void talk(const std::string& url, const websocket::ClientOptions& options) {
  // [client]
  websocket::Stream stream = websocket::connect(url, options);
  websocket::Channels channels(stream);
  websocket::Channel backup = channels.open("backup");
  websocket::Channel chat = channels.open("chat");
  auto upload = verdin::spawn([&] {
    for (int i = 0; i < 20; ++i) backup.send_binary(std::string(500'000, 'b'));
    backup.end();
  });
  chat.send("hello");
  std::printf("chat: %s; ", chat.receive()->data.c_str());
  std::printf("the backup is %s\n", upload.active() ? "still on its way" : "through");
  upload.join();
  std::printf("backup: %s\n", backup.receive()->data.c_str());
  // [/client]
}

}  // namespace

int main() {
  return verdin::run([] {
    websocket::RouteOptions route;
    route.subprotocols = {std::string(websocket::kChannelsProtocol)};
    http::App app;
    websocket::route(app, "/", serve_all, route);
    app.listen({"127.0.0.1", 0}).start();
    websocket::ClientOptions options;
    options.subprotocols = route.subprotocols;
    talk("ws://127.0.0.1:" + std::to_string(app.port()) + "/", options);
    app.stop();
    app.join();
  });
}
