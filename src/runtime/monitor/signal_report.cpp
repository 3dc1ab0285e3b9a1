#include "runtime/monitor/signal_report.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <verdin/base/fork_safe_mutex.hpp>
#include <verdin/base/log.hpp>
#include <verdin/runtime/run_info.hpp>

#include "runtime/monitor/monitor.hpp"

namespace verdin {
namespace {

std::array<std::atomic<bool>, NSIG> requested;

struct Sinks {
  ForkSafeMutex mutex;
  std::map<int, ReportSink> by_signal;
};

Sinks& sinks() {
  static Sinks& all = *new Sinks;
  return all;
}

void on_request(int signal_number) {
  requested[static_cast<std::size_t>(signal_number)].store(true);
  impl::wake_monitor();
}

}  // namespace

void print_run_info_on(int signal_number, ReportSink sink) {
  if (signal_number <= 0 || signal_number >= NSIG) throw std::invalid_argument("verdin: no such signal");
  if (!sink) sink = [](std::string_view text) { log(LogLevel::info, text); };
  {
    const std::scoped_lock lock(sinks().mutex);
    sinks().by_signal[signal_number] = std::move(sink);
  }
  impl::start_monitor();
  struct sigaction action {};
  action.sa_handler = on_request;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(signal_number, &action, nullptr) != 0)
    throw std::system_error(errno, std::generic_category(), "verdin: print_run_info_on");
}

namespace impl {

void print_requested_reports() {
  for (std::size_t i = 0; i < requested.size(); ++i) {
    if (!requested[i].exchange(false)) continue;
    ReportSink sink;
    {
      const std::scoped_lock lock(sinks().mutex);
      sink = sinks().by_signal[static_cast<int>(i)];
    }
    try {
      sink(format_run_info(run_info()));
    } catch (...) {
      log(LogLevel::error, "verdin: a sink of print_run_info_on() threw");
    }
  }
}

}  // namespace impl

}  // namespace verdin
