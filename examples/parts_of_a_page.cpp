// What a view of a web page needs, fetched at once: a row, a web service, a mail. It takes as long as the
// slowest of the three, and one that fails does not lose what the others found.
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::string load_user() {
  verdin::sleep(100ms);
  return "Andy";
}

int count_friends() {
  verdin::sleep(80ms);
  return 3;
}

void send_mail() {
  verdin::sleep(50ms);
  throw std::runtime_error("the mail server is away");
}

}  // namespace

int main() {
  return verdin::run([] {
    const auto before = Clock::now();
    auto user = verdin::spawn(load_user);
    auto friends = verdin::spawn(count_friends);
    auto mail = verdin::spawn(send_mail);
    const bool all = verdin::join_all(5s, user, friends, mail);
    const auto took = Clock::now() - before;

    std::printf("%s has %d friends\n", user.get().c_str(), friends.get());
    try {
      mail.get();
    } catch (const std::runtime_error& e) {
      std::printf("no mail: %s\n", e.what());
    }
    std::puts(all && took < 220ms ? "it took no longer than the slowest" : "it took too long");
  });
}
