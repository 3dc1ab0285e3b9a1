#include <utility>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/exchange.hpp>

namespace verdin::impl {

void Exchange::wake() {
  if (queued()) return;
  told_ = 0;
  getters_turn_ = false;
  done_something_ = false;
  Hub::current().make_ready(static_cast<Runnable&>(*this));
}

/// Tells the first of `list`, who runs before everything else, and then this again.
void Exchange::tell(WaitList& list) {
  Hub& hub = Hub::current();
  if (++told_ % kTellsARound == 0) {
    hub.make_ready(static_cast<Runnable&>(*this));
  } else {
    hub.make_ready_first(*this);
  }
  Link& link = list.front();
  link.unlink();
  hub.tell_next(link);
}

void Exchange::tell_first(Runnable* runnable) {
  auto& self = *static_cast<Exchange*>(runnable);
  for (;;) {
    const bool gets = std::exchange(self.getters_turn_, !self.getters_turn_);
    WaitList& list = gets ? self.getters : self.putters;
    if (!list.empty() && (gets ? self.get_may_go() : self.put_may_go())) {
      self.done_something_ = true;
      return self.tell(list);
    }
    if (gets && !std::exchange(self.done_something_, false)) return;
  }
}

}  // namespace verdin::impl
