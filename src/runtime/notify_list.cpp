#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/notify_list.hpp>

namespace verdin::impl {
namespace {

void move_to_end(WaitList& list, Link& mark) noexcept {
  mark.unlink();
  list.push_back(mark);
}

}  // namespace

bool NotifyList::notifying() noexcept {
  if (phase_ != Phase::idle) return true;
  if (!queued()) return false;
  if (&links_.front() != stop_ || more_->linked()) return true;
  // All that were to be told have gone: it is as if nothing had happened.
  unqueue();
  stop_->unlink();
  return false;
}

void NotifyList::notify() {
  if (!notifying()) {
    if (links_.empty()) return;
    Hub::current().make_ready(static_cast<Runnable&>(*this));
  }
  if (phase_ != Phase::idle) return move_to_end(links_, *more_);
  if (more_->linked() && more_is_last_) return;  // nobody came since; who came behind stays there
  more_->unlink();
  move_to_end(links_, *stop_);
}

void NotifyList::add_behind(Link& link) noexcept {
  links_.push_back(link);
  move_to_end(links_, *more_);
  more_is_last_ = true;
}

/// What it queues stands before itself, and it before everything else.
void NotifyList::tell_first(Runnable* runnable) {
  auto& self = *static_cast<NotifyList*>(runnable);
  Hub& hub = Hub::current();
  if (self.phase_ == Phase::idle) self.phase_ = Phase::first;
  if (&self.links_.front() == self.stop_) self.end_of_phase();
  if (self.phase_ == Phase::idle) return;
  hub.make_ready_first(self);
  Link& link = self.links_.front();
  link.unlink();
  hub.tell_next(link);
}

void NotifyList::end_of_phase() noexcept {
  stop_->unlink();
  const bool again = more_->linked();
  const bool now = again && phase_ == Phase::first && &links_.front() != more_;
  phase_ = now ? Phase::behind : Phase::idle;
  if (!again) return;
  std::swap(stop_, more_);
  if (!now) Hub::current().make_ready(static_cast<Runnable&>(*this));
}

}  // namespace verdin::impl
