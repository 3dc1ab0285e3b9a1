// Queue<T>, PriorityQueue<T>, LifoQueue<T>: items on their way between greenlets of one hub.
//
//   verdin::Queue<Job> jobs(100);                             // room for 100; Queue<Job> jobs; has no bound
//   for (Job& job : jobs) { work(job); jobs.task_done(); }    // ends when it is closed and drained
//
// put() blocks while it is full, get() while it is empty; who waits is woken first come first served. Barging
// is allowed: a newcomer may take an item before those who wait get their turn. A greenlet that is killed or
// times out while it waits loses and duplicates nothing: an item that was not put is still the caller's, also
// where it was to be moved.
//
//   put(item), put_for(item, limit) -> bool, try_put(item) -> bool  QueueClosed after close()
//   get(), get_for(limit) -> optional, try_get() -> optional        QueueClosed when closed and drained;
//   try_get
//                                                                   gives nothing then
//   peek(), peek_for(limit), try_peek()                             a copy of what get() would give
//   next() -> optional                                              get(), but nothing where that throws
//   size(), capacity(), empty(), full(), closed()
//   task_done(), join(), join_for(limit) -> bool, unfinished()      every put item is a task until it is done
//   close(Close::drain or now)                                      wakes everybody who waits
//   Queue(capacity, {items}), Queue(capacity, first, last)          with something in it
//   ready(), add_link()                                             "there is something to get": linkable.hpp
//
// PriorityQueue gives the least item first (by Compare), LifoQueue the latest. A limit of nothing or less has
// expired: such a call looks, and lets others run once. Costs no allocation but its buffer's growth.
// Hub-local: its hub's thread only, in callbacks of the hub what does not block; shared/queue.hpp has the
// other. One that is destroyed while greenlets wait for it wakes them with DestroyedWhileWaiting.
#pragma once

#include <functional>

#include <verdin/runtime/impl/basic_queue.hpp>
#include <verdin/runtime/impl/queue_store.hpp>

namespace verdin {

namespace impl {

template <typename T, typename Store>
class LocalQueue : public BasicQueue<T, Store, LocalSync> {
 public:
  using BasicQueue<T, Store, LocalSync>::BasicQueue;

  /// For wait() over several objects: see linkable.hpp. The link takes nothing.
  void add_link(Link& link) {
    link.look_only();
    this->getters.push_back(link);
    if (this->ready()) this->wake();
  }
};

}  // namespace impl

template <typename T>
class Queue : public impl::LocalQueue<T, impl::Fifo<T>> {
 public:
  using impl::LocalQueue<T, impl::Fifo<T>>::LocalQueue;
};

template <typename T, typename Compare = std::less<T>>
class PriorityQueue : public impl::LocalQueue<T, impl::Heap<T, Compare>> {
 public:
  using impl::LocalQueue<T, impl::Heap<T, Compare>>::LocalQueue;
};

template <typename T>
class LifoQueue : public impl::LocalQueue<T, impl::Lifo<T>> {
 public:
  using impl::LocalQueue<T, impl::Lifo<T>>::LocalQueue;
};

}  // namespace verdin
