// WebSocket without Socket.IO: an echo, and a chat in rooms, as a server sees them and as a client does.
//
//   websocket_chat           server and clients, on a free port
//   websocket_chat URL       a client: what it is told, it shows ("ws://127.0.0.1:8080/echo", wss://...)
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include <verdin/verdin.hpp>

using namespace std::chrono_literals;
namespace http = verdin::http;
namespace websocket = verdin::websocket;

namespace {

// [echo]
void echo(websocket::Stream& peer) {
  for (const websocket::Message& message : peer) peer.send(message);
}
// [/echo]

// [chat]
void serve_chat(http::App& app, websocket::Topics& topics) {
  websocket::route(app, "/rooms/:name", [&topics](websocket::Stream& peer) {
    const std::string room(peer.request().param("name"));
    topics.subscribe(peer, room);
    for (const websocket::Message& message : peer) topics.publish(room, message, peer);
  });
}
// [/chat]

// [client]
std::string echo_of(const std::string& url, std::string_view text) {
  websocket::ClientOptions options;
  options.handshake_limit = 5s;
  websocket::Stream stream = websocket::connect(url, options);
  stream.send(text);
  return stream.receive().value_or(websocket::Message{}).data;
}
// [/client]

// [parts]
/// A message whose length nobody knows before: each piece leaves as it is made.
void send_report(websocket::Stream& peer, int lines) {
  websocket::MessageSink report = peer.begin_text();
  for (int i = 1; i <= lines; ++i) report.write("line " + std::to_string(i) + "\n");
  report.finish();
}
// [/parts]

void talk(const std::string& base) {
  std::printf("echo: %s\n", echo_of(base + "/echo", "hello").c_str());
  websocket::Stream ann = websocket::connect(base + "/rooms/blue");
  websocket::Stream bob = websocket::connect(base + "/rooms/blue");
  websocket::Stream eve = websocket::connect(base + "/rooms/red");
  ann.send("hi, bob");
  std::printf("bob is told: %s\n", bob.receive()->data.c_str());
  bob.send("hi, ann");
  std::printf("ann is told: %s\n", ann.receive()->data.c_str());
  eve.close(1000, "nobody here");
  std::printf("eve has left: %u\n", unsigned{eve.wait_for_end().code});
  websocket::Stream reader = websocket::connect(base + "/report");
  std::printf("%s", reader.receive()->data.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  return verdin::run([&] {
    if (argc > 1) {
      websocket::Stream stream = websocket::connect(argv[1]);
      for (const websocket::Message& message : stream) std::printf("%s\n", message.data.c_str());
      return;
    }
    http::App app;
    websocket::Topics topics;
    websocket::route(app, "/echo", echo);
    websocket::route(app, "/report", [](websocket::Stream& peer) { send_report(peer, 3); });
    serve_chat(app, topics);
    app.listen({"127.0.0.1", 0}).start();
    talk("ws://127.0.0.1:" + std::to_string(app.port()));
    app.stop();
    app.join();
  });
}
