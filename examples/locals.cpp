// A variable of which each greenlet has its own value: what a request handler would otherwise pass through
// every call.
#include <cstdio>
#include <string>
#include <vector>

#include <verdin/runtime/join.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

namespace {

verdin::Local<std::string> user([] { return std::string("nobody"); });

void log(const char* what) { std::printf("%s: %s\n", user->c_str(), what); }

void handle(const char* name) {
  *user = name;
  log("came");
  verdin::yield();  // others set theirs meanwhile
  log("is still here");
}

}  // namespace

int main() {
  return verdin::run([] {
    auto anna = verdin::spawn(handle, "anna");
    auto bert = verdin::spawn(handle, "bert");
    verdin::join_all(anna, bert);
    log("never came");
  });
}
