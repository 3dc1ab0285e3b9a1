#include "runtime/monitor/signal_report.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <verdin/base/fork_safe_mutex.hpp>
#include <verdin/base/log.hpp>
#include <verdin/runtime/run_info.hpp>

#include "base/lasting.hpp"
#include "runtime/monitor/monitor.hpp"

namespace verdin {
namespace {

std::array<std::atomic<bool>, NSIG> requested;

struct Sinks {
  ForkSafeMutex mutex;
  std::vector<std::pair<int, ReportSink>> by_signal{};

  ReportSink& of(int signal_number) {
    for (auto& [number, sink] : by_signal) {
      if (number == signal_number) return sink;
    }
    return by_signal.emplace_back(signal_number, ReportSink()).second;
  }
};

constinit impl::Lasting<Sinks> all_sinks;

Sinks& sinks() noexcept { return all_sinks.value; }

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
    sinks().of(signal_number) = std::move(sink);
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
      sink = sinks().of(static_cast<int>(i));
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
