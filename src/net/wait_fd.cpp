#include "net/wait_fd.hpp"

#include <vector>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::impl {

bool wait_fds(std::span<const FdWish> wishes, std::optional<loop::Clock::time_point> due) {
  Event ready;
  std::vector<loop::WatchPtr> watches;  // go before the event that they set
  Hub& hub = Hub::current();
  const auto tell = [&ready, &watches, greenlet = hub.running()] {
    // Ended, and it waits: this is a child of fork() without it, where they would call in every turn.
    if (greenlet->finished()) return watches.clear();
    ready.set();
  };
  for (const FdWish& wish : wishes) watches.push_back(hub.loop().watch(wish.fd, wish.interest, tell));
  if (due) return ready.wait_for(*due - loop::Clock::now());
  ready.wait();
  return true;
}

void wait_fd(int fd, loop::Interest interest) {
  const FdWish wish{fd, interest};
  wait_fds({&wish, 1}, std::nullopt);
}

}  // namespace verdin::impl
