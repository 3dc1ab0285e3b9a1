// Queue<T>: first in, first out, between greenlets of one hub; bounded unless told otherwise.
//
// put() blocks while it is full, get() while it is empty. A greenlet that is killed or times out while it
// waits loses and duplicates nothing. After close() puts throw QueueClosed, gets drain what is there and then
// throw it. A newcomer may take an item before a greenlet that was woken for it (which then waits on, in its
// place). Hub-local: its hub's thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include <verdin/runtime/impl/exchange.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin {

struct QueueClosed : std::runtime_error {
  QueueClosed() : std::runtime_error("verdin: the queue is closed") {}
};

template <typename T>
class Queue : private impl::Exchange {
 public:
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  explicit Queue(std::size_t capacity) : capacity_(capacity) {
    if (capacity == 0) throw std::invalid_argument("verdin: a queue must have room for one item");
  }

  std::size_t size() const noexcept { return items_.size(); }
  bool empty() const noexcept { return items_.empty(); }
  bool full() const noexcept { return items_.size() >= capacity_; }
  bool closed() const noexcept { return closed_; }

  void put(T item) { put_until(std::move(item), std::nullopt); }
  /// False if it stayed full for `limit`.
  bool put_for(T item, loop::Clock::duration limit) {
    return put_until(std::move(item), loop::Clock::now() + limit);
  }
  /// False if it is full.
  bool try_put(T item) {
    if (closed_) throw QueueClosed();
    if (full()) return false;
    push(std::move(item));
    return true;
  }

  T get() { return *get_until(std::nullopt); }
  /// nullopt if it stayed empty for `limit`.
  std::optional<T> get_for(loop::Clock::duration limit) { return get_until(loop::Clock::now() + limit); }
  /// nullopt if it is empty.
  std::optional<T> try_get() {
    if (items_.empty()) return std::nullopt;
    return pop();
  }

  void close() {
    closed_ = true;
    if (!getters.empty() || !putters.empty()) wake();
  }

 private:
  bool put_may_go() const noexcept override { return closed_ || !full(); }
  bool get_may_go() const noexcept override { return closed_ || !items_.empty(); }

  void push(T item) {
    items_.push_back(std::move(item));
    if (!getters.empty()) wake();
  }

  T pop() {
    T item = std::move(items_.front());
    items_.pop_front();
    if (!putters.empty()) wake();
    return item;
  }

  bool put_until(T item, std::optional<loop::Clock::time_point> due) {
    while (!put_may_go()) {
      if (!wait(putters, due)) return false;
    }
    if (closed_) throw QueueClosed();
    push(std::move(item));
    return true;
  }

  std::optional<T> get_until(std::optional<loop::Clock::time_point> due) {
    while (!get_may_go()) {
      if (!wait(getters, due)) return std::nullopt;
    }
    if (items_.empty()) throw QueueClosed();
    return pop();
  }

  /// Waits in `list` until told (true) or due. One that was told and leaves by an exception all the same
  /// gives its turn to others.
  bool wait(impl::WaitList& list, std::optional<loop::Clock::time_point> due) {
    impl::Waiter waiter(list, &list == &getters ? "Queue::get" : "Queue::put");
    try {
      return waiter.wait_until(due);
    } catch (...) {
      if (waiter.woken()) wake();
      throw;
    }
  }

  std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace verdin
