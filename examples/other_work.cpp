// What cannot be cut into waits: another program, and a computation. The hub goes on meanwhile.
#include <chrono>
#include <cstdio>

#include <verdin/net/process.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;

namespace {

int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

}  // namespace

int main() {
  return verdin::run([] {
    verdin::Process sort({"sort", "-n"}, {.in = verdin::Stdio::pipe(), .out = verdin::Stdio::pipe()});
    // On a thread of the hub's pool; only this greenlet waits for it.
    auto number = verdin::spawn([] { return verdin::offload([] { return fibonacci(27); }); });

    // `sort` runs and waits for its input, and the thread computes: here the clock ticks.
    for (int tick = 1; tick <= 3; ++tick) {
      verdin::sleep(1ms);
      std::printf("tick %d\n", tick);
    }
    std::printf("%s", sort.communicate("30\n4\n100\n").out.c_str());
    std::printf("fibonacci(27) = %d\n", number.get());
  });
}
