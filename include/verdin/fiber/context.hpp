// Context: a place where execution can stand: a fiber's stack, or the thread's own.
//
// switch_to() leaves one and goes on in the other. Beside the registers it swaps what C++ keeps a thread and
// a fiber must have for itself: the exceptions being caught and thrown (__cxa_eh_globals) and errno; and it
// tells AddressSanitizer, ThreadSanitizer and Valgrind. About 5 ns (see docs/performance.md).
//
// Threads: contexts of one thread are switched among by that thread only. Nothing throws but start() (what
// the entry needs is preallocated, so it does not either). The entry function must not return and must not
// let an exception out.
#pragma once

#include <cstddef>

#include <verdin/fiber/stack.hpp>

namespace verdin::fiber {

class Context {
 public:
  using Entry = void (*)(void* argument);

  /// The context of the thread's own stack, as seen from inside it.
  Context() noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  /// Prepares to call entry(argument) on `stack` at the first switch.
  void start(const Stack& stack, Entry entry, void* argument) noexcept;

  /// Suspends `this`, which must be running, and runs `to`. Returns when something switches back.
  void switch_to(Context& to) noexcept;
  /// As switch_to, but `this` is never returned to; its stack may be reused once `to` runs.
  [[noreturn]] void leave_for(Context& to) noexcept;
  /// Must be called once on a finished context before its stack is reused or freed.
  void finish() noexcept;

  const Stack& stack() const noexcept { return stack_; }

 private:
  friend struct ContextEntry;
  void jump(Context& to, bool for_good) noexcept;

  void* suspended_at_ = nullptr;
  Stack stack_;
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  void* sanitizer_fiber_ = nullptr;  // ThreadSanitizer's handle
  unsigned valgrind_id_ = 0;
};

}  // namespace verdin::fiber
