// A program that knows of Verdin what is installed, and links all of it. Compiled with an application's
// warnings as errors: options are given by name, as the documentation shows it.
#include <cstdio>

#include <verdin/verdin.hpp>

int main() {
  return verdin::run({.report_stack_overflow = true}, [] {
    verdin::sio::Server io({.engine = {.cors = {.any_origin = true}}, .serve_client = false});
    io.on("echo", [](verdin::sio::Socket, verdin::sio::Args args) { return args; });
    verdin::http::App app({.max_connections = 10});
    app.mount(io);
    app.listen({.host = "127.0.0.1", .port = 0}).start();

    auto answer = verdin::spawn([](int factor) { return factor * 7; }, 6);
    verdin::join_all(answer);
    std::printf("linked and running on port %u: %d\n", unsigned{app.port()}, answer.get());
    return answer.get() == 42 ? 0 : 1;
  });
}
