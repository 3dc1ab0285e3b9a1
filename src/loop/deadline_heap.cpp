#include <algorithm>
#include <utility>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/loop/loop.hpp>

namespace verdin::loop {
namespace {

constexpr std::size_t kArity = 4;  // shallower than a binary heap: fewer cache lines on the way

}  // namespace

void DeadlineTimer::start(Clock::time_point due) {
  stop();
  loop_->deadlines().insert(*this, due);
}

void DeadlineTimer::stop() noexcept {
  if (active()) loop_->deadlines().remove(*this);
}

inline void DeadlineHeap::place(std::size_t at, const Entry& entry) noexcept {
  entries_[at] = entry;
  (entry.timer ? entry.timer->index_ : hole_) = at;
}

inline void DeadlineHeap::sift_up(std::size_t at, Entry entry) noexcept {
  while (at > 0) {
    const std::size_t parent = (at - 1) / kArity;
    if (!entry.before(entries_[parent])) break;
    place(at, entries_[parent]);
    at = parent;
  }
  place(at, entry);
}

void DeadlineHeap::insert(DeadlineTimer& timer, Clock::time_point due) {
  // What was over before the clock began is over. (The difference from now could not be told otherwise.)
  const Entry entry{std::max(due, Clock::time_point()), next_sequence_++, &timer};
  // May throw: nothing is changed then. Filled below, and not copied from here: what was stored in words and
  // is loaded in vectors at once waits for its way through the cache.
  if (hole_ == kNone) entries_.emplace_back();
  if (!timer.ref_) ++without_ref_;
  if (hole_ != kNone) return settle(std::exchange(hole_, kNone), entry);
  sift_up(entries_.size() - 1, entry);
}

void DeadlineHeap::remove(DeadlineTimer& timer) noexcept {
  const std::size_t at = std::exchange(timer.index_, DeadlineTimer::kIdle);
  if (!timer.ref_) --without_ref_;
  if (hole_ != kNone || at == 0 || at + 1 == entries_.size()) return take_out(at);
  entries_[at].timer = nullptr;
  hole_ = at;
}

/// Puts `entry` where another was, and from there to where it belongs.
void DeadlineHeap::settle(std::size_t at, const Entry& entry) noexcept {
  if (at > 0 && entry.before(entries_[(at - 1) / kArity])) {
    sift_up(at, entry);
  } else {
    sift_down(at, entry);
  }
}

void DeadlineHeap::take_out(std::size_t at) noexcept {
  if (at + 1 == entries_.size()) return entries_.pop_back();
  const Entry last = entries_.back();
  entries_.pop_back();
  settle(at, last);
}

void DeadlineHeap::sift_down(std::size_t at, Entry entry) noexcept {
  const std::size_t size = entries_.size();
  for (;;) {
    const std::size_t first = at * kArity + 1;
    if (first >= size) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < size && child < first + kArity; ++child) {
      if (entries_[child].before(entries_[least])) least = child;
    }
    if (!entries_[least].before(entry)) break;
    place(at, entries_[least]);
    at = least;
  }
  place(at, entry);
}

void DeadlineHeap::stop_if(bool (*unwanted)(const DeadlineTimer&, const void*), const void* context) {
  std::vector<DeadlineTimer*> chosen;
  for (const Entry& entry : entries_) {
    if (entry.timer && unwanted(*entry.timer, context)) chosen.push_back(entry.timer);
  }
  for (DeadlineTimer* timer : chosen) remove(*timer);
}

void DeadlineHeap::fire(Clock::time_point now) {
  const std::uint64_t started_before = next_sequence_;
  while (!entries_.empty() && entries_.front().due <= now && entries_.front().sequence < started_before) {
    DeadlineTimer* const timer = entries_.front().timer;
    (timer ? timer->index_ : hole_) = kNone;
    if (timer && !timer->ref_) --without_ref_;
    take_out(0);
    if (timer) timer->callback_(timer->owner_);
  }
}

}  // namespace verdin::loop
