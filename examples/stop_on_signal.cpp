// A greenlet that would run for ever ends at SIGQUIT, and cleans up. (Here the program sends the signal to
// itself.)
#include <chrono>
#include <csignal>
#include <cstdio>

#include <verdin/runtime/run.hpp>
#include <verdin/runtime/signal.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;

namespace {

struct Farewell {
  ~Farewell() { std::puts("the server has cleaned up"); }  // a kill unwinds the stack
};

void serve_for_ever() {
  const Farewell farewell;
  for (;;) verdin::sleep(1h);
}

}  // namespace

int main() {
  return verdin::run([] {
    auto server = verdin::spawn(serve_for_ever);
    const auto watch = verdin::on_signal(SIGQUIT, [server]() mutable {
      std::puts("SIGQUIT");
      server.kill();
    });

    verdin::spawn([] { std::raise(SIGQUIT); });
    server.join();
    std::puts(server.killed() ? "it was killed" : "it has ended by itself");
  });
}
