#include "runtime/monitor/block_finder.hpp"

#include <algorithm>
#include <ctime>
#include <memory>
#include <mutex>
#include <utility>

#include <verdin/base/fork_safe_mutex.hpp>
#include <verdin/base/log.hpp>

#include "base/lasting.hpp"
#include "runtime/monitor/hub_record.hpp"
#include "runtime/monitor/monitor.hpp"
#include "runtime/monitor/sampler.hpp"
#include "runtime/monitor/symbolise.hpp"

namespace verdin {
namespace {

using Hook = std::function<void(BlockedReport&)>;

struct Hooks {
  ForkSafeMutex mutex;
  std::unique_ptr<Hook> on_blocked{};  // null: none
};

constinit impl::Lasting<Hooks> all_hooks;

Hooks& hooks() noexcept { return all_hooks.value; }

std::int64_t milliseconds(loop::Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string describe(const BlockedReport& report) {
  std::string text = "verdin: hub " + std::to_string(report.hub) + " (thread " +
                     std::to_string(report.thread) + ") has been held for " +
                     std::to_string(milliseconds(report.duration)) + " ms (" +
                     std::to_string(milliseconds(report.cpu)) + " ms on a processor) by ";
  text += report.greenlet.empty() ? "a callback in the hub" : "greenlet '" + printable(report.greenlet) + "'";
  if (!report.spawned_at.empty()) text += ", spawned at " + report.spawned_at;
  if (!report.stack.empty()) text += '\n' + format_stack(report.stack, "  ");
  return text;
}

}  // namespace

void on_blocked(Hook hook) {
  auto made = std::make_unique<Hook>(std::move(hook));  // the one before goes without the lock
  const std::scoped_lock lock(hooks().mutex);
  hooks().on_blocked.swap(made);
}

AssertSwitches::AssertSwitches(std::optional<loop::Clock::duration> limit)
    : limit_(limit), start_(loop::Clock::now()), exceptions_(std::uncaught_exceptions()) {
  Hub& hub = Hub::current();
  switches_ = impl::HubInspector::count_switch(hub);  // what was before does not count
  if (!limit_) return;
  impl::HubRecord& record = *impl::HubInspector::record(hub);
  outer_longest_ = record.longest_hold.exchange(0);
  outer_limit_ = record.assert_limit.exchange(std::max<std::int64_t>(1, limit_->count()));
  impl::start_monitor();
  impl::wake_monitor();
}

AssertSwitches::~AssertSwitches() noexcept(false) {
  Hub& hub = Hub::current();
  const bool switched = impl::HubInspector::switches(hub) != static_cast<std::uint32_t>(switches_);
  bool held = false;
  if (limit_) {
    impl::HubRecord& record = *impl::HubInspector::record(hub);
    const std::int64_t longest = record.longest_hold.load();
    held = longest >= limit_->count() || (!switched && loop::Clock::now() - start_ >= *limit_);
    record.longest_hold.store(std::max(longest, outer_longest_));
    record.assert_limit.store(outer_limit_);
  }
  if (std::uncaught_exceptions() > exceptions_) return;
  if (!switched) throw std::logic_error("verdin: nothing was suspended in a scope of assert_switches()");
  if (held) {
    throw std::logic_error("verdin: the hub was held for longer than " +
                           std::to_string(milliseconds(*limit_)) + " ms in a scope of assert_switches()");
  }
}

}  // namespace verdin

namespace verdin::impl {
namespace {

constexpr std::chrono::milliseconds kLeast{1};
constexpr std::chrono::milliseconds kSampleLimit{100};

/// The shortest time that somebody may hold this hub; 0: no one looks.
std::chrono::nanoseconds limit_of(const HubRecord& record) {
  const std::chrono::nanoseconds report = record.hub.options().blocking_limit;
  const std::chrono::nanoseconds asserted(record.assert_limit.load());
  if (report.count() <= 0) return asserted;
  return asserted.count() > 0 ? std::min(report, asserted) : report;
}

std::int64_t cpu_time(pthread_t thread) {
  clockid_t clock;
  timespec time{};
  if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

}  // namespace

std::chrono::milliseconds BlockFinder::interval() const {
  std::chrono::milliseconds shortest = std::chrono::hours(1);
  const std::scoped_lock lock(registry_mutex());
  for (const HubRecord* record = first_hub; record; record = record->next) {
    const std::chrono::nanoseconds limit = limit_of(*record);
    if (limit.count() <= 0) continue;
    shortest = std::min(shortest, std::chrono::duration_cast<std::chrono::milliseconds>(limit / 2));
  }
  return std::max(shortest, kLeast);
}

void BlockFinder::look() {
  std::vector<Found> found;
  const auto now = loop::Clock::now();
  {
    const std::scoped_lock lock(registry_mutex());
    // The process was stopped, or the machine slept: the hubs were not to blame.
    for (HubRecord* record = first_hub; record; record = record->next)
      look_at(*record, now, now - last_look_ > 2 * limit_of(*record) + kSampleLimit, found);
  }
  for (Found& each : found) deliver(each);
  last_look_ = loop::Clock::now();
}

void BlockFinder::look_at(HubRecord& record, loop::Clock::time_point now, bool was_late,
                          std::vector<Found>& found) {
  const std::uint32_t switches = HubInspector::switches(record.hub);
  const bool idle = !record.driven.load() || record.hub.loop().waiting();
  const bool moved = idle || switches != record.seen || record.seen_at == loop::Clock::time_point{};
  if (moved || was_late) {
    record.seen = switches;
    record.seen_at = now;
    record.cpu_at_seen = cpu_time(record.thread);
    if (moved) record.reported = false;
    return;
  }
  const Duration held = now - record.seen_at;
  const std::int64_t held_ns = std::chrono::nanoseconds(held).count();
  if (held_ns > record.longest_hold.load()) record.longest_hold.store(held_ns);
  const auto limit = record.hub.options().blocking_limit;
  if (limit.count() <= 0 || held < limit || record.reported) return;
  Found block;
  if (!describe(record, held, block)) return;
  record.reported = true;
  found.push_back(std::move(block));
}

/// False if it went on meanwhile.
bool BlockFinder::describe(HubRecord& record, Duration held, Found& found) {
  Sample sample = sample_thread(record, kSampleLimit);
  if (HubInspector::switches(record.hub) != record.seen || (sample.taken && sample.switches != record.seen))
    return false;
  BlockedReport& report = found.report;
  report.hub = record.id;
  report.thread = record.thread_id;
  report.duration = held;
  report.cpu = std::chrono::nanoseconds(cpu_time(record.thread) - record.cpu_at_seen);
  if (!sample.taken) {
    report.greenlet = "unknown: its thread does not take signals";
  } else if (sample.on_greenlet) {
    report.greenlet = sample.name.empty() ? "greenlet" : sample.name;
    report.spawned_at = sample.spawned_at;
  }
  found.stack = std::move(sample.stack);
  return true;
}

void BlockFinder::deliver(Found& found) {
  BlockedReport& report = found.report;
  report.stack = symbolise(found.stack);
  report.text = verdin::describe(report);
  Hook hook;
  {
    const std::scoped_lock lock(hooks().mutex);
    if (hooks().on_blocked) hook = *hooks().on_blocked;
  }
  try {
    if (hook) hook(report);
  } catch (...) {
    report.text += "\n  (the hook of on_blocked() threw)";
  }
  if (!report.silent) log(LogLevel::warning, report.text);
}

}  // namespace verdin::impl
