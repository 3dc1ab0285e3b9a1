// Child: a process that was started, until it is reaped.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include <sys/types.h>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::impl {

class Child : public std::enable_shared_from_this<Child> {
 public:
  Child(Hub& hub, pid_t pid, bool use_pidfd);

  pid_t pid() const noexcept { return pid_; }
  /// Reaps it if it has ended; whether it has. In a child of fork() it has, as far as that knows.
  bool reap();
  /// Set once; std::system_error if the status went to somebody else.
  int exit_code() const;
  /// Is set when it has ended, from when somebody asks on.
  Event& exited();
  void send_signal(int signal_number);
  /// Nobody waits for it any more: reaps it when it ends.
  void abandon();
  /// In a child of fork(): what it watches for the parent it watches for nobody.
  void forget() noexcept { watch_.reset(); }

 private:
  void watch();
  void wait_on_thread();

  HubRef hub_;
  Hub* owner_;
  pid_t pid_;
  Descriptor pidfd_;
  const loop::ProcessMark made_;
  std::optional<int> code_;
  bool ended_ = false;
  bool watched_ = false;
  Event exited_;
  loop::WatchPtr watch_;
};

}  // namespace verdin::impl
