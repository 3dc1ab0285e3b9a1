#include <cerrno>
#include <exception>

#include <cxxabi.h>

#include <verdin/fiber/context.hpp>

#include "fiber/sanitizers.hpp"
#include "fiber/switch.hpp"

namespace verdin::fiber {

const ThreadState& ThreadState::of_this_thread() noexcept {
  static thread_local constinit ThreadState state;
  if (!state.error_) [[unlikely]] {
    state.exceptions_ = reinterpret_cast<Exceptions*>(abi::__cxa_get_globals());
    state.error_ = &errno;
  }
  return state;
}

namespace {

/// What a context begins with; lies at the top of its stack.
struct Beginning {
  Context::Entry entry;
  void* argument;
};

Beginning* beginning(const Stack& stack) noexcept { return reinterpret_cast<Beginning*>(stack.top()) - 1; }

}  // namespace

/// The first frame of every fiber.
struct ContextEntry {
  [[noreturn]] static void enter(Context& from, Context& self, const ThreadState& thread) {
    sanitizer::finish_switch(nullptr, &from.stack_);
    *thread.exceptions_ = {};
    *thread.error_ = 0;
    const Beginning first = *beginning(self.stack_);
    first.entry(first.argument);
    std::terminate();  // the entry must not return: there is nothing below this frame
  }

#ifdef VERDIN_FCONTEXT
  static void first(boost::context::detail::transfer_t transfer) {
    const Crossing crossing = *static_cast<Crossing*>(transfer.data);
    crossing.from->at_.stack_pointer = transfer.fctx;
    enter(*crossing.from, *crossing.to, crossing.thread);
  }
#else
  static void first(Context* from, Context* self, const ThreadState* thread) {
    Context::arrive(*from, *self);
    enter(*from, *self, *thread);
  }
#endif
};

Context::Context() noexcept : sanitizer_fiber_(sanitizer::current_fiber()) {}

void Context::start(const Stack& stack, Entry entry, void* argument) noexcept {
  stack_ = stack;
  started_ = true;
  *beginning(stack) = {entry, argument};
  sanitizer_fiber_ = sanitizer::create_fiber();
  valgrind_id_ = sanitizer::register_stack(stack);
#ifdef VERDIN_FCONTEXT
  at_.stack_pointer = boost::context::detail::make_fcontext(beginning(stack), stack.size - sizeof(Beginning),
                                                            &ContextEntry::first);
#else
  // As if called from address 0, which is where debuggers and unwinders find the end of the stack.
  void** const frame = reinterpret_cast<void**>(beginning(stack)) - 1;
  *frame = nullptr;
  at_ = {frame, nullptr, reinterpret_cast<void*>(&ContextEntry::first)};
  asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(floats_.sse), "=m"(floats_.x87));
#endif
}

void Context::let_go() noexcept {
  started_ = false;
  sanitizer::destroy_fiber(sanitizer_fiber_);
  sanitizer::unregister_stack(valgrind_id_);
  sanitizer::forget(stack_);
}

Suspension Context::suspension() const noexcept {
#if defined(VERDIN_FCONTEXT) && defined(__x86_64__)
  // What jump_fcontext leaves on the stack: the control words, r12 to r15, rbx, rbp, the return address.
  constexpr int kFrame = 7;
  constexpr int kReturn = 8;
  void** const saved = static_cast<void**>(at_.stack_pointer);
  if (!saved) return {};
  return {saved + kReturn + 1, saved[kFrame], saved[kReturn]};
#else
  return at_;
#endif
}

// The switch is inlined into these two for tests and for whoever switches seldom.
void Context::switch_to(Context& to) noexcept { switch_to(to, ThreadState::of_this_thread()); }

void Context::leave_for(Context& to) noexcept { leave_for(to, ThreadState::of_this_thread()); }

}  // namespace verdin::fiber
