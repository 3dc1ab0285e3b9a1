// One greenlet sets an event; all that wait for it go on, in the order they came.
#include <chrono>
#include <cstdio>
#include <vector>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;

int main() {
  return verdin::run([] {
    verdin::Event dinner;
    std::vector<verdin::Greenlet<>> all;

    all.push_back(verdin::spawn([&] {
      std::puts("cook: give me a moment");
      verdin::sleep(20ms);
      std::puts("cook: dinner is ready");
      dinner.set();
      std::puts("cook: and the kitchen clean");  // the setter runs on
    }));
    for (int guest = 1; guest <= 3; ++guest) {
      all.push_back(verdin::spawn([&dinner, guest] {
        if (!dinner.wait_for(1ms)) std::printf("guest %d: I am hungry\n", guest);
        dinner.wait();
        std::printf("guest %d: thank you\n", guest);
      }));
    }
    verdin::join_all(all);
  });
}
