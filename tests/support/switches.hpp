// switches_of(): how often other greenlets got a turn while function() ran: a test's proof that a call does
// not switch.
#pragma once

#include <cstddef>

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/sleep.hpp>

namespace verdin::test {

template <typename F>
std::size_t switches_of(F&& function) {
  std::size_t turns = 0;
  bool over = false;
  auto other = verdin::spawn([&] {
    while (!over) {
      verdin::yield();
      if (!over) ++turns;
    }
  });
  verdin::yield();  // it runs once, and is ready from now on
  turns = 0;
  function();
  over = true;
  other.join();
  return turns;
}

}  // namespace verdin::test
