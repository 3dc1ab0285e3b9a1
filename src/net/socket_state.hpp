// SocketState: what a Socket is a handle of. Outlives it while a greenlet is in a call.
#pragma once

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/socket.hpp>

#include "net/direction.hpp"

namespace verdin::net {

struct ZeroCopySends;

class SocketState : public RefCounted<SocketState> {
 public:
  SocketState(int number, SocketType kind) noexcept;
  ~SocketState();
  /// Twice is once.
  void close() noexcept;
  int give_away() noexcept;

  int fd;
  SocketType type;
  bool drained = false;  // the last read got all there was: the next one waits before it tries
  Direction reading{loop::Interest::read};
  Direction writing{loop::Interest::write};
  std::unique_ptr<ZeroCopySends> zero_copy;  // made by the first such send
  loop::ProcessMark made;
};

/// Frees what the kernel is done with.
void reap_zero_copies(SocketState& state) noexcept;

/// Any of these events of poll(2), an error, or a hang-up.
bool is_ready(int fd, short events) noexcept;

inline std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

[[noreturn]] inline void fail(const char* what) { throw_error(last_error(), what); }

/// Does call(fd) until it does not want to wait any more: what it returned, or -1 and `error`. `wait_first`:
/// it would only say that it wants to wait.
template <typename Call>
ssize_t until_done(SocketState& state, Direction& direction, bool wait_first, Deadline limit,
                   std::error_code& error, const char* what, Call&& call) {
  direction.count_attempt();
  bool tried = false;
  for (;;) {
    if (state.fd < 0) {
      error = Errc::closed;
      return -1;
    }
    if (!wait_first) {
      const ssize_t result = call(state.fd);
      if (result >= 0) return result;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        error = last_error();
        return -1;
      }
      tried = true;
      if (state.zero_copy) reap_zero_copies(state);  // they wake whoever waits
    }
    wait_first = false;
    error = direction.wait(state.fd, limit, what);
    if (error && state.fd < 0) error = Errc::closed;
    if (error && tried) return -1;
    error.clear();  // at least one attempt
  }
}

}  // namespace verdin::net
