#include "runtime/monitor/monitor.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/lasting.hpp"
#include "runtime/monitor/block_finder.hpp"
#include "runtime/monitor/signal_report.hpp"
#include "runtime/no_signals.hpp"

namespace verdin::impl {
namespace {

std::atomic<bool> lost{false};
std::array<std::atomic<int>, 2> wake_pipe{-1, -1};

class Monitor {
 public:
  constexpr Monitor() noexcept = default;

  void start() {
    const std::scoped_lock lock(mutex_);
    if (exiting_) return;
    if (thread_) return wake_monitor();  // while there was no hub to look at it sleeps for long
    if (wake_pipe[0].load() < 0) open_pipe();
    if (!cleanup_registered_) {
      cleanup_registered_ = true;
      std::atexit([] { instance().stop(); });
    }
    stopping_.store(false);
    const NoSignals in_the_thread;
    thread_ = std::make_unique<std::thread>([this] { run(); });
    lost.store(false);
  }

  void forget() noexcept {
    // The thread is not there any more, and may have held the lock: neither can be given up in order.
    static_cast<void>(thread_.release());
    new (&mutex_) std::mutex;
    const bool had_pipe = wake_pipe[0].load() >= 0;
    for (auto& end : wake_pipe) {
      if (had_pipe) ::close(end.load());
      end.store(-1);
    }
    lost.store(true);
  }

  static Monitor& instance() noexcept;

 private:
  static void open_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;  // then it looks at nothing but the clock
    wake_pipe[1].store(ends[1]);
    wake_pipe[0].store(ends[0]);
  }

  void stop() {
    std::unique_ptr<std::thread> thread;
    {
      const std::scoped_lock lock(mutex_);
      exiting_ = true;
      thread = std::move(thread_);
    }
    if (!thread) return;
    stopping_.store(true);
    wake_monitor();
    // exit() may be called by a hook, on that very thread.
    if (thread->get_id() == std::this_thread::get_id()) {
      thread->detach();
    } else {
      thread->join();
    }
  }

  void run() {
    ::pthread_setname_np(::pthread_self(), "verdin monitor");
    BlockFinder finder;
    while (!stopping_.load()) {
      wait(finder.interval());
      if (stopping_.load()) break;
      print_requested_reports();
      finder.look();
    }
  }

  static void wait(std::chrono::milliseconds limit) {
    pollfd wake{wake_pipe[0].load(), POLLIN, 0};
    const auto most = std::chrono::milliseconds(std::numeric_limits<int>::max());
    ::poll(&wake, 1, static_cast<int>(std::min(limit, most).count()));
    char drain[64];
    while (wake.fd >= 0 && ::read(wake.fd, drain, sizeof drain) > 0) {
    }
  }

  std::mutex mutex_{};
  std::unique_ptr<std::thread> thread_{};
  std::atomic<bool> stopping_{false};
  bool exiting_ = false;
  bool cleanup_registered_ = false;
};

constinit Lasting<Monitor> the_monitor;  // never destroyed: see stop()

Monitor& Monitor::instance() noexcept { return the_monitor.value; }

}  // namespace

void start_monitor() { Monitor::instance().start(); }

void wake_monitor() noexcept {
  const int error = errno;
  const char byte = 0;
  // A full pipe has woken it already.
  if (::write(wake_pipe[1].load(), &byte, 1) < 0) errno = error;
  errno = error;
}

bool monitor_is_lost() noexcept { return lost.load(std::memory_order_relaxed); }

void forget_monitor_after_fork() noexcept { Monitor::instance().forget(); }

}  // namespace verdin::impl
