// An HTTP server that answers every method on every path with 200 and the request's body, with the limits and
// time-outs that a server has by default: what public conformance suites are run against.
#include "conformance/program.hpp"

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv, {"--port"});
  program::log_to_stderr();
  return verdin::run([&] {
    verdin::http::App app;
    app.any("/*", [](verdin::http::Request& request, verdin::http::Response& response) {
      if (const auto type = request.header("Content-Type")) response.type(*type);
      response.send(request.body());
    });
    program::serve(app, arguments);
  });
}
