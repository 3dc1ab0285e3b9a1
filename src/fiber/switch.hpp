// The switch itself, inline in whoever suspends: a function between the jump and the code that runs on costs
// a mispredicted return (see docs/decisions/0005-own-switch.md).
#pragma once

#include <exception>

#include <verdin/fiber/context.hpp>

#include "fiber/sanitizers.hpp"

#if !defined(__x86_64__) || !defined(__LP64__)
#define VERDIN_FCONTEXT 1
#endif

#ifdef VERDIN_FCONTEXT
#include <boost/context/detail/fcontext.hpp>
#endif

namespace verdin::fiber {

#ifdef VERDIN_FCONTEXT

/// Handed over at each jump.
struct Crossing {
  Context* from;
  Context* to;
  ThreadState thread;
};

[[gnu::always_inline]] inline void Context::jump(Context& to, const ThreadState& thread,
                                                 bool for_good) noexcept {
  Crossing crossing{this, &to, thread};
  void* fake_stack = nullptr;
  sanitizer::start_switch(for_good ? nullptr : &fake_stack, to.stack_);
  sanitizer::switch_fiber(to.sanitizer_fiber_);
  const auto transfer = boost::context::detail::jump_fcontext(to.at_.stack_pointer, &crossing);
  Context* const from = static_cast<Crossing*>(transfer.data)->from;
  from->at_.stack_pointer = transfer.fctx;
  sanitizer::finish_switch(fake_stack, &from->stack_);
}

#else

/// Loads the modes of floating-point arithmetic. That of SSE always: to look whether it differs would mean to
/// read what `stmxcsr` has just written, which costs AMD's processors more than loading it. What comes with
/// it are the flags of exceptions, which are each context's own therefore.
[[gnu::always_inline]] inline void Context::arrive(const Context& from, const Context& here) noexcept {
  asm volatile("ldmxcsr %0" : : "m"(here.floats_.sse));
  if (from.floats_.x87 != here.floats_.x87) [[unlikely]] {
    asm volatile("fldcw %0" : : "m"(here.floats_.x87));
  }
}

// The place to go on is stored in the context, not pushed: pushing could overwrite the red zone of the
// function that this is inlined into. It is reached by an indirect jump, and no call was made, so the
// processor's stack of return addresses stays in step; the target is nearly always the same address.
[[gnu::always_inline]] inline void Context::jump(Context& to, const ThreadState& thread,
                                                 bool for_good) noexcept {
  static_assert(sizeof(Suspension) == 3 * sizeof(void*) && __builtin_offsetof(Context, at_) == 0);
  void* fake_stack = nullptr;
  sanitizer::start_switch(for_good ? nullptr : &fake_stack, to.stack_);
  sanitizer::switch_fiber(to.sanitizer_fiber_);
  if (!for_good) asm volatile("stmxcsr %0" : "=m"(floats_.sse));
  asm volatile("fnstcw %0" : "=m"(floats_.x87));  // read by who arrives
  Context* from = this;
  Context* into = &to;
  const ThreadState* state = &thread;
  // rbp cannot be listed and is kept by hand. A new context's first function finds the three operands in the
  // registers of its parameters.
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, (%%rdi)\n\t"
      "movq %%rbp, 8(%%rdi)\n\t"
      "movq %%rax, 16(%%rdi)\n\t"
      "movq (%%rsi), %%rsp\n\t"
      "movq 8(%%rsi), %%rbp\n\t"
      "jmpq *16(%%rsi)\n\t"
      "1:\n\t"
      "endbr64"
      : "+D"(from), "+S"(into), "+d"(state)
      :
      : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",
        "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15",
#ifdef __AVX512F__
        "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26",
        "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
        "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "st", "st(1)", "st(2)", "st(3)", "st(4)",
        "st(5)", "st(6)", "st(7)", "cc", "memory");
  arrive(*from, *into);
  sanitizer::finish_switch(fake_stack, &from->stack_);
}

#endif

[[gnu::always_inline]] inline void Context::switch_to(Context& to, const ThreadState& thread) noexcept {
  void* const caught = thread.exceptions_->caught;
  const std::uintptr_t uncaught = thread.exceptions_->uncaught;
  const int error = *thread.error_;
  jump(to, thread, false);
  // Seldom is there anything to be put back; and storing less often forwards better.
  if (thread.exceptions_->caught != caught) thread.exceptions_->caught = caught;
  if (thread.exceptions_->uncaught != uncaught) thread.exceptions_->uncaught = uncaught;
  *thread.error_ = error;
}

[[gnu::always_inline]] inline void Context::leave_for(Context& to, const ThreadState& thread) noexcept {
  jump(to, thread, true);
  std::terminate();
}

}  // namespace verdin::fiber
