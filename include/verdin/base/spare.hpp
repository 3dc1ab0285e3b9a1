// Spare<T>: the memory of the last T that is gone, for the next one: one for each thread and type.
//
// For strings and vectors that are made for each request and would go to the allocator and back each time. T
// is moved; what is kept is bounded by the caller. Threads: any, each has its own. Nothing throws or
// blocks. An object that outlives its thread's variables finds none, which is well.
#pragma once

#include <utility>

namespace verdin {

template <typename T>
class Spare {
 public:
  /// Null where the thread is about to end.
  static T* of_this_thread() noexcept {
    thread_local constinit bool gone = false;
    struct Holder {
      explicit Holder(bool& flag) noexcept : is_gone(flag) {}
      Holder(const Holder&) = delete;
      Holder& operator=(const Holder&) = delete;
      ~Holder() { is_gone = true; }
      T value{};
      bool& is_gone;
    };
    if (gone) return nullptr;
    thread_local Holder holder(gone);
    return &holder.value;
  }

  /// `empty` has its memory from now on, if there is any.
  static void take(T& empty) noexcept {
    T* const spare = of_this_thread();
    if (!spare) return;
    empty = std::move(*spare);
    empty.clear();
  }
  /// The larger of both is kept; what is in them is not.
  static void give(T& used) noexcept {
    T* const spare = of_this_thread();
    if (spare && used.capacity() > spare->capacity()) *spare = std::move(used);
  }
};

}  // namespace verdin
