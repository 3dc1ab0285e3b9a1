#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <verdin/net/process.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/if_lost.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

#include "net/child.hpp"
#include "net/spawn_child.hpp"
#include "net/wait_fd.hpp"

namespace verdin {

Process::Process(const std::vector<std::string>& argv, const ProcessOptions& options)
    : max_output_(options.max_output) {
  Hub& hub = Hub::current();
  impl::ParentEnds ends;
  const pid_t pid = impl::spawn_child(argv, options, ends);
  child_ = std::make_shared<impl::Child>(hub, pid, options.use_pidfd);
  in_ = PipeWriter(std::move(ends.in));
  out_ = PipeReader(std::move(ends.out));
  err_ = PipeReader(std::move(ends.err));
}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  if (child_) child_->abandon();
  child_ = std::move(other.child_);
  in_ = std::move(other.in_);
  out_ = std::move(other.out_);
  err_ = std::move(other.err_);
  max_output_ = other.max_output_;
  input_ = std::move(other.input_);
  sent_ = other.sent_;
  result_ = std::move(other.result_);
  return *this;
}

Process::~Process() {
  if (child_) child_->abandon();
}

pid_t Process::pid() const noexcept { return child_->pid(); }

std::optional<int> Process::poll() {
  if (!child_->reap()) return std::nullopt;
  return child_->exit_code();
}

namespace {

/// For a child of fork(), in which nobody waits any more.
void forget_wait(void* child) noexcept { static_cast<impl::Child*>(child)->forget(); }

}  // namespace

int Process::wait() {
  Event& exited = child_->exited();
  const impl::IfLost lost(&forget_wait, child_.get());
  exited.wait();
  return child_->exit_code();
}

std::optional<int> Process::wait_for(loop::Clock::duration limit) {
  Event& exited = child_->exited();
  const impl::IfLost lost(&forget_wait, child_.get());
  if (!exited.wait_for(limit)) return std::nullopt;
  return child_->exit_code();
}

void Process::send_signal(int signal_number) { child_->send_signal(signal_number); }
void Process::terminate() { send_signal(SIGTERM); }
void Process::kill() { send_signal(SIGKILL); }

bool Process::ready() { return child_->reap(); }
void Process::add_link(impl::Link& link) { child_->exited().add_link(link); }

void Process::send_some() {
  try {
    sent_ += in_.try_write(std::string_view(input_).substr(sent_));
  } catch (const std::system_error& error) {
    // It does not want the rest; what it says and how it ends is still of interest.
    if (error.code() != std::errc::broken_pipe) throw;
    sent_ = input_.size();
  }
  if (sent_ == input_.size()) in_.close();
}

/// Whether something came, or the end of it.
bool Process::read_some(PipeReader& from, std::string& to) {
  std::array<char, 16 * 1024> buffer;
  const std::ptrdiff_t n = from.try_read(buffer);
  if (n < 0) return false;
  if (n == 0) {
    from.close();
    return true;
  }
  const auto size = static_cast<std::size_t>(n);
  to.append(buffer.data(), size);
  if (to.size() > max_output_) throw std::length_error("verdin: a process wrote more than was allowed");
  return true;
}

/// Moves what can be moved at once; whether anything was.
bool Process::pump() {
  bool moved = false;
  if (in_.open()) {
    const std::size_t before = sent_;
    send_some();
    moved = sent_ != before || !in_.open();
  }
  if (out_.open()) moved = read_some(out_, result_.out) || moved;
  if (err_.open()) moved = read_some(err_, result_.err) || moved;
  return moved;
}

std::optional<ProcessResult> Process::communicate_until(std::optional<loop::Clock::time_point> due,
                                                        std::string_view input) {
  if (input_.empty()) input_ = input;
  while (in_.open() || out_.open() || err_.open()) {
    if (pump()) {
      if (due && loop::Clock::now() >= *due) return std::nullopt;
      Hub::current().yield();  // a child that never stops talking is not the only one here
      continue;
    }
    std::vector<impl::FdWish> wishes;
    if (in_.open()) wishes.push_back({in_.fd(), loop::Interest::write});
    if (out_.open()) wishes.push_back({out_.fd(), loop::Interest::read});
    if (err_.open()) wishes.push_back({err_.fd(), loop::Interest::read});
    if (!impl::wait_fds(wishes, due)) return std::nullopt;
  }
  if (due) {
    if (!wait_for(loop::time_until(*due))) return std::nullopt;
  } else {
    wait();
  }
  result_.exit_code = child_->exit_code();
  return std::exchange(result_, {.exit_code = result_.exit_code});
}

ProcessResult Process::communicate(std::string_view input) { return *communicate_until(std::nullopt, input); }

std::optional<ProcessResult> Process::communicate_for(loop::Clock::duration limit, std::string_view input) {
  return communicate_until(verdin::impl::due_in(limit), input);
}

ProcessResult run_process(const std::vector<std::string>& argv, ProcessOptions options,
                          std::string_view input) {
  options.in = input.empty() && options.in.kind() != Stdio::Kind::inherit ? options.in : Stdio::pipe();
  if (options.out.kind() == Stdio::Kind::inherit) options.out = Stdio::pipe();
  if (options.err.kind() == Stdio::Kind::inherit) options.err = Stdio::pipe();
  Process process(argv, options);
  try {
    return process.communicate(input);
  } catch (...) {
    process.kill();
    throw;
  }
}

std::string check_output(const std::vector<std::string>& argv, ProcessOptions options,
                         std::string_view input) {
  const std::string program = argv.empty() ? std::string() : argv[0];
  ProcessResult result = run_process(argv, std::move(options), input);
  if (result.exit_code == 0) return std::move(result.out);
  const std::string what = "verdin: '" + program + "' ended with " + std::to_string(result.exit_code);
  throw ProcessError(what, std::move(result));
}

}  // namespace verdin
