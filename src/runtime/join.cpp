#include <algorithm>
#include <cstdint>
#include <utility>

#include <verdin/runtime/impl/wait_list.hpp>
#include <verdin/runtime/join.hpp>

#include "runtime/alarm.hpp"

namespace verdin::impl {
namespace {

/// Counts the ends of some greenlets and wakes the one that waits for them.
struct JoinAll {
  // There may be a great many: an entry is half a cache line, and finds all else by its number.
  struct Entry : Link {
    Entry() : Link(&JoinAll::on_done) {}
    std::uint32_t index = 0;
  };
  struct Block {
    static constexpr std::size_t kEntries = 8;
    Entry entries[kEntries];
    JoinAll* join = nullptr;
  };

  static void on_done(Link& link) noexcept {
    auto& entry = static_cast<Entry&>(link);
    JoinAll& self = *reinterpret_cast<Block*>(&entry - entry.index % Block::kEntries)->join;
    if (self.complete()) return;  // it ended too late to count
    self.add(*self.greenlets[entry.index]);
    if (self.complete() && self.waiting) self.joiner.hub().make_ready(self.joiner);
  }

  void link(std::size_t index) {
    Block& block = blocks[index / Block::kEntries];
    block.join = this;
    Entry& entry = block.entries[index % Block::kEntries];
    entry.index = static_cast<std::uint32_t>(index);
    greenlets[index]->add_link(entry);
  }
  void add(GreenletBase& greenlet) noexcept {
    ended.emplace_back(&greenlet);  // has room: see join_all()
    failed |= stop_at_failure && static_cast<bool>(greenlet.failure());
  }
  bool complete() const noexcept { return failed || ended.size() >= wanted; }

  GreenletBase& joiner;
  std::span<GreenletBase* const> greenlets;
  bool stop_at_failure;
  std::size_t wanted = static_cast<std::size_t>(-1);
  std::vector<IntrusivePtr<GreenletBase>> ended{};  // kept: their handles may go meanwhile
  std::vector<Block> blocks{};
  bool failed = false;
  bool waiting = false;
};

}  // namespace

std::vector<IntrusivePtr<GreenletBase>> join_all(std::span<GreenletBase* const> greenlets,
                                                 const JoinOptions& options) {
  std::optional<loop::Clock::time_point> due;
  if (options.limit) due = due_in(*options.limit);
  JoinAll join{running_greenlet(), greenlets, options.raise_error};
  join.ended.reserve(greenlets.size());
  join.blocks = std::vector<JoinAll::Block>((greenlets.size() + JoinAll::Block::kEntries - 1) /
                                            JoinAll::Block::kEntries);
  constexpr std::size_t kAhead = 8;  // of the memory of many
  // One that is named twice is waited for once.
  const std::uint64_t mark = join.joiner.hub().new_mark();
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < greenlets.size(); ++i) {
    GreenletBase& greenlet = *greenlets[i];
    if (i + kAhead < greenlets.size()) greenlets[i + kAhead]->prefetch_links();
    greenlet.check_hub_if_alive();
    if (!greenlet.mark(mark)) continue;
    ++distinct;
    join.link(i);
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

bool join_these(const JoinOptions& options, std::initializer_list<GreenletBase*> greenlets) {
  const std::vector<IntrusivePtr<GreenletBase>> kept(greenlets.begin(), greenlets.end());
  join_all(std::span(greenlets.begin(), greenlets.size()), options);
  return std::all_of(kept.begin(), kept.end(), [](const auto& greenlet) { return greenlet->finished(); });
}

namespace {

WaitEnd join_quietly(GreenletBase& greenlet, const Due& due, const char* what) {
  Waiter waiter(greenlet.links(), what);
  waiter.only_hear_of_ends();
  const WaitEnd end = waiter.wait_quietly(due);
  if (end > WaitEnd::not_woken) return end;
  return greenlet.finished() ? WaitEnd::woken : WaitEnd::not_woken;
}

}  // namespace

bool join(GreenletBase& greenlet, std::optional<loop::Clock::time_point> due, const char* what) {
  if (greenlet.finished()) return true;
  greenlet.check_hub();
  const OnlookerPtr alive(greenlet);  // the last handle may go meanwhile
  return settle(join_quietly(greenlet, due, what));
}

void throw_killed(const GreenletBase& greenlet) {
  throw GreenletKilled("verdin: greenlet '" + std::string(greenlet.name()) + "' was killed");
}

}  // namespace verdin::impl
