// shared::Queue<T>, PriorityQueue<T>, LifoQueue<T>: items on their way between hubs and plain threads.
//
// The members, and what they mean, are verdin::Queue's (see queue.hpp), but add_link(). Any thread. A
// greenlet that waits lets its hub go on; a plain thread blocks; in a callback of a hub only what does not
// block (BlockingSwitchOutError). A kill or a limit that meets a wake-up from another thread loses no item.
// Items are moved (for peek(), copied) under a short lock: their constructors must neither block nor use the
// queue. Must outlive those who wait.
#pragma once

#include <functional>

#include <verdin/runtime/impl/basic_queue.hpp>
#include <verdin/runtime/impl/queue_store.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

template <typename T>
class Queue : public impl::BasicQueue<T, impl::Fifo<T>, impl::SharedSync> {
 public:
  using impl::BasicQueue<T, impl::Fifo<T>, impl::SharedSync>::BasicQueue;
};

template <typename T, typename Compare = std::less<T>>
class PriorityQueue : public impl::BasicQueue<T, impl::Heap<T, Compare>, impl::SharedSync> {
 public:
  using impl::BasicQueue<T, impl::Heap<T, Compare>, impl::SharedSync>::BasicQueue;
};

template <typename T>
class LifoQueue : public impl::BasicQueue<T, impl::Lifo<T>, impl::SharedSync> {
 public:
  using impl::BasicQueue<T, impl::Lifo<T>, impl::SharedSync>::BasicQueue;
};

}  // namespace verdin::shared
