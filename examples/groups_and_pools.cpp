// Many greenlets as one thing: a group that is joined, results in one order or the other, and a pool that
// lets only so many be at work.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <verdin/runtime/group.hpp>
#include <verdin/runtime/pool.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;

namespace {

std::string fetch(int n) {
  verdin::sleep(n == 1 ? 20ms : 0ms);  // the first is the slowest
  return "page " + std::to_string(n);
}

}  // namespace

int main() {
  return verdin::run([] {
    const std::vector<int> numbers{1, 2, 3};

    verdin::Group group;
    for (const std::string& page : group.map(fetch, numbers)) std::printf("map: %s\n", page.c_str());
    // In the order of the input, each as soon as it and those before it are there; and as they come.
    for (const std::string& page : group.imap(fetch, numbers)) std::printf("imap: %s\n", page.c_str());
    for (const std::string& page : group.imap_unordered(fetch, numbers))
      std::printf("imap_unordered: %s\n", page.c_str());

    // spawn() waits while the pool is full, so whoever makes the work is held back, too.
    verdin::Pool pool(2);
    int at_work = 0;
    int most = 0;
    for (int i = 0; i < 10; ++i) {
      pool.spawn([&] {
        most = std::max(most, ++at_work);
        verdin::yield();
        --at_work;
      });
    }
    pool.join();
    std::printf("at most %d at once\n", most);

    // A semaphore limits a part of what they do.
    verdin::Semaphore desks(1);
    for (const char* name : {"ann", "bob"}) {
      group.spawn([&desks, name] {
        const std::scoped_lock desk(desks);
        std::printf("%s sits down\n", name);
        verdin::yield();
        std::printf("%s gets up\n", name);
      });
    }
    group.join();
  });
}
