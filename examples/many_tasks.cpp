// Ten tasks that wait, one after the other and all at once. At once they end by the time that each takes, and
// together take as long as the slowest: nothing here depends on luck, so the order is the same in every run.
#include <chrono>
#include <cstdio>
#include <vector>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kTasks = 10;

void task(int id) {
  verdin::sleep(10ms * ((id * 7) % kTasks));  // shuffled, but the same each time
  std::printf("task %d is done\n", id);
}

template <typename F>
Clock::duration time_of(F&& function) {
  const auto before = Clock::now();
  function();
  return Clock::now() - before;
}

}  // namespace

int main() {
  return verdin::run([] {
    std::puts("one after the other:");
    const auto alone = time_of([] {
      for (int id = 0; id < kTasks; ++id) task(id);
    });

    std::puts("all at once:");
    const auto together = time_of([] {
      std::vector<verdin::Greenlet<>> all;
      for (int id = 0; id < kTasks; ++id) all.push_back(verdin::spawn(task, id));
      verdin::join_all(all);
    });

    std::puts(together * 2 < alone ? "that was much faster" : "that was no faster?");
  });
}
