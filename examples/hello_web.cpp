// A web server with a page, some JSON and a WebSocket: http://127.0.0.1:5000/hello/you. Ctrl-C ends it.
// [main]
#include <verdin/verdin.hpp>

namespace http = verdin::http;
namespace websocket = verdin::websocket;

int main() {
  http::App app;
  app.get("/hello/:name", [](http::Request& q, http::Response& r) {
    r.send("Hello, " + std::string(q.param("name")) + "!\n");  // runs on a greenlet: it may block
  });
  app.post("/length", [](http::Request& q, http::Response& r) { r.json(q.body().size()); });
  websocket::route(app, "/echo", [](websocket::Stream& peer) {
    for (const websocket::Message& message : peer) peer.send(message);
  });
  app.listen({"127.0.0.1", 5000}).serve_forever();
}
// [/main]
