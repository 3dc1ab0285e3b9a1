// What a handle tells of its greenlet, and what becomes of an exception: it stays inside, until somebody asks
// for it.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>

namespace {

std::string win() { return "you win!"; }
std::string fail() { throw std::runtime_error("you fail at failing"); }

const char* word(bool is) { return is ? "yes" : "no"; }

void describe(const char* name, const verdin::Greenlet<std::string>& greenlet) {
  std::printf("%s: active %s, ready %s, successful %s\n", name, word(greenlet.active()),
              word(greenlet.ready()), word(greenlet.successful()));
}

}  // namespace

int main() {
  return verdin::run([] {
    auto winner = verdin::spawn(win);
    auto loser = verdin::spawn(fail);
    describe("winner", winner);
    describe("loser", loser);

    verdin::join_all(winner, loser);  // throws nothing of theirs
    describe("winner", winner);
    describe("loser", loser);

    std::printf("winner: %s\n", winner.get().c_str());
    try {
      loser.get();
    } catch (const std::runtime_error& e) {
      std::printf("loser: %s\n", e.what());
    }
  });
}
