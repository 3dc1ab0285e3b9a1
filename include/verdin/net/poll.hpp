// wait_fd(), poll() and Poller: waiting for descriptors, one or many, whoever reads from them.
//
//   if (!net::wait_fd(fd, loop::Interest::read, 5s)) return;       // false: 5 seconds are over
//   net::poll(entries, 1s);                                        // as poll(2)
//   net::Poller poller;                                            // as epoll(7), for many and again and
//   again poller.add(fd, loop::Interest::read, &connection); for (const net::Poller::Event& event :
//   poller.wait()) ...
//
// All suspend the greenlet and no other. What is ready at once is told at once. Conditions are those of
// poll(2): a peer's end is readable; an error or a hang-up is told of whatever was asked for. poll() tells
// descriptors that are not open; one that is closed meanwhile must not be (close() of a Socket wakes its
// own waiters only): with epoll nobody is told then. On VERDIN_LOOP=poll libev ends the program where another
// thread closes one while the loop waits.
//
// Poller costs nothing for descriptors that are not ready. One greenlet at a time waits in it
// (ConcurrentUse). Threads: of one hub. It owns no descriptor: remove() each before it is closed. Throws
// std::system_error, std::invalid_argument for what is added twice or is not there.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <verdin/loop/loop.hpp>
#include <verdin/net/deadline.hpp>

namespace verdin::net {

/// False if `limit` was over first.
bool wait_fd(int fd, loop::Interest interest, Deadline limit = Deadline::never());

struct PollEntry {
  int fd;
  loop::Interest interest;
  bool readable = false;
  bool writable = false;
  bool failed = false;   ///< POLLERR or POLLHUP
  bool invalid = false;  ///< not open
};
/// How many entries are ready for anything; 0 if `limit` was over first.
std::size_t poll(std::span<PollEntry> entries, Deadline limit = Deadline::never());

class Poller {
 public:
  struct Event {
    int fd;
    bool readable;
    bool writable;
    bool failed;
    void* context;  ///< what add() was given
  };

  Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  void add(int fd, loop::Interest interest, void* context = nullptr);
  void modify(int fd, loop::Interest interest);
  void remove(int fd);
  std::size_t size() const noexcept;
  /// Those that are ready, in the order in which they became so; none if `limit` was over first. Valid
  /// until the next call.
  std::span<const Event> wait(Deadline limit = Deadline::never());

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace verdin::net
