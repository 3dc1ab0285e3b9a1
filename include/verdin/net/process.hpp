// Process: another program, started, talked to and waited for by greenlets.
//
//   verdin::Process sort({"sort", "-n"}, {.in = verdin::Stdio::pipe(), .out = verdin::Stdio::pipe()});
//   auto result = sort.communicate("3\n1\n2\n");         // result.out == "1\n2\n3\n", result.exit_code == 0
//   std::string head = verdin::check_output({"git", "rev-parse", "HEAD"});
//
// Works in any hub of any thread: the kernel tells of an end through a descriptor (pidfd; a thread that waits
// stands in where there is none), so no SIGCHLD handler is needed, and the application's own is left alone.
// The child gets the three standard descriptors and no other, no blocked signals, and SIGPIPE and SIGXFSZ
// as they are by default.
//
// Threads: a Process belongs to the hub in which it was made. The constructor blocks the thread until the
// program is loaded (vfork); wait, communicate and the pipes suspend the greenlet. What cannot be started is
// std::system_error with the errno of exec, chdir or pipe. Dropping a Process neither kills nor waits: the
// child runs on, and is reaped when it ends. A greenlet that is killed, or times out, in wait() or
// communicate() leaves the Process as it was, with what was read so far: both can be called again.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/runtime/impl/link.hpp>

namespace verdin {

namespace impl {
class Child;
}

/// What a standard descriptor of the child is.
class Stdio {
 public:
  enum class Kind { inherit, null, pipe, descriptor, merge };

  static constexpr Stdio inherit() noexcept { return Stdio(Kind::inherit, -1); }
  static constexpr Stdio null() noexcept { return Stdio(Kind::null, -1); }
  static constexpr Stdio pipe() noexcept { return Stdio(Kind::pipe, -1); }
  /// Stays the caller's.
  static constexpr Stdio descriptor(int fd) noexcept { return Stdio(Kind::descriptor, fd); }
  /// For the error output: where the output goes.
  static constexpr Stdio merge() noexcept { return Stdio(Kind::merge, -1); }

  constexpr Kind kind() const noexcept { return kind_; }
  constexpr int fd() const noexcept { return fd_; }

 private:
  constexpr Stdio(Kind kind, int fd) noexcept : kind_(kind), fd_(fd) {}
  Kind kind_;
  int fd_;
};

struct ProcessOptions {
  Stdio in = Stdio::inherit();
  Stdio out = Stdio::inherit();
  Stdio err = Stdio::inherit();
  std::optional<std::vector<std::string>> env{};  ///< all of it, "NAME=value"; none: this process's
  std::string cwd{};                              ///< empty: this process's
  bool new_session = false;                       ///< setsid(): signals of the terminal do not reach it
  bool close_others = true;  ///< also descriptors of the application that it forgot to close on exec
  std::size_t max_output = std::size_t{64} << 20;  ///< of communicate(), for each of out and err
  bool use_pidfd = true;                           ///< false: wait by a thread, as on kernels before 5.3
};

struct ProcessResult {
  int exit_code = 0;  ///< or the negative number of the signal that ended it
  std::string out{};
  std::string err{};
};

/// check_output() of a program that failed.
struct ProcessError : std::runtime_error {
  ProcessError(const std::string& what, ProcessResult of) : std::runtime_error(what), result(std::move(of)) {}
  ProcessResult result;
};

class Process {
 public:
  /// Starts `argv`; argv[0] is looked up in PATH unless it has a slash.
  explicit Process(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  Process(Process&&) noexcept = default;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const noexcept;
  /// Has it ended? Its exit code then.
  std::optional<int> poll();
  /// Blocks until it has ended. std::system_error (ECHILD) if somebody else has reaped it.
  int wait();
  std::optional<int> wait_for(loop::Clock::duration limit);

  /// Does nothing once it has ended.
  void send_signal(int signal_number);
  void terminate();
  void kill();

  PipeWriter& in() noexcept { return in_; }
  PipeReader& out() noexcept { return out_; }
  PipeReader& err() noexcept { return err_; }

  /// Sends `input`, closes the child's input, reads both outputs to their ends, and waits. All at once, so
  /// that no full pipe can stop it. std::length_error when an output passes max_output.
  ProcessResult communicate(std::string_view input = {});
  /// As communicate(); nullopt after `limit`. Nothing is lost then: the next call goes on, and needs no
  /// input.
  std::optional<ProcessResult> communicate_for(loop::Clock::duration limit, std::string_view input = {});

  /// For wait() over several objects: see runtime/linkable.hpp.
  bool ready();
  void add_link(impl::Link& link);

 private:
  std::optional<ProcessResult> communicate_until(std::optional<loop::Clock::time_point> due,
                                                 std::string_view input);
  bool pump();
  void send_some();
  bool read_some(PipeReader& from, std::string& to);

  std::shared_ptr<impl::Child> child_;
  PipeWriter in_;
  PipeReader out_;
  PipeReader err_;
  std::size_t max_output_;
  std::string input_;
  std::size_t sent_ = 0;
  ProcessResult result_;
};

/// Starts, communicates, and waits; outputs that the options say nothing of are pipes, the input is `input`.
/// If the greenlet is killed or times out meanwhile, so is the program (SIGKILL).
ProcessResult run_process(const std::vector<std::string>& argv, ProcessOptions options = {},
                          std::string_view input = {});
/// What it wrote to its output. ProcessError if its exit code is not 0.
std::string check_output(const std::vector<std::string>& argv, ProcessOptions options = {},
                         std::string_view input = {});

}  // namespace verdin
