// A greenlet runs a function with arguments, a lambda, or an object of a class that is derived.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <verdin/runtime/greenlet_class.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;

namespace {

void say(const std::string& message, std::chrono::milliseconds after) {
  verdin::sleep(after);
  std::puts(message.c_str());
}

class Greeter : public verdin::GreenletClass<> {
 public:
  explicit Greeter(std::string message) : message_(std::move(message)) {}

 private:
  void run() override {
    std::puts(message_.c_str());
    verdin::sleep(1ms);
  }

  std::string message_;
};

}  // namespace

int main() {
  return verdin::run([] {
    auto hello = verdin::spawn(say, "Hello", 10ms);
    auto later = verdin::spawn_after(100ms, say, "I live!", 0ms);
    auto sum = verdin::spawn([](int x) { return x + 1; }, 2);
    verdin::join_all(hello, later, sum);
    std::printf("the sum is %d\n", sum.get());

    const auto greeter = std::make_shared<Greeter>("Hi there!");
    greeter->start();
    greeter->join();
  });
}
