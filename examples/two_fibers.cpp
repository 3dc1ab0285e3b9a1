// Two stacks that switch to each other by hand, without a scheduler. What the second one would do after its
// switch never happens: nobody switches back to it, and it is unwound when its handle goes.
#include <cstdio>

#include <verdin/runtime/fiber.hpp>

int main() {
  verdin::Fiber first;
  verdin::Fiber second;

  first = verdin::Fiber([&] {
    std::puts("12");
    second.switch_to();
    std::puts("34");
  });
  second = verdin::Fiber([&] {
    std::puts("56");
    first.switch_to();
    std::puts("78");
  });

  first.switch_to();
}
