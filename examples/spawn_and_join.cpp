// Two greenlets take turns: each lets the other run at yield(), and join_all() waits for both.
#include <cstdio>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

namespace {

void foo() {
  std::puts("running in foo");
  verdin::yield();
  std::puts("in foo again");
}

void bar() {
  std::puts("now in bar");
  verdin::yield();
  std::puts("back in bar");
}

}  // namespace

int main() {
  return verdin::run([] {
    auto first = verdin::spawn(foo);
    auto second = verdin::spawn(bar);
    verdin::join_all(first, second);
  });
}
