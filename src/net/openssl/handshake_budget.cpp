#include "net/openssl/handshake_budget.hpp"

#include <chrono>
#include <memory>
#include <mutex>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>

namespace verdin::net::impl {
namespace {

struct Budget {
  /// One waits for the next turn, and the others for that one: else each turn would wake all of them.
  Semaphore first{1, Handoff::direct};
  loop::Clock::time_point turn{};
  unsigned used = 0;
  const unsigned generation = loop::fork_generation();

  bool take(unsigned per_turn, loop::Clock::time_point now) {
    if (turn != now) {
      turn = now;
      used = 0;
    }
    if (used >= per_turn) return false;
    ++used;
    return true;
  }
};

/// A greenlet stays on its thread, but the compiler does not know: out of line.
[[gnu::noinline]] Budget& of_this_thread() {
  thread_local std::unique_ptr<Budget> budget;
  if (budget && budget->generation != loop::fork_generation())
    static_cast<void>(budget.release());  // those who wait in it are not in this process
  if (!budget) budget = std::make_unique<Budget>();
  return *budget;
}

struct Place {
  Semaphore& first;
  ~Place() { first.release(); }
};

}  // namespace

bool await_handshake_turn(unsigned per_turn, Deadline limit) {
  if (per_turn == 0) return true;
  const loop::Loop& loop = Hub::current().loop();
  Budget& budget = of_this_thread();
  if (budget.first.count() > 0 && budget.take(per_turn, loop.now())) return true;
  if (limit.passed() || !budget.first.acquire_until(limit.due())) return false;
  const Place place{budget.first};
  while (!budget.take(per_turn, loop.now())) {
    if (limit.passed()) return false;
    sleep(std::chrono::nanoseconds(1));  // due in the next turn
  }
  return true;
}

}  // namespace verdin::net::impl
