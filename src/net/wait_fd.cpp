#include "net/wait_fd.hpp"

#include <vector>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/if_lost.hpp>

namespace verdin::impl {

bool wait_fds(std::span<const FdWish> wishes, std::optional<loop::Clock::time_point> due) {
  Event ready;
  std::vector<loop::WatchPtr> watches;  // go before the event that they set
  const IfLost lost([](void* what) noexcept { static_cast<std::vector<loop::WatchPtr>*>(what)->clear(); },
                    &watches);
  loop::Loop& loop = Hub::current().loop();
  for (const FdWish& wish : wishes)
    watches.push_back(loop.watch(wish.fd, wish.interest, [&ready] { ready.set(); }));
  if (due) return ready.wait_for(loop::time_until(*due));
  ready.wait();
  return true;
}

void wait_fd(int fd, loop::Interest interest) {
  const FdWish wish{fd, interest};
  wait_fds({&wish, 1}, std::nullopt);
}

}  // namespace verdin::impl
