// Three things at once, written as if each were alone on its thread. It has only one.

// [main]
#include <chrono>
#include <cstdio>
#include <string>

#include <verdin/verdin.hpp>

using namespace std::chrono_literals;

namespace {

struct User {
  std::string name;
};

// Stand-ins for a database, a web service and a mail server: what matters here is that they take their time.
User load_user(const std::string& name) {
  verdin::sleep(30ms);
  return {name};
}

int call_graph_api(int) {
  verdin::sleep(20ms);
  return 3;
}

void send_mail(const std::string&) { verdin::sleep(10ms); }

void use(const User& user, int friends) {
  std::printf("%s has %d friends; the mail is on its way\n", user.name.c_str(), friends);
}

}  // namespace

int main() {
  return verdin::run([] {                          // returns when this greenlet ends
    auto user = verdin::spawn(load_user, "Andy");  // Greenlet<User>
    auto friends = verdin::spawn(call_graph_api, 14213);
    auto mail = verdin::spawn(send_mail, "me@mysite.com");
    verdin::join_all(2s, user, friends, mail);  // all three run at once
    use(user.get(), friends.get());             // the values, or what was thrown
  });
}
// [/main]
