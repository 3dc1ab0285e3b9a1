// Internal. What all queues have in common, whatever their order and however they wait. See queue.hpp.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include <verdin/runtime/impl/incoming.hpp>
#include <verdin/runtime/impl/local_sync.hpp>

namespace verdin {

struct QueueClosed : std::runtime_error {
  QueueClosed() : std::runtime_error("verdin: the queue is closed") {}
};

/// What close() does with what is in the queue.
enum class Close : bool {
  drain,  ///< it can still be got
  now     ///< it is dropped, and counts as done
};

namespace impl {

template <typename T, typename Store, typename Sync>
class BasicQueue : protected Sync::Exchange {
  using Guard = typename Sync::Guard;
  using Exchange = typename Sync::Exchange;
  using Exchange::getters;
  using Exchange::putters;

 public:
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  explicit BasicQueue(std::size_t capacity = kUnbounded) : capacity_(capacity) {
    if (capacity == 0) throw std::invalid_argument("verdin: a queue must have room for one item");
  }
  template <typename Iterator>
  BasicQueue(std::size_t capacity, Iterator first, Iterator last) : BasicQueue(capacity) {
    for (; first != last; ++first) {
      if (!try_put(*first)) throw std::invalid_argument("verdin: more items than the queue has room for");
    }
  }
  BasicQueue(std::size_t capacity, std::initializer_list<T> items)
      : BasicQueue(capacity, items.begin(), items.end()) {}
  BasicQueue(const BasicQueue&) = delete;
  BasicQueue& operator=(const BasicQueue&) = delete;

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return items_.size();
  }
  bool empty() const { return size() == 0; }
  bool full() const { return size() >= capacity_; }
  bool closed() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return closed_;
  }
  /// Would get() return, or throw, at once?
  bool ready() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return get_may_go();
  }

  void put(const T& item) { put_until(item, std::nullopt); }
  void put(T&& item) { put_until(std::move(item), std::nullopt); }
  bool put_for(const T& item, loop::Clock::duration limit) { return put_until(item, due_in(limit)); }
  bool put_for(T&& item, loop::Clock::duration limit) { return put_until(std::move(item), due_in(limit)); }
  bool try_put(const T& item) { return put_now(item); }
  bool try_put(T&& item) { return put_now(std::move(item)); }

  T get() { return or_closed(get_until(std::nullopt)); }
  std::optional<T> get_for(loop::Clock::duration limit) {
    bool in_time = true;
    std::optional<T> item = get_until(due_in(limit), &in_time);
    if (!item && in_time) throw QueueClosed();
    return item;
  }
  std::optional<T> try_get() {
    [[maybe_unused]] const Guard guard(mutex_);
    if (items_.size() == 0) return std::nullopt;
    return pop();
  }
  std::optional<T> next() { return get_until(std::nullopt); }

  T peek() { return or_closed(peek_until(std::nullopt)); }
  std::optional<T> peek_for(loop::Clock::duration limit) {
    bool in_time = true;
    std::optional<T> item = peek_until(due_in(limit), &in_time);
    if (!item && in_time) throw QueueClosed();
    return item;
  }
  std::optional<T> try_peek() {
    [[maybe_unused]] const Guard guard(mutex_);
    return items_.size() == 0 ? std::nullopt : std::optional<T>(items_.top());
  }

  std::size_t unfinished() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return unfinished_;
  }
  void task_done() {
    [[maybe_unused]] const Guard guard(mutex_);
    if (unfinished_ == 0) throw std::logic_error("verdin: task_done() without a task");
    finish(1);
  }
  void join() { join_until(std::nullopt); }
  bool join_for(loop::Clock::duration limit) { return join_until(due_in(limit)); }

  void close(Close how = Close::drain) {
    Store dropped;  // destroyed when the guard is no longer held
    [[maybe_unused]] const Guard guard(mutex_);
    closed_ = true;
    if (how == Close::now) {
      items_.swap(dropped);
      finish(dropped.size());
    }
    if (!getters.empty() || !putters.empty()) this->wake_all();
  }

  auto begin() { return IncomingItem<T, BasicQueue>(*this); }
  EndOfItems end() const noexcept { return {}; }

 private:
  bool get_may_go() const noexcept override { return closed_ || items_.size() > 0; }
  bool put_may_go() const noexcept override { return closed_ || items_.size() < capacity_; }
  static T or_closed(std::optional<T> item) {
    if (!item) throw QueueClosed();
    return std::move(*item);
  }

  template <typename U>
  void push(U&& item) {
    items_.push(std::forward<U>(item));
    ++unfinished_;
    if (!getters.empty()) this->wake();
  }
  T pop() {
    T item = items_.pop();
    if (!putters.empty()) this->wake();
    return item;
  }
  void finish(std::size_t n) noexcept {
    // What was put into it before may have been reported done without being got.
    unfinished_ -= n < unfinished_ ? n : unfinished_;
    if (unfinished_ == 0) joiners_.happen();
  }

  template <typename U>
  bool put_now(U&& item) {
    [[maybe_unused]] const Guard guard(mutex_);
    if (closed_) throw QueueClosed();
    if (!put_may_go()) return false;
    push(std::forward<U>(item));
    return true;
  }
  template <typename U>
  bool put_until(U&& item, const Due& due) {
    Guard guard(mutex_);
    while (!put_may_go()) {
      if (!this->wait(guard, putters, due, true)) return false;
    }
    if (closed_) throw QueueClosed();
    push(std::forward<U>(item));
    return true;
  }
  /// Null: closed and drained; or too late, which it tells.
  std::optional<T> get_until(const Due& due, bool* in_time = nullptr) {
    Guard guard(mutex_);
    if (!await_item(guard, due, in_time, true)) return std::nullopt;
    return pop();
  }
  std::optional<T> peek_until(const Due& due, bool* in_time = nullptr) {
    Guard guard(mutex_);
    if (!await_item(guard, due, in_time, false)) return std::nullopt;
    return items_.top();
  }
  bool await_item(Guard& guard, const Due& due, bool* in_time, bool takes) {
    while (!get_may_go()) {
      if (this->wait(guard, getters, due, takes)) continue;
      if (in_time) *in_time = false;
      return false;
    }
    return items_.size() > 0;
  }
  bool join_until(const Due& due) {
    Guard guard(mutex_);
    if (unfinished_ == 0) return true;
    return joiners_.wait(guard, due, "Queue::join");
  }

  mutable typename Sync::Mutex mutex_;
  std::size_t capacity_;
  Store items_;
  std::size_t unfinished_ = 0;
  bool closed_ = false;
  typename Sync::Once joiners_;
};

}  // namespace impl
}  // namespace verdin
