// Long-polling as it was done before there were WebSockets: the answer begins and does not end, and each
// thing that happens is another line of it.
//
//   long_poll         asks itself, and leaves behind the third line; there is a message every 20 ms
//   long_poll PORT    one message a second at http://127.0.0.1:PORT/messages, until SIGINT
#include <chrono>
#include <cstdio>
#include <string>

#include <verdin/http/http.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "port.hpp"

using namespace std::chrono_literals;
namespace http = verdin::http;

namespace {

// [produce]
void produce(verdin::Queue<std::string>& messages, std::chrono::milliseconds pause) {
  while (true) {
    messages.put("Hello World");
    verdin::sleep(pause);
  }
}
// [/produce]

// [endpoint]
void stream_messages(verdin::Queue<std::string>& messages, http::Response& r) {
  r.type("application/json").header("Cache-Control", "no-store");
  while (true) {
    const auto message = messages.get_for(100ms);
    if (message ? !r.write(verdin::json::to_text(*message) + "\n") : r.peer_leaves(0s)) return;
  }
}
// [/endpoint]

// [listen]
void print_lines(const std::string& url, int lines) {
  http::Client client;
  http::ClientRequest request;
  request.url = url;
  http::ClientStream answer = client.open(std::move(request));
  for (std::string text; lines > 0;) {
    text += answer.read(100);
    for (std::size_t end; lines > 0 && (end = text.find('\n')) != text.npos; --lines, text.erase(0, end + 1))
      std::printf("%s\n", text.substr(0, end).c_str());
  }
}  // which closes the connection
// [/listen]

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = port_from(argc, argv, 0);
  return verdin::run([&] {
    verdin::Queue<std::string> messages;
    verdin::Event left;
    http::App app;
    app.get("/messages", [&](http::Request&, http::Response& r) {
      stream_messages(messages, r);
      left.set();
    });
    app.listen({"127.0.0.1", port});
    auto producer = verdin::spawn([&] { produce(messages, port ? 1s : 20ms); });
    if (port) {
      app.serve_forever();
    } else {
      app.start();
      print_lines("http://127.0.0.1:" + std::to_string(app.port()) + "/messages", 3);
      left.wait();
      std::printf("the client has left\n");
    }
    producer.kill();
  });
}
