// Internal. Ring<T>: a first in, first out buffer that grows by doubling and is never given back, so that a
// queue in its steady state allocates nothing (std::deque does, every few items).
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace verdin::impl {

template <typename T>
class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    clear();
    if (slots_) std::allocator<T>().deallocate(slots_, room_);
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T& front() noexcept { return slots_[first_]; }

  template <typename U>
  void push_back(U&& item) {
    if (size_ == room_) grow();
    std::construct_at(&at(size_), std::forward<U>(item));
    ++size_;
  }
  void pop_front() noexcept {
    std::destroy_at(slots_ + first_);
    first_ = (first_ + 1) & (room_ - 1);
    --size_;
  }
  void swap(Ring& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(room_, other.room_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
  }
  void clear() noexcept {
    while (!empty()) pop_front();
  }

 private:
  static constexpr std::size_t kFirstRoom = 8;  // a power of two, as every later one

  T& at(std::size_t i) noexcept { return slots_[(first_ + i) & (room_ - 1)]; }

  void grow() {
    const std::size_t room = room_ == 0 ? kFirstRoom : room_ * 2;
    T* const slots = std::allocator<T>().allocate(room);
    std::size_t moved = 0;
    try {
      for (; moved < size_; ++moved) std::construct_at(slots + moved, std::move_if_noexcept(at(moved)));
    } catch (...) {
      std::destroy_n(slots, moved);
      std::allocator<T>().deallocate(slots, room);
      throw;
    }
    for (std::size_t i = 0; i < size_; ++i) std::destroy_at(&at(i));
    if (slots_) std::allocator<T>().deallocate(slots_, room_);
    slots_ = slots;
    room_ = room;
    first_ = 0;
  }

  T* slots_ = nullptr;
  std::size_t room_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace verdin::impl
