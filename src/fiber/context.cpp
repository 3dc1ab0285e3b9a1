#include <cerrno>
#include <cstdint>
#include <exception>

#include <boost/context/detail/fcontext.hpp>
#include <cxxabi.h>

#include <verdin/fiber/context.hpp>

#include "fiber/sanitizers.hpp"

namespace verdin::fiber {
namespace {

namespace ctx = boost::context::detail;

/// What the Itanium C++ ABI keeps a thread (§2.2.2): the stack of caught exceptions and the count of those in
/// flight. libstdc++ and libc++abi lay it out alike.
///
/// The count is an unsigned int; read and written here together with its padding, as one word, so that the
/// processor can forward the stores of a switch to the loads of the next (11 ns a switch otherwise).
struct ExceptionState {
  void* caught = nullptr;
  std::uintptr_t uncaught = 0;
};

ExceptionState& exception_state() noexcept {
  return *reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
}

/// Handed over at each jump.
struct Crossing {
  Context* from;
  Context* to;
};

}  // namespace

/// The first frame of every fiber.
struct ContextEntry {
  static void enter(ctx::transfer_t transfer) {
    const Crossing crossing = *static_cast<Crossing*>(transfer.data);
    crossing.from->suspended_at_ = transfer.fctx;
    sanitizer::finish_switch(nullptr, &crossing.from->stack_);
    exception_state() = {};
    errno = 0;
    crossing.to->entry_(crossing.to->argument_);
    std::terminate();  // the entry must not return: there is nothing below this frame
  }
};

Context::Context() noexcept : sanitizer_fiber_(sanitizer::current_fiber()) {}

Context::~Context() { finish(); }

void Context::start(const Stack& stack, Entry entry, void* argument) noexcept {
  stack_ = stack;
  entry_ = entry;
  argument_ = argument;
  sanitizer_fiber_ = sanitizer::create_fiber();
  valgrind_id_ = sanitizer::register_stack(stack);
  suspended_at_ = ctx::make_fcontext(stack.top(), stack.size, &ContextEntry::enter);
}

void Context::finish() noexcept {
  if (!entry_) return;
  entry_ = nullptr;
  sanitizer::destroy_fiber(sanitizer_fiber_);
  sanitizer::unregister_stack(valgrind_id_);
  sanitizer::forget(stack_);
}

inline void Context::jump(Context& to, bool for_good) noexcept {
  Crossing crossing{this, &to};
  void* fake_stack = nullptr;
  sanitizer::start_switch(for_good ? nullptr : &fake_stack, to.stack_);
  sanitizer::switch_fiber(to.sanitizer_fiber_);
  const ctx::transfer_t transfer = ctx::jump_fcontext(to.suspended_at_, &crossing);
  Context* const from = static_cast<Crossing*>(transfer.data)->from;
  from->suspended_at_ = transfer.fctx;
  sanitizer::finish_switch(fake_stack, &from->stack_);
}

void Context::switch_to(Context& to) noexcept {
  const ExceptionState exceptions = exception_state();
  const int error = errno;
  jump(to, false);
  exception_state() = exceptions;
  errno = error;
}

void Context::leave_for(Context& to) noexcept {
  jump(to, true);
  std::terminate();
}

}  // namespace verdin::fiber
