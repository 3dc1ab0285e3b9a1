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

void DeadlineHeap::place(std::size_t at, const Entry& entry) noexcept {
  entries_[at] = entry;
  entry.timer->index_ = at;
}

void DeadlineHeap::insert(DeadlineTimer& timer, Clock::time_point due) {
  const Entry entry{due, next_sequence_++, &timer};
  entries_.push_back(entry);
  if (!timer.ref_) ++without_ref_;
  sift_up(entries_.size() - 1, entry);
}

void DeadlineHeap::remove(DeadlineTimer& timer) noexcept {
  const std::size_t at = timer.index_;
  timer.index_ = DeadlineTimer::kIdle;
  if (!timer.ref_) --without_ref_;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (at == entries_.size()) return;
  if (at > 0 && last.before(entries_[(at - 1) / kArity])) {
    sift_up(at, last);
  } else {
    sift_down(at, last);
  }
}

void DeadlineHeap::sift_up(std::size_t at, Entry entry) noexcept {
  while (at > 0) {
    const std::size_t parent = (at - 1) / kArity;
    if (!entry.before(entries_[parent])) break;
    place(at, entries_[parent]);
    at = parent;
  }
  place(at, entry);
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
    if (unwanted(*entry.timer, context)) chosen.push_back(entry.timer);
  }
  for (DeadlineTimer* timer : chosen) remove(*timer);
}

void DeadlineHeap::fire(Clock::time_point now) {
  const std::uint64_t started_before = next_sequence_;
  while (!entries_.empty() && entries_.front().due <= now && entries_.front().sequence < started_before) {
    DeadlineTimer& timer = *entries_.front().timer;
    remove(timer);
    timer.callback_(timer.owner_);
  }
}

}  // namespace verdin::loop
