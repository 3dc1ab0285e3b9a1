// Context: a place where execution can stand: a fiber's stack, or the thread's own.
//
// switch_to() leaves one and goes on in the other. Beside the registers it swaps what C++ keeps a thread and
// a fiber must have for itself: the exceptions being caught and thrown (__cxa_eh_globals), errno and the
// rounding modes of the processor; and it tells AddressSanitizer, ThreadSanitizer and Valgrind. About 4 ns
// (see docs/performance.md).
//
// On x86-64 the switch is a few instructions of Verdin's own (docs/decisions/0005-own-switch.md), elsewhere
// and with the CMake option VERDIN_FCONTEXT it is Boost.Context's.
//
// Threads: contexts of one thread are switched among by that thread only. Nothing here blocks or throws. The
// entry function must not return and must not let an exception out.
#pragma once

#include <cstddef>
#include <cstdint>

#include <verdin/fiber/stack.hpp>

namespace verdin::fiber {

/// Where the C++ runtime and libc keep what they have one of a thread. The addresses stay the same for as
/// long as the thread lives: they are asked for once.
class ThreadState {
 public:
  /// The calling thread's.
  static const ThreadState& of_this_thread() noexcept;

  /// std::uncaught_exceptions(), without a call.
  bool unwinding() const noexcept { return exceptions_->uncaught != 0; }
  unsigned uncaught_exceptions() const noexcept { return static_cast<unsigned>(exceptions_->uncaught); }

 private:
  friend class Context;
  friend struct ContextEntry;

  /// What the Itanium C++ ABI keeps a thread (§2.2.2): the stack of caught exceptions and the count of those
  /// in flight. libstdc++ and libc++abi lay it out alike. The count is an unsigned int; it is read and
  /// written together with its padding (zero for ever), as one word.
  struct Exceptions {
    void* caught;
    std::uintptr_t uncaught;
  };

  Exceptions* exceptions_ = nullptr;
  int* error_ = nullptr;
};

/// Where a suspended context goes on. For debuggers and reports: what a stack walk starts from.
struct Suspension {
  void* stack_pointer = nullptr;
  void* frame_pointer = nullptr;
  void* instruction = nullptr;
};

class Context {
 public:
  using Entry = void (*)(void* argument);

  /// The context of the thread's own stack, as seen from inside it.
  Context() noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { finish(); }

  /// Prepares to call entry(argument) on `stack` at the first switch.
  void start(const Stack& stack, Entry entry, void* argument) noexcept;

  /// Suspends `this`, which must be running, and runs `to`. Returns when something switches back.
  void switch_to(Context& to) noexcept;
  /// As switch_to, but `this` is never returned to; its stack may be reused once `to` runs.
  [[noreturn]] void leave_for(Context& to) noexcept;
  /// Must be called once on a finished context before its stack is reused or freed.
  void finish() noexcept {
    if (started_) let_go();
  }

  const Stack& stack() const noexcept { return stack_; }
  /// From now on `this` is what suspends the code that runs on `other`'s stack: for a fiber inside a fiber.
  void stand_for(const Context& other) noexcept {
    stack_ = other.stack_;
    sanitizer_fiber_ = other.sanitizer_fiber_;
  }
  /// Meaningful while it is suspended.
  Suspension suspension() const noexcept;

  // ---- For the runtime: inline, in src/fiber/switch.hpp.
  void switch_to(Context& to, const ThreadState& thread) noexcept;
  [[noreturn]] void leave_for(Context& to, const ThreadState& thread) noexcept;

 private:
  friend struct ContextEntry;

  /// MXCSR and the x87 control word: modes that a called function must preserve, and flags of SSE's
  /// exceptions.
  struct FloatControl {
    std::uint32_t sse = 0;
    std::uint16_t x87 = 0;
  };

  void jump(Context& to, const ThreadState& thread, bool for_good) noexcept;
  static void arrive(const Context& from, const Context& here) noexcept;
  void let_go() noexcept;

  // One cache line. What is called first, and with what, lies at the top of the stack.
  Suspension at_;  // first: the switch finds it at the context's address
  FloatControl floats_;
  unsigned valgrind_id_ = 0;
  bool started_ = false;
  Stack stack_;
  void* sanitizer_fiber_ = nullptr;  // ThreadSanitizer's handle
};

}  // namespace verdin::fiber
