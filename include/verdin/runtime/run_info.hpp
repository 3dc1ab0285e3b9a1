// run_info(): all hubs of the process and all their greenlets: who waits where, for what, since when.
//
//   std::puts(verdin::format_run_info(verdin::run_info()).c_str());
//
// Any thread may ask. The asking thread's own hub is read at once, others get a message; run_info() waits for
// their answers, `limit` at most (a greenlet waits suspended, everybody else blocks). A hub that does not
// answer in time is listed as blocked, with the name and the stack of what holds it. Stacks are read without
// being run, from the unwind tables (x86-64 only; empty elsewhere), and cost a hub some microseconds for each
// greenlet. Greenlets are numbered by the smallest number that is free in their hub when they are first
// listed.
//
// print_run_info_on(SIGUSR2) hands the text to a sink whenever the signal comes, even while every hub is
// blocked. report_on_terminate() and a stack overflow list hubs and greenlets without stacks: names and
// states are all that can be read safely then.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/hold_times.hpp>

namespace verdin {

struct StackFrame {
  std::uintptr_t address = 0;
  std::string function{};     ///< demangled; empty if it is not known
  std::string module{};       ///< the program or library
  std::uintptr_t offset = 0;  ///< in the function, else in the module
};

struct GreenletInfo {
  unsigned id = 0;               ///< in its hub; free for another when it has ended
  std::uint64_t serial = 0;      ///< in its hub; never used twice
  std::uint64_t spawned_by = 0;  ///< a serial; 0: not by a greenlet
  std::string name{};
  std::string state{};  ///< "pending", "ready", "suspended" or "running"
  std::string waiting_for{};
  std::string spawned_at{};  ///< "file.cpp:12"
  loop::Clock::duration age{};
  std::vector<StackFrame> stack{};  ///< the innermost first
};

struct HubInfo {
  unsigned id = 0;
  long thread = 0;      ///< as the kernel and debuggers name it
  std::string state{};  ///< "running", "waiting for events", "blocked", "not run by anybody"
  std::uint64_t switches = 0;
  std::size_t greenlet_count = 0;         ///< greenlets may hold fewer: see RunInfoOptions
  std::vector<GreenletInfo> greenlets{};  ///< the oldest first
  std::string blocked_by{};               ///< of a blocked hub: the greenlet that holds it
  std::vector<StackFrame> stack{};        ///< of a blocked hub: where its thread is
  std::optional<HoldTimes> holds{};       ///< with HubOptions::measure_holds
};

struct RunInfo {
  std::vector<HubInfo> hubs{};
};

struct RunInfoOptions {
  loop::Clock::duration limit = std::chrono::milliseconds(500);  ///< for other hubs' answers
  bool stacks = true;
  std::size_t max_greenlets = 10'000;  ///< of each hub
  std::size_t max_frames = 64;         ///< of each stack
};

RunInfo run_info(const RunInfoOptions& options = {});
std::string format_run_info(const RunInfo& info);
std::string format_stack(const std::vector<StackFrame>& stack, std::string_view indent);

/// The id of this thread's hub; 0 if it has none.
unsigned this_hub_id() noexcept;
/// Kills a greenlet of any hub, as Greenlet::kill_async() does. False if there is no such hub; nothing
/// happens if the greenlet has ended. Any thread.
bool kill_greenlet(unsigned hub, std::uint64_t serial);

using ReportSink = std::function<void(std::string_view)>;

/// Calls `sink` (verdin::log, if there is none) with the formatted run info whenever `signal_number` arrives.
/// Takes the signal over for the process. The sink is called on a thread of Verdin's own.
void print_run_info_on(int signal_number, ReportSink sink = {});

/// Writes hubs and greenlets to the descriptor when std::terminate() is called, and goes on to the handler
/// that was there before.
void report_on_terminate(int fd);
/// The same at any moment, also in a signal handler.
void write_emergency_info(int fd) noexcept;

}  // namespace verdin
