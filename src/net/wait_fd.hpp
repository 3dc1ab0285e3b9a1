// wait_fds(): suspends the greenlet until a descriptor is ready.
#pragma once

#include <optional>
#include <span>

#include <verdin/loop/loop.hpp>

namespace verdin::impl {

struct FdWish {
  int fd;
  loop::Interest interest;
};

/// False if `due` came first. Throws what is thrown into the greenlet; nothing stays registered.
bool wait_fds(std::span<const FdWish> wishes, std::optional<loop::Clock::time_point> due);
void wait_fd(int fd, loop::Interest interest);

}  // namespace verdin::impl
