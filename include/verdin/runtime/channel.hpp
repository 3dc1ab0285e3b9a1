// Channel<T>: greenlets of one hub meet to hand an item over; nothing is kept in between.
//
// put() blocks until a getter has taken the item, get() until a putter is there; both are served first come
// first served, and newcomers never overtake. A greenlet that is killed or times out while it waits loses and
// duplicates nothing: an item that was not taken is still the caller's, also where it was to be moved; and
// put() returns if it was taken, and the exception comes when the putter suspends next.
//
//   put(item), put_for(item, limit) -> bool, try_put(item) -> bool  QueueClosed after close()
//   get(), get_for(limit) -> optional, try_get() -> optional        QueueClosed after close()
//   next() -> optional; for (T& item : channel)                     get(), but nothing, or the end, then
//   balance()                                                       putters that wait less getters that wait
//   close()                                                         wakes everybody who waits
//   ready(), add_link()                                             "there is something to get": linkable.hpp
//
// try_put() and try_get() never switch: they succeed where somebody waits at the other side. What try_put()
// gave to a getter that is killed before it runs goes to the next one. Costs no allocation (but try_put(),
// once). Hub-local: its hub's thread only, in callbacks of the hub what does not block; shared/channel.hpp
// has the other. One that is destroyed while greenlets wait for it wakes them with DestroyedWhileWaiting.
#pragma once

#include <verdin/runtime/impl/basic_channel.hpp>

namespace verdin {

template <typename T>
class Channel : public impl::BasicChannel<T, impl::LocalSync> {
 public:
  /// For wait() over several objects: see linkable.hpp. The link takes nothing.
  void add_link(impl::Link& link) {
    link.look_only();
    this->getters_.push_back(link);
    if (this->ready()) link.tell();
  }
};

}  // namespace verdin
