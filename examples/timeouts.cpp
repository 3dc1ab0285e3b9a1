// Limits on what takes too long: around a block, around a call, on one wait; and one limit inside another.
#include <chrono>
#include <cstdio>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;

namespace {

int slow_answer() {
  verdin::sleep(1h);
  return 42;
}

}  // namespace

int main() {
  return verdin::run([] {
    {
      verdin::Timeout limit(10ms);
      try {
        verdin::sleep(1h);
      } catch (const verdin::TimeoutExpired& expired) {
        if (!limit.is(expired)) throw;  // it belongs to a scope around this one
        std::puts("could not complete");
      }
    }

    if (!verdin::with_timeout(10ms, slow_answer)) std::puts("no answer");
    if (const auto answer = verdin::with_timeout(1h, [] { return 42; }))
      std::printf("the answer: %d\n", *answer);

    verdin::Event never;
    if (!never.wait_for(10ms)) std::puts("it did not happen");

    const bool outer_in_time = verdin::with_timeout(10ms, [] {
      verdin::with_timeout(1h, slow_answer);  // the inner scope lets the outer one's exception pass
      std::puts("never printed");
    });
    if (!outer_in_time) std::puts("the outer limit was the shorter one");
  });
}
