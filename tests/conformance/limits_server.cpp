// A server for peers that are slow in every way: HTTP with bodies kept and in pieces, large answers,
// WebSockets that echo, that send without end, that close at once; and the same over TLS, whose port
// `GET /secure-port` tells. With the limits that a server has by default, or --limit MS for all of them
// (pings twice as often).
#include <chrono>
#include <string>

#include "conformance/program.hpp"
#include "support/certificates.hpp"

namespace http = verdin::http;
namespace net = verdin::net;
namespace websocket = verdin::websocket;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kLarge = 16 << 20;  // more than the kernel takes for a peer who reads nothing

http::Options http_options(const program::Arguments& arguments) {
  http::Options options;
  const milliseconds limit(arguments.number("--limit", 0));
  if (limit.count() > 0) {
    options.header_timeout = options.body_timeout = limit;
    options.keep_alive_timeout = options.write_timeout = limit;
  }
  return options;
}

websocket::RouteOptions socket_options(const program::Arguments& arguments) {
  websocket::RouteOptions options;
  const milliseconds limit(arguments.number("--limit", 0));
  if (limit.count() > 0) {
    options.backpressure_timeout = options.close_timeout = limit;
    options.ping_interval = limit / 2;
  }
  return options;
}

net::TlsContext secure_context(const program::Arguments& arguments) {
  const verdin::test::Certificates certificates;
  certificates.sign("server", "DNS:localhost");
  net::TlsServerOptions options;
  options.identities = {
      {.certificate_pem = certificates.text("server.pem"), .key_pem = certificates.text("server.key")}};
  const milliseconds limit(arguments.number("--limit", 0));
  if (limit.count() > 0) options.tls.handshake_limit = limit;
  return net::TlsContext::server(options);
}

void add_routes(http::App& app, const program::Arguments& arguments) {
  static const verdin::SharedBuffer large = verdin::SharedBuffer::copy(std::string(kLarge, 'l'));
  app.any("/*", [](http::Request& q, http::Response& r) { r.send(q.body()); });
  app.get("/large", [](http::Request&, http::Response& r) { r.send(large); });
  static const std::string some(10'000, 'p');  // what a handler has is not what a peer costs
  app.get("/pieces", [](http::Request&, http::Response& r) {
    while (r.write(some)) {
    }
  });
  app.post("/upload",
           [](http::Request& q, http::Response& r) {
             std::size_t size = 0;
             for (std::string piece; !(piece = q.read(1000)).empty();) size += piece.size();
             r.send(std::to_string(size));
           },
           {.stream_body = true});
  websocket::route(
      app, "/echo",
      [](websocket::Stream& peer) {
        for (const websocket::Message& message : peer) peer.send(message);
      },
      socket_options(arguments));
  websocket::RouteOptions little = socket_options(arguments);
  little.send_limit = 16 * 1024;
  websocket::route(
      app, "/feed",
      [](websocket::Stream& peer) {
        while (peer.send(some)) {
        }
      },
      little);
  websocket::route(
      app, "/farewell", [](websocket::Stream&) {}, socket_options(arguments));
}

}  // namespace

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv, {"--port", "--limit"});
  program::log_to_stderr();
  const net::TlsContext context = secure_context(arguments);
  return verdin::run([&] {
    http::App app(http_options(arguments)), secure(http_options(arguments));
    add_routes(app, arguments);
    add_routes(secure, arguments);
    secure.listen({"127.0.0.1", 0}, context).start();
    app.get("/secure-port",
            [&](http::Request&, http::Response& r) { r.send(std::to_string(secure.port())); });
    program::serve(app, arguments);
    secure.stop();
    secure.join();
  });
}
