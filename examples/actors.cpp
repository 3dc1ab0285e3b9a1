// Actors: greenlets that own an inbox and do nothing but answer what comes in.
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>

namespace {

class Actor {
 public:
  using Receive = std::function<void(const std::string&)>;

  void start(Receive receive) {
    greenlet_ = verdin::spawn([this, receive = std::move(receive)] {
      for (;;) receive(inbox_.get());
    });
  }
  void send(std::string message) { inbox_.put(std::move(message)); }
  void stop() { greenlet_.kill(); }

 private:
  verdin::Queue<std::string> inbox_{16};
  verdin::Greenlet<> greenlet_;
};

}  // namespace

int main() {
  return verdin::run([] {
    Actor ping;
    Actor pong;
    verdin::Queue<int> rounds(1);
    int left = 3;

    ping.start([&](const std::string& message) {
      std::puts(message.c_str());
      if (left-- == 0) return rounds.put(0);
      pong.send("ping");
    });
    pong.start([&](const std::string& message) {
      std::puts(message.c_str());
      ping.send("pong");
    });

    ping.send("start");
    rounds.get();
    ping.stop();
    pong.stop();
  });
}
