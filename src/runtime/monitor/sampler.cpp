#include "runtime/monitor/sampler.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <thread>

#include <ucontext.h>

namespace verdin::impl {
namespace {

enum class Phase : int { idle, asked, writing, done };

/// What the handler works with. One at a time: the registry's mutex is held around it.
struct Slot {
  std::atomic<Phase> phase{Phase::idle};
  HubRecord* record = nullptr;
  StackBounds thread_stack;
  bool on_greenlet = false;
  std::uint32_t switches = 0;
  std::uint64_t serial = 0;
  const char* file = nullptr;  // where it was spawned
  int line = 0;
  std::array<char, 128> name{};
  std::size_t name_length = 0;
  std::array<std::uintptr_t, 64> stack{};
  std::size_t depth = 0;
};

Slot slot;
std::array<struct sigaction, NSIG> previous_actions;
std::array<bool, NSIG> installed;  // under the registry's mutex

bool holds(const StackBounds& stack, std::uintptr_t address) noexcept {
  return address >= stack.low && address < stack.high;
}

template <typename G>
void note_place(const G& greenlet, const char*& file, int& line) noexcept {
  line = 0;
  if constexpr (requires { greenlet.spawned_at().file; }) {
    file = greenlet.spawned_at().file;
    line = greenlet.spawned_at().line;
  }
}

std::string place_text(const char* file, int line) {
  return line == 0 ? std::string() : std::string(file) + ':' + std::to_string(line);
}

void fill_slot(const void* context) noexcept {
  const Registers registers = Registers::of_signal(context);
  const std::uintptr_t sp = registers.value[Registers::kSp];
  const Hub& hub = slot.record->hub;
  const GreenletBase* const running = hub.running();
  slot.on_greenlet = running != nullptr;
  slot.switches = HubInspector::switches(hub);
  slot.name_length = 0;
  StackBounds stack = slot.thread_stack;
  if (running) {
    note_place(*running, slot.file, slot.line);
    slot.serial = running->serial();
    const std::string_view name = running->name();
    slot.name_length = std::min(name.size(), slot.name.size());
    std::memcpy(slot.name.data(), name.data(), slot.name_length);
    if (holds(bounds_of(running->stack()), sp)) stack = bounds_of(running->stack());
  }
  slot.depth = holds(stack, sp) ? walk_stack(registers, stack, slot.stack, true) : 0;
}

void on_sample(int signal_number, siginfo_t* info, void* context) {
  const int error = errno;
  Phase expected = Phase::asked;
  if (slot.phase.compare_exchange_strong(expected, Phase::writing)) {
    if (::pthread_equal(slot.record->thread, ::pthread_self())) {
      fill_slot(context);
      slot.phase.store(Phase::done);
      errno = error;
      return;
    }
    slot.phase.store(Phase::asked);
  }
  const struct sigaction& previous = previous_actions[static_cast<std::size_t>(signal_number)];
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal_number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal_number);
  }
  errno = error;
}

bool install(int signal_number) {
  if (signal_number <= 0 || signal_number >= NSIG) return false;
  const auto index = static_cast<std::size_t>(signal_number);
  if (installed[index]) return true;
  struct sigaction action {};
  action.sa_sigaction = on_sample;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  return installed[index] = ::sigaction(signal_number, &action, &previous_actions[index]) == 0;
}

bool wait_for_handler(std::chrono::milliseconds limit) {
  const auto give_up = loop::Clock::now() + limit;
  while (slot.phase.load() != Phase::done) {
    Phase expected = Phase::asked;
    // Too late now; but one that has begun is let finish.
    if (loop::Clock::now() >= give_up && slot.phase.compare_exchange_strong(expected, Phase::idle))
      return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  slot.phase.store(Phase::idle);
  return true;
}

}  // namespace

StackBounds bounds_of(const fiber::Stack& stack) noexcept {
  return {reinterpret_cast<std::uintptr_t>(stack.base), reinterpret_cast<std::uintptr_t>(stack.top())};
}

StackBounds bounds_of(pthread_t thread) noexcept {
  StackBounds bounds;
  pthread_attr_t attributes;
  if (::pthread_getattr_np(thread, &attributes) != 0) return bounds;
  void* low = nullptr;
  std::size_t size = 0;
  if (::pthread_attr_getstack(&attributes, &low, &size) == 0) {
    bounds.low = reinterpret_cast<std::uintptr_t>(low);
    bounds.high = bounds.low + size;
  }
  ::pthread_attr_destroy(&attributes);
  return bounds;
}

std::string spawn_place(const GreenletBase& greenlet) {
  const char* file = nullptr;
  int line = 0;
  note_place(greenlet, file, line);
  return place_text(file, line);
}

Sample sample_thread(HubRecord& record, std::chrono::milliseconds limit) {
  Sample sample;
  const int signal_number = record.hub.options().sample_signal;
  if (!install(signal_number)) return sample;
  slot.record = &record;
  slot.thread_stack = bounds_of(record.thread);
  slot.phase.store(Phase::asked);
  if (::pthread_kill(record.thread, signal_number) != 0) {
    slot.phase.store(Phase::idle);
    return sample;
  }
  if (!wait_for_handler(limit)) return sample;
  sample.taken = true;
  sample.on_greenlet = slot.on_greenlet;
  sample.switches = slot.switches;
  sample.serial = slot.serial;
  if (sample.on_greenlet) sample.spawned_at = place_text(slot.file, slot.line);
  sample.name.assign(slot.name.data(), slot.name_length);
  sample.stack.assign(slot.stack.begin(), slot.stack.begin() + static_cast<std::ptrdiff_t>(slot.depth));
  return sample;
}

std::vector<std::uintptr_t> own_stack(StackBounds stack, std::size_t max_frames) {
  ucontext_t here;
  if (::getcontext(&here) != 0) return {};
  std::vector<std::uintptr_t> addresses(max_frames);
  addresses.resize(walk_stack(Registers::of_signal(&here), stack, addresses, true));
  return addresses;
}

}  // namespace verdin::impl
