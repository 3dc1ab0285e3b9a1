// FileState's part for what tells when it is ready: pipes, terminals, sockets.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/if_lost.hpp>

#include "loop/no_sigpipe.hpp"
#include "net/background_threads.hpp"
#include "net/fail.hpp"
#include "net/file_call.hpp"
#include "net/file_state.hpp"

namespace verdin::impl {
namespace {

constexpr std::size_t kLargestRead = std::size_t{64} << 10;
/// What a pipe that is ready takes without blocking.
constexpr std::size_t kPipeRoom = 512;

bool is_ready(int fd, short events) {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, 0) == 1;
}

/// Never blocks, whatever the descriptor's flags: a negative errno instead, EOPNOTSUPP if it cannot be asked
/// in this way.
std::ptrdiff_t read_without_blocking(int fd, bool socket, std::span<char> into) {
  ssize_t n = -1;
  errno = EOPNOTSUPP;
  if (socket) {
    n = ::recv(fd, into.data(), into.size(), MSG_DONTWAIT);
  } else {
#ifdef RWF_NOWAIT
    const iovec piece{into.data(), into.size()};
    n = ::preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
#endif
  }
  return n < 0 ? -errno : n;
}

std::ptrdiff_t write_without_blocking(int fd, bool socket, std::string_view data) {
  if (socket) {
    const ssize_t n = ::send(fd, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
  }
#ifdef RWF_NOWAIT
  NoSigpipe guard;
  iovec piece{const_cast<char*>(data.data()), data.size()};
  const ssize_t n = ::pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
  if (n >= 0) return n;
  if (errno == EPIPE) guard.broken();
  return -errno;
#else
  return -EOPNOTSUPP;
#endif
}

}  // namespace

/// Who waits is woken by close(), and by the end of stray reads.
class FileState::Waiting {
 public:
  Waiting(std::vector<Event*>& list, Event& event) : list_(list), own_(&event) { list_.push_back(own_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { list_.erase(std::find(list_.begin(), list_.end(), own_)); }

 private:
  std::vector<Event*>& list_;
  Event* own_;
};

/// A loop that does not know of the descriptor's kind reports it as ready.
void FileState::await(loop::Interest interest) {
  Event ready;
  loop::WatchPtr watch = Hub::current().loop().watch(fd_, interest, [&ready] { ready.set(); });
  const verdin::impl::IfLost lost([](void* what) noexcept { static_cast<loop::WatchPtr*>(what)->reset(); },
                                  &watch);
  const Waiting waiting(waiting_, ready);
  ready.wait();
  check_open();
}

/// What they have taken comes before what is there now.
void FileState::await_stray_reads() {
  if (stray_reads_ == 0) return;
  // A thread will tell: this is no wait for ever.
  struct External {
    explicit External(Hub& its_hub) : hub(its_hub) { hub.expect_external(1); }
    External(const External&) = delete;
    External& operator=(const External&) = delete;
    ~External() { hub.expect_external(-1); }
    Hub& hub;
  } const external(Hub::current());
  while (stray_reads_ > 0) {
    Event over;
    const Waiting waiting(waiting_, over);
    over.wait();
    check_open();
  }
}

std::size_t FileState::read_stream(std::span<char> into) {
  into = into.first(std::min(into.size(), kLargestRead));
  const std::size_t known = ahead_.size();
  for (;;) {
    check_open();
    await_stray_reads();
    if (ahead_.size() > known) {  // and no more of it than one read brings
      const std::size_t taken = ahead_.copy(into.data(), into.size(), known);
      ahead_.erase(known, taken);
      return taken;
    }
    std::ptrdiff_t n = read_without_blocking(fd_, socket_, into);
    if (n == -EOPNOTSUPP) {
      await(loop::Interest::read);
      if (!is_ready(fd_, POLLIN)) continue;
      // Somebody else may take it first: on a thread, because a read would wait for more then.
      const IntrusivePtr<FileCall> call(
          new FileCall(loop::FileOperation::Kind::read, IntrusivePtr<FileState>(this)));
      call->allocate(into.size());
      n = call->carry_out_on_thread();
      if (n > 0) std::memcpy(into.data(), call->data(), static_cast<std::size_t>(n));
    }
    if (n >= 0) return static_cast<std::size_t>(n);
    if (n == -EAGAIN) {
      await(loop::Interest::read);
    } else if (n != -EINTR) {
      fail(static_cast<int>(-n), "read");
    }
  }
}

std::size_t FileState::write_stream(std::string_view data) {
  for (;;) {
    check_open();
    std::ptrdiff_t n = write_without_blocking(fd_, socket_, data);
    if (n == -EOPNOTSUPP) {
      await(loop::Interest::write);
      const IntrusivePtr<FileCall> call(
          new FileCall(loop::FileOperation::Kind::write, IntrusivePtr<FileState>(this)));
      call->allocate(std::min(data.size(), kPipeRoom));
      std::memcpy(call->data(), data.data(), call->size);
      n = call->carry_out_on_thread();
    }
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == -EAGAIN || n == 0) {
      await(loop::Interest::write);
    } else if (n != -EINTR) {
      fail(static_cast<int>(-n), "write");
    }
  }
}

}  // namespace verdin::impl
