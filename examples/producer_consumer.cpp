// A bounded queue slows a fast producer down to its consumers, and its end is theirs.
#include <cstdio>
#include <vector>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>

int main() {
  return verdin::run([] {
    verdin::Queue<int> items(3);

    auto producer = verdin::spawn([&] {
      for (int item = 1; item <= 9; ++item) {
        if (items.full()) std::puts("the queue is full: waiting");
        items.put(item);
      }
      items.close();
    });
    auto consumer = verdin::spawn([&] {
      int sum = 0;
      try {
        for (;;) sum += items.get();
      } catch (const verdin::QueueClosed&) {  // and everything in it was taken
      }
      return sum;
    });

    verdin::join_all(producer, consumer);
    std::printf("the sum is %d\n", consumer.get());
  });
}
