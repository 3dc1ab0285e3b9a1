// A result that somebody else sets (gevent's AsyncResult), and functions that are called when greenlets end.
#include <cstdio>
#include <stdexcept>

#include <verdin/runtime/future.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

int main() {
  return verdin::run([] {
    // One sets, any number get; who comes later gets it at once.
    verdin::Promise<int> answer;
    auto asker = [future = answer.future()](const char* name) {
      std::printf("%s waits\n", name);
      std::printf("%s got %d\n", name, future.get());
    };
    auto ann = verdin::spawn(asker, "ann");
    auto bob = verdin::spawn(asker, "bob");
    verdin::yield();
    answer.set_value(42);
    verdin::join_all(ann, bob);
    asker("late carl");

    // A promise as the link of a greenlet: what it ends with goes there, an exception too.
    verdin::Promise<int> outcome;
    verdin::spawn([]() -> int { throw std::runtime_error("no such file"); }).on_done(outcome);
    try {
      outcome.future().get();
    } catch (const std::runtime_error& error) {
      std::printf("it failed: %s\n", error.what());
    }

    // Functions as links, of all ends or of some; a queue collects greenlets as they end.
    verdin::Queue<verdin::Greenlet<int>> ended;
    for (int i = 1; i <= 2; ++i) {
      auto worker = verdin::spawn([i] { return i * i; });
      worker.on_done([i](const verdin::Greenlet<int>&) { std::printf("worker %d is done\n", i); });
      worker.on_done(ended);
    }
    for (int i = 0; i < 2; ++i) std::printf("result %d\n", ended.get().get());
  });
}
