// Loop: what a hub waits with. It knows file descriptors and time; it knows nothing of greenlets.
//
// One interface for readiness backends (libev: epoll, kqueue, poll, ...) and completion backends (io_uring).
// A loop belongs to one thread; only wake() may be called from another. turn() is the only call that blocks.
// All callbacks run inside turn() on the loop's thread and must not block or throw.
//
// A turn: write what is queued on every stream, poll once, deliver what has come in, fire the timers that are
// due. Ready data is delivered before timers fire: data that is there beats its own timeout.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <verdin/base/unique_function.hpp>
#include <verdin/loop/deadline_timer.hpp>
#include <verdin/loop/file_operation.hpp>
#include <verdin/loop/readiness.hpp>
#include <verdin/loop/stream.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/loop/timer_wheel.hpp>

namespace verdin::loop {

/// Gets each accepted connection. The listener stops accepting, with a back-off from 10 ms to 1 s, while the
/// process is out of descriptors or memory.
class AcceptHandler {
 public:
  virtual void on_accept(StreamPtr stream) = 0;
  virtual void on_accept_error(std::error_code) {}

 protected:
  ~AcceptHandler() = default;
};

/// A registration; destroying it ends it, and so does the end of its loop, which it may outlive. It may be
/// destroyed inside its own callback.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;
  /// False: waiting for this alone is waiting for nothing (Loop::has_work()). So it is for signals unless set
  /// otherwise.
  virtual void set_ref(bool ref) = 0;
  /// For the loop, in a child of fork().
  virtual void after_fork() noexcept {}
};
using WatchPtr = std::unique_ptr<Watch>;

enum class Interest { read = 1, write = 2, read_write = 3 };

class Loop {
 public:
  /// `backend`: "uring" (io_uring); "libev" (the best that libev finds); "epoll", "poll", "select", "kqueue",
  /// "devpoll", "port" (libev with that one; "libev:epoll" means the same); "auto" (the default); empty: the
  /// environment's VERDIN_LOOP, else the default.
  ///
  /// Where the kernel, a container or valgrind does not let "uring" work, or Verdin was built without it,
  /// libev is used instead and a warning logged. Throws std::invalid_argument for an unknown name and
  /// std::system_error for a libev backend that this system has not.
  static std::unique_ptr<Loop> make(std::string_view backend = {});

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  /// What is at work: "uring", "libev:epoll", ...
  virtual std::string backend() const = 0;

  /// Takes over a connected, non-blocking stream socket. Nothing is read before its handler is set.
  virtual StreamPtr adopt(int fd) = 0;
  /// Takes over a bound and listening, non-blocking socket. `handler` must outlive the watch.
  virtual WatchPtr accept(int listening_fd, AcceptHandler& handler) = 0;
  /// Calls back each turn in which `fd` is ready. The descriptor stays the caller's.
  virtual WatchPtr watch(int fd, Interest interest, UniqueFunction<void()> ready) = 0;
  /// As watch(), for waits that come again and again: see readiness.hpp. Not armed yet.
  virtual ReadinessPtr readiness(int fd, Interest interest, Readiness::Callback ready, void* owner) = 0;
  /// Calls back for each delivery of `signal_number` (several at once may become one call).
  virtual WatchPtr on_signal(int signal_number, UniqueFunction<void()> delivered) = 0;

  /// Calls back in a child of fork(), as the loop parts from the parent's: for what would keep the child
  /// waiting. It must not throw, and not make or end watches.
  WatchPtr on_fork(UniqueFunction<void()> parted);

  /// Starts an operation on a file; false where the backend cannot do that (use threads then). See
  /// file_operation.hpp.
  virtual bool submit(FileOperation& /*operation*/) { return false; }
  /// Tries to end it early; on_done() comes in any case, with -ECANCELED when that worked.
  virtual void cancel(FileOperation& /*operation*/) {}

  /// In a child process after fork(): parts the loop from the parent's. The first turn does it by itself (and
  /// throws std::system_error where there is no descriptor or no io_uring for it: it may be tried again).
  /// Watches and readiness go on in both processes. What the parent's connections do by themselves, they do
  /// there: in the child its listeners accept nothing, its streams say and hear nothing (see stream.hpp), its
  /// wheel's timers do not ring, and operations on files do not end (no on_done()).
  virtual void after_fork() noexcept = 0;
  /// In a child process, back in a turn that the parent has begun, from a callback of which it was forked:
  /// what this turn would still do is the parent's.
  void drop_rest_of_turn() noexcept { dropping_ = in_turn_; }
  bool dropping() const noexcept { return dropping_; }

  /// One turn. Waits for an event, the next timer or wake() if `may_block`, else only looks.
  virtual void turn(bool may_block) = 0;
  /// From any thread: makes the current or the next blocking turn return.
  virtual void wake() noexcept = 0;
  /// Whether anything (stream, listener, watch, timer) could still cause an event.
  virtual bool has_work() const noexcept = 0;

  /// The time when this turn's poll returned: cheap, and old by what was done since.
  Clock::time_point now() const noexcept { return now_; }
  Clock::time_point update_now() noexcept { return now_ = Clock::now(); }
  /// From any thread: is turn() blocked in the kernel, so that no callback runs?
  bool waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  TimerWheel& wheel() noexcept { return wheel_; }
  DeadlineHeap& deadlines() noexcept { return deadlines_; }

 protected:
  Loop() : now_(Clock::now()), wheel_(now_) {}
  /// To be told by the backend around each wait.
  void set_waiting(bool waiting) noexcept { waiting_.store(waiting, std::memory_order_relaxed); }
  /// What is given out for a watch of the backend: it may outlive the loop.
  WatchPtr hold(WatchPtr watch);
  /// For the backend's destructor, first of all.
  void end_watches() noexcept;

  /// In a child process: for those watches that are still held.
  void tell_watches_of_fork() noexcept;
  /// Where what is dropped may be written.
  std::string& scrap() noexcept {
    scrap_.clear();
    return scrap_;
  }
  /// Lies in turn().
  struct InTurn {
    explicit InTurn(Loop& its) noexcept : loop(its) { loop.in_turn_ = true; }
    InTurn(const InTurn&) = delete;
    InTurn& operator=(const InTurn&) = delete;
    ~InTurn() { loop.in_turn_ = loop.dropping_ = false; }
    Loop& loop;
  };

  std::atomic<bool> waiting_{false};
  Clock::time_point now_;
  TimerWheel wheel_;
  DeadlineHeap deadlines_;

 private:
  class HeldWatch;
  HeldWatch* held_ = nullptr;
  std::string scrap_;
  bool in_turn_ = false;
  bool dropping_ = false;
};

}  // namespace verdin::loop
