#include "net/child.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/no_signals.hpp"

namespace verdin::impl {
namespace {

Descriptor open_pidfd(pid_t pid) {
#ifdef SYS_pidfd_open
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#else
  static_cast<void>(pid);
  return Descriptor();
#endif
}

int wait_id(pid_t pid, siginfo_t& info, int flags) {
  int result = 0;
  do {
    info = {};
    result = ::waitid(P_PID, static_cast<id_t>(pid), &info, flags);
  } while (result != 0 && errno == EINTR);
  return result;
}

/// A thread that takes no signals, and that nobody waits for.
template <typename F>
void start_waiting_thread(F&& function) {
  const NoSignals in_the_thread;
  std::thread(std::forward<F>(function)).detach();
}

}  // namespace

Child::Child(Hub& hub, pid_t pid, bool use_pidfd)
    : hub_(hub.ref()), owner_(&hub), pid_(pid), pidfd_(use_pidfd ? open_pidfd(pid) : Descriptor()) {}

bool Child::reap() {
  if (ended_) return true;
  siginfo_t info;
  if (made_.is_parents()) {  // its number may be that of a child of this process by now
  } else if (wait_id(pid_, info, WEXITED | WNOHANG) == 0) {
    if (info.si_pid == 0) return false;
    code_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  } else if (errno != ECHILD) {
    throw std::system_error(errno, std::generic_category(), "verdin: waitid");
  }
  ended_ = true;
  watch_.reset();
  pidfd_.reset();
  exited_.set();
  return true;
}

int Child::exit_code() const {
  if (!code_)
    throw std::system_error(ECHILD, std::generic_category(), "verdin: the exit code went to somebody else");
  return *code_;
}

Event& Child::exited() {
  if (!ended_ && !reap()) watch();
  return exited_;
}

void Child::watch() {
  if (watched_) return;
  if (!pidfd_) {
    wait_on_thread();
    watched_ = true;
    return;
  }
  watched_ = true;
  watch_ = owner_->loop().watch(pidfd_.get(), loop::Interest::read, [this] {
    const auto alive = shared_from_this();
    reap();
  });
}

/// Leaves the status in the kernel, so that the number is nobody else's before the hub has taken it.
void Child::wait_on_thread() {
  start_waiting_thread([self = shared_from_this()]() mutable {
    siginfo_t info;
    wait_id(self->pid_, info, WEXITED | WNOWAIT);
    const pid_t pid = self->pid_;
    const HubRef hub = self->hub_;
    const bool told = hub.post([self = std::move(self)] {
      self->owner_->expect_external(-1);
      self->reap();
    });
    if (!told) wait_id(pid, info, WEXITED);
  });
  owner_->expect_external(1);  // what the thread posts comes later: this is the hub's own
}

void Child::send_signal(int signal_number) {
  // Not reaped, so the number is still this child's.
  if (!reap()) ::kill(pid_, signal_number);
}

void Child::abandon() {
  watch_.reset();
  const bool on_thread = watched_ && !pidfd_;
  if (ended_ || on_thread || reap()) return;
  try {
    start_waiting_thread([pid = pid_] {
      siginfo_t info;
      wait_id(pid, info, WEXITED);
    });
  } catch (const std::system_error&) {  // no more threads: it stays a zombie, as with others
  }
}

}  // namespace verdin::impl
