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
    self.ended.push_back(entry.greenlet);  // has room: see join_all()
    if (self.ended.size() >= self.wanted && self.waiting) self.joiner.hub().make_ready(self.joiner);
  }

  GreenletBase& joiner;
  std::size_t wanted;
  std::vector<GreenletBase*> ended{};
  bool waiting = false;
};

}  // namespace

std::vector<GreenletBase*> join_all(std::span<GreenletBase* const> greenlets, std::size_t count,
                                    std::optional<loop::Clock::time_point> due) {
  JoinAll join{running_greenlet(), count};
  join.ended.reserve(greenlets.size());
  std::vector<JoinAll::Entry> entries(greenlets.size());
  // One that is named twice is waited for once.
  const std::uint64_t mark = join.joiner.hub().new_mark();
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < greenlets.size(); ++i) {
    if (!greenlets[i]->mark(mark)) continue;
    ++distinct;
    if (greenlets[i]->finished()) {
      join.ended.push_back(greenlets[i]);
      continue;
    }
    entries[i].join = &join;
    entries[i].greenlet = greenlets[i];
    greenlets[i]->add_link(entries[i]);
  }
  join.wanted = std::min(count, distinct);
  std::optional<Alarm> alarm;
  join.waiting = true;
  while (join.ended.size() < join.wanted) {
    if (due && loop::Clock::now() >= *due) break;
    if (due && !alarm) alarm.emplace(join.joiner, *due);
    join.joiner.hub().suspend();
  }
  return std::move(join.ended);
}

bool join(GreenletBase& greenlet, std::optional<loop::Clock::time_point> due) {
  if (greenlet.finished()) return true;
  const IntrusivePtr<GreenletBase> alive(&greenlet);  // the last handle may go meanwhile
  Waiter waiter(greenlet.links());
  waiter.wait_until(due);
  return greenlet.finished();
}

void throw_killed(const GreenletBase& greenlet) {
  throw GreenletKilled("verdin: greenlet '" + std::string(greenlet.name()) + "' was killed");
}

}  // namespace verdin::impl
