// HubRecord: what the process knows of a hub while it exists; and the list of them all.
//
// A record is made and ended by its hub's thread. Others may use it, and its hub's post() and atomics, only
// while they hold registry_mutex(). A signal handler on the hub's own thread, and a report of a crash, read
// it without. Debuggers find the list by the name verdin::impl::first_hub.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <pthread.h>

#include <verdin/runtime/hub.hpp>

#include "runtime/monitor/stack_walk.hpp"

namespace verdin::impl {

class HubRecord {
 public:
  explicit HubRecord(Hub& of);
  HubRecord(const HubRecord&) = delete;
  HubRecord& operator=(const HubRecord&) = delete;
  ~HubRecord();

  Hub& hub;
  unsigned id = 0;           // the smallest that is free
  std::uint64_t serial = 0;  // never used twice
  long thread_id = 0;
  pthread_t thread{};
  std::atomic<bool> driven{false};            // somebody runs it: it can be blocked
  std::atomic<std::int64_t> assert_limit{0};  // ns; see AssertSwitches
  std::atomic<std::int64_t> longest_hold{0};  // ns, as seen since AssertSwitches began

  // Of the monitor's thread.
  std::uint32_t seen = 0;
  loop::Clock::time_point seen_at{};
  std::int64_t cpu_at_seen = 0;
  bool reported = false;

  HubRecord* next = nullptr;
};

/// While one is alive, the hub is run on this thread. A hub that is just ending has no record any more.
class Driving {
 public:
  explicit Driving(HubRecord* record) noexcept
      : record_(record), outer_(record && record->driven.exchange(true)) {}
  Driving(const Driving&) = delete;
  Driving& operator=(const Driving&) = delete;
  ~Driving() {
    if (record_) record_->driven.store(outer_);
  }

 private:
  HubRecord* record_;
  bool outer_;
};

extern HubRecord* first_hub;

std::mutex& registry_mutex() noexcept;

/// What may look into a hub and its greenlets. On the hub's thread, or where the header says so.
struct HubInspector {
  static HubRecord* record(const Hub& hub) noexcept { return hub.record_.get(); }
  static GreenletBase* first(const Hub& hub) noexcept { return hub.all_; }
  static GreenletBase* next(const GreenletBase& greenlet) noexcept { return greenlet.all_next_; }
  static std::uint32_t switches(const Hub& hub) noexcept {
    return hub.switches_.load(std::memory_order_relaxed);
  }
  /// As if something had been switched to.
  static std::uint32_t count_switch(Hub& hub) noexcept { return hub.count_switch(); }
  static const char* state(const GreenletBase& greenlet) noexcept;
};

}  // namespace verdin::impl
