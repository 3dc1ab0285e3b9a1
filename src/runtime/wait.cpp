#include <utility>

#include <verdin/runtime/impl/wait_list.hpp>
#include <verdin/runtime/wait.hpp>

#include "runtime/alarm.hpp"

namespace verdin::impl {

struct MultiWait::Entry : Link {
  Entry() : Link(&MultiWait::on_told, /*takes=*/false) {}
  MultiWait* wait = nullptr;
};

MultiWait::MultiWait(std::size_t count) : count_(count), entries_(new Entry[count]) {
  ready_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) entries_[i].wait = this;
}

MultiWait::~MultiWait() = default;

Link& MultiWait::link(std::size_t index) noexcept { return entries_[index]; }

void MultiWait::became_ready(std::size_t index) noexcept {
  ready_.push_back(index);  // has room
  if (waiting_) waiting_->hub().make_ready(*waiting_);
}

void MultiWait::on_told(Link& link) noexcept {
  auto& entry = static_cast<Entry&>(link);
  entry.wait->became_ready(static_cast<std::size_t>(&entry - entry.wait->entries_.get()));
}

std::optional<std::size_t> MultiWait::next(std::optional<loop::Clock::time_point> due) {
  if (given_ == count_) return std::nullopt;
  GreenletBase& self = running_greenlet();
  if (given_ == ready_.size()) {
    std::optional<Alarm> alarm;
    if (due) alarm.emplace(self, *due);
    waiting_ = &self;
    try {
      while (given_ == ready_.size()) {
        switched_ = true;
        self.hub().suspend("wait");
        if (due && loop::Clock::now() >= *due) break;
      }
    } catch (...) {
      waiting_ = nullptr;
      throw;
    }
    waiting_ = nullptr;
  } else if (!std::exchange(switched_, true)) {
    self.hub().yield();
  }
  if (given_ == ready_.size()) return std::nullopt;
  return ready_[given_++];
}

bool wait_exhausted(std::optional<loop::Clock::time_point> due) {
  Waiter waiter(Hub::current().exhausted_waiters(), "wait for nothing");
  std::optional<Alarm> alarm;
  // Its own alarm is nothing that could happen.
  if (due) alarm.emplace(running_greenlet(), *due, false);
  waiter.wait();
  return waiter.woken();
}

std::optional<loop::Clock::time_point> due_after(std::optional<loop::Clock::duration> limit) {
  if (!limit) return std::nullopt;
  return due_in(*limit);
}

}  // namespace verdin::impl
