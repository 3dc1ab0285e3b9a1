// A WebSocket server that sends each message back with its type, and compresses in every way that a client
// may ask for: what public conformance suites are run against.
#include <verdin/websocket/stream.hpp>

#include "conformance/program.hpp"

namespace websocket = verdin::websocket;

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv);
  program::log_to_stderr();
  return verdin::run([&] {
    websocket::RouteOptions options;
    options.origins = {"*"};
    options.max_message_size = static_cast<std::size_t>(arguments.number("--max-payload", 64 << 20));
    options.inbox_limit = 2 * options.max_message_size;
    options.send_limit = 2 * options.max_message_size;
    options.drop_limit = 4 * options.max_message_size;
    websocket::DeflateOptions& deflate = options.deflate.emplace();
    deflate.threshold = 0;
    deflate.server_no_context_takeover = false;  // what the client asks for is what counts
    deflate.client_no_context_takeover = false;
    verdin::http::App app;
    websocket::route(
        app, "/*",
        [](websocket::Stream& peer) {
          while (auto message = peer.receive()) peer.send(*message);
        },
        options);
    program::serve(app, arguments);
  });
}
