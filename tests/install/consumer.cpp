// A program that knows of Verdin what is installed, and links all of it.
#include <cstdio>

#include <verdin/verdin.hpp>

int main() {
  return verdin::run([] {
    auto answer = verdin::spawn([](int factor) { return factor * 7; }, 6);
    verdin::join_all(answer);
    std::printf("linked and running: %d\n", answer.get());
    return answer.get() == 42 ? 0 : 1;
  });
}
