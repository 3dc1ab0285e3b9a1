// Internal. In which order a queue gives back what was put into it: Fifo, Lifo, Heap.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <verdin/runtime/impl/ring.hpp>

namespace verdin::impl {

template <typename T>
class Fifo {
 public:
  std::size_t size() const noexcept { return items_.size(); }
  template <typename U>
  void push(U&& item) {
    items_.push_back(std::forward<U>(item));
  }
  const T& top() noexcept { return items_.front(); }
  T pop() {
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }
  void swap(Fifo& other) noexcept { items_.swap(other.items_); }

 private:
  Ring<T> items_;
};

template <typename T>
class Lifo {
 public:
  std::size_t size() const noexcept { return items_.size(); }
  template <typename U>
  void push(U&& item) {
    items_.push_back(std::forward<U>(item));
  }
  const T& top() noexcept { return items_.back(); }
  T pop() {
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  void swap(Lifo& other) noexcept { items_.swap(other.items_); }

 private:
  std::vector<T> items_;
};

/// The least first, by Compare.
template <typename T, typename Compare>
class Heap {
 public:
  std::size_t size() const noexcept { return items_.size(); }
  template <typename U>
  void push(U&& item) {
    items_.push_back(std::forward<U>(item));
    std::push_heap(items_.begin(), items_.end(), After{});
  }
  const T& top() noexcept { return items_.front(); }
  T pop() {
    std::pop_heap(items_.begin(), items_.end(), After{});
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  void swap(Heap& other) noexcept { items_.swap(other.items_); }

 private:
  struct After {
    bool operator()(const T& a, const T& b) const { return Compare{}(b, a); }
  };
  std::vector<T> items_;
};

}  // namespace verdin::impl
