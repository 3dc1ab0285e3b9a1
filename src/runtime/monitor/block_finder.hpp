// BlockFinder: looks at the counters of all hubs, and reports those that are held. On the monitor's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <verdin/runtime/blocking.hpp>

namespace verdin::impl {

class HubRecord;

class BlockFinder {
 public:
  /// How long not to look.
  std::chrono::milliseconds interval() const;
  void look();

 private:
  using Duration = loop::Clock::duration;

  struct Found {
    BlockedReport report;
    std::vector<std::uintptr_t> stack;
  };

  void look_at(HubRecord& record, loop::Clock::time_point now, bool was_late, std::vector<Found>& found);
  static bool describe(HubRecord& record, Duration held, Found& found);
  static void deliver(Found& found);

  loop::Clock::time_point last_look_ = loop::Clock::now();
};

}  // namespace verdin::impl
