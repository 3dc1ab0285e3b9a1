#include "runtime/overflow.hpp"

#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>

#include <unistd.h>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run_info.hpp>

#include "fiber/sanitizers.hpp"

namespace verdin::impl {

#if defined(VERDIN_ASAN) || defined(VERDIN_TSAN)

void install_overflow_report() {}

#else

namespace {

struct sigaction previous_action;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Only what is safe in a signal handler: no allocation, no locks.
void on_fault(int signal_number, siginfo_t* info, void* context) {
  const Hub* hub = Hub::current_or_null();
  const GreenletBase* running = hub ? hub->running() : nullptr;
  if (running) {
    const fiber::Stack& stack = running->stack();
    const auto fault = reinterpret_cast<std::uintptr_t>(info->si_addr);
    const auto base = reinterpret_cast<std::uintptr_t>(stack.base);
    // A large frame may step over some of the guard page: anything in the page or just above it counts.
    if (stack && fault < base && base - fault <= static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE))) {
      write_all("verdin: stack overflow in greenlet '");
      write_all(running->name());
      write_all("' (HubOptions::stack_size is the limit)\n");
      write_emergency_info(STDERR_FILENO);
    }
  }
  if (previous_action.sa_flags & SA_SIGINFO)
    return previous_action.sa_sigaction(signal_number, info, context);
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    return previous_action.sa_handler(signal_number);
  }
  ::signal(signal_number, SIG_DFL);  // the fault repeats, and now ends the process with a core
}

/// A handler cannot run on the stack that has overflowed.
class SignalStack {
 public:
  SignalStack() : memory_(new char[kSize]) {
    stack_t stack{};
    stack.ss_sp = memory_.get();
    stack.ss_size = kSize;
    installed_ = ::sigaltstack(&stack, nullptr) == 0;
  }
  ~SignalStack() {
    if (!installed_) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }

 private:
  static constexpr std::size_t kSize = 64 * 1024;
  std::unique_ptr<char[]> memory_;
  bool installed_ = false;
};

}  // namespace

void install_overflow_report() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &previous_action);
  });
  thread_local const SignalStack stack;
  static_cast<void>(stack);
}

#endif

}  // namespace verdin::impl
