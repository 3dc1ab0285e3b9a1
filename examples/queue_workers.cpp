// A boss fills a queue, three workers empty it. Whoever has a task lets the others run, so they take turns.
#include <cstdio>
#include <string>
#include <vector>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

namespace {

using Tasks = verdin::Queue<int>;

void worker(const std::string& name, Tasks& tasks) {
  while (const auto task = tasks.try_get()) {
    std::printf("worker %s got task %d\n", name.c_str(), *task);
    verdin::yield();
  }
  std::puts("quitting time!");
}

}  // namespace

int main() {
  return verdin::run([] {
    Tasks tasks(100);
    auto boss = verdin::spawn([&] {
      for (int task = 1; task < 25; ++task) tasks.put(task);
    });
    boss.join();

    std::vector<verdin::Greenlet<>> workers;
    for (const char* name : {"steve", "john", "nancy"})
      workers.push_back(verdin::spawn(worker, name, std::ref(tasks)));
    verdin::join_all(workers);
  });
}
