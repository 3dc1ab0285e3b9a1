#include "run.hpp"

#include <ctime>

#include "driver.hpp"

namespace bench {
namespace {

constexpr double kDrainSeconds = 10;

std::int64_t own_cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

CpuTime operator-(const CpuTime& a, const CpuTime& b) {
  return {a.total_ns - b.total_ns, a.user_ns - b.user_ns, a.system_ns - b.system_ns};
}

/// Runs `seconds` and fills in what they cost.
void measure(double seconds, Driver& driver, Scenario& scenario, const ServerProcess& server,
             Result& result) {
  scenario.reset_measurement();
  const std::int64_t own_before = own_cpu_ns();
  const CpuTime before = server.cpu_time();
  const std::int64_t start = now_ns();
  driver.run_for(seconds);
  result.window_seconds = static_cast<double>(now_ns() - start) / 1e9;
  result.server_cpu = server.cpu_time() - before;
  result.generator_cpu_ns = own_cpu_ns() - own_before;
  result.messages = scenario.messages();
  result.latencies = scenario.latencies();
}

void run_load(const Options& options, Driver& driver, Scenario& scenario, const ServerProcess& server,
              Result& result) {
  if (!driver.open(options.connections)) return;
  driver.start();
  driver.run_for(options.warmup_seconds);
  measure(options.seconds, driver, scenario, server, result);
  scenario.stop();
  const auto drained = [&] { return scenario.outstanding() == 0 || result.errors.total() != 0; };
  if (!driver.run_until(now_ns() + seconds_to_ns(kDrainSeconds), drained)) {
    result.errors.add("lost", std::to_string(scenario.outstanding()) + " replies did not come");
  }
  if (result.messages == 0) result.errors.add("no-message", "nothing came in the measured window");
}

void run_idle(const Options& options, Driver& driver, Scenario& scenario, const ServerProcess& server,
              Result& result) {
  result.rss_empty = server.resident_octets();
  driver.start();
  if (!driver.open(options.warm_connections)) return;
  driver.run_for(options.warmup_seconds);
  result.rss_before = server.resident_octets();
  if (!driver.open(options.connections)) return;
  measure(options.seconds, driver, scenario, server, result);
}

}  // namespace

Result run(const Options& options) {
  Result result;
  const ServerProcess server(options.pid);
  const std::unique_ptr<Scenario> scenario = make_scenario(options);
  Driver driver(options, *scenario, result.errors);
  if (is_idle(options.mode)) {
    run_idle(options, driver, *scenario, server, result);
  } else {
    run_load(options, driver, *scenario, server, result);
  }
  result.rss_after = server.resident_octets();
  result.pings = driver.pings();
  return result;
}

}  // namespace bench
