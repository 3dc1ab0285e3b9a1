#include <algorithm>
#include <utility>

#include <verdin/runtime/impl/wait_list.hpp>
#include <verdin/runtime/join.hpp>

#include "runtime/alarm.hpp"

namespace verdin::impl {
namespace {

/// Counts the ends of some greenlets and wakes the one that waits for them.
struct JoinAll {
  struct Entry : Link {
    Entry() : Link(&JoinAll::on_done) {}
    JoinAll* join = nullptr;
    GreenletBase* greenlet = nullptr;
  };

  static void on_done(Link& link) noexcept {
    auto& entry = static_cast<Entry&>(link);
    JoinAll& self = *entry.join;
    if (self.complete()) return;  // it ended too late to count
    self.add(*entry.greenlet);
    if (self.complete() && self.waiting) self.joiner.hub().make_ready(self.joiner);
  }

  void add(GreenletBase& greenlet) noexcept {
    ended.push_back(&greenlet);  // has room: see join_all()
    failed |= stop_at_failure && static_cast<bool>(greenlet.failure());
  }
  bool complete() const noexcept { return failed || ended.size() >= wanted; }

  GreenletBase& joiner;
  bool stop_at_failure;
  std::size_t wanted = static_cast<std::size_t>(-1);
  std::vector<GreenletBase*> ended{};
  bool failed = false;
  bool waiting = false;
};

}  // namespace

std::vector<GreenletBase*> join_all(std::span<GreenletBase* const> greenlets, const JoinOptions& options) {
  std::optional<loop::Clock::time_point> due;
  if (options.limit) due = loop::Clock::now() + *options.limit;
  JoinAll join{running_greenlet(), options.raise_error};
  join.ended.reserve(greenlets.size());
  std::vector<JoinAll::Entry> entries(greenlets.size());
  // One that is named twice is waited for once.
  const std::uint64_t mark = join.joiner.hub().new_mark();
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < greenlets.size(); ++i) {
    GreenletBase& greenlet = *greenlets[i];
    if (!greenlet.mark(mark)) continue;
    ++distinct;
    entries[i].join = &join;
    entries[i].greenlet = &greenlet;
    greenlet.add_link(entries[i]);
  }
  // Those that have ended tell it, too, soon: the order is that of the ends, as far as it is known.
  join.wanted = std::min(options.count, distinct);
  if (join.wanted == 0) {
    if (distinct > 0) join.joiner.hub().yield();
    return {};
  }
  std::optional<Alarm> alarm;
  if (due) alarm.emplace(join.joiner, *due);
  join.waiting = true;
  while (!join.complete()) {
    join.joiner.hub().suspend("join_all");
    if (due && loop::Clock::now() >= *due) break;
  }
  return std::move(join.ended);
}

bool join(GreenletBase& greenlet, std::optional<loop::Clock::time_point> due, const char* what) {
  if (greenlet.finished()) return true;
  const IntrusivePtr<GreenletBase> alive(&greenlet);  // the last handle may go meanwhile
  Waiter waiter(greenlet.links(), what);
  waiter.wait_until(due);
  return greenlet.finished();
}

void throw_killed(const GreenletBase& greenlet) {
  throw GreenletKilled("verdin: greenlet '" + std::string(greenlet.name()) + "' was killed");
}

}  // namespace verdin::impl
