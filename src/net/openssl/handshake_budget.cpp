#include "net/openssl/handshake_budget.hpp"

#include <chrono>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/sleep.hpp>

namespace verdin::net::impl {
namespace {

struct Budget {
  loop::Clock::time_point turn{};
  unsigned used = 0;
};

/// A greenlet stays on its thread, but the compiler does not know: out of line.
[[gnu::noinline]] Budget& of_this_thread() noexcept {
  thread_local Budget budget;
  return budget;
}

}  // namespace

bool await_handshake_turn(unsigned per_turn, Deadline limit) {
  if (per_turn == 0) return true;
  Hub& hub = Hub::current();
  for (;;) {
    Budget& budget = of_this_thread();
    if (budget.turn != hub.loop().now()) budget = {hub.loop().now(), 0};
    if (budget.used < per_turn) {
      ++budget.used;
      return true;
    }
    if (limit.passed()) return false;
    sleep(std::chrono::nanoseconds(1));  // due in the next turn, in the order in which they came
  }
}

}  // namespace verdin::net::impl
