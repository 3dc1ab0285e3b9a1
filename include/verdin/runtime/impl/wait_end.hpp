// Internal. WaitEnd: how a wait ended, for callers that throw what is to be thrown when nothing of theirs is
// left to be destroyed.
//
// An exception pays for each frame that it passes, twice (once to find who catches it, once to unwind), and
// for one more start of the unwinder where something is destroyed on the way. So waits return, and their
// outermost inline caller throws: a kill then often is thrown and caught in one and the same frame.
#pragma once

#include <verdin/runtime/errors.hpp>

namespace verdin::impl {

enum class WaitEnd : unsigned char {
  woken,
  not_woken,  ///< it is due, or something else made the greenlet ready
  orphaned,   ///< the list was destroyed
  exit,       ///< killed: a GreenletExit is to be thrown
  thrown,     ///< another exception is
};

[[noreturn]] void throw_end_of_wait(WaitEnd end);

/// Throws what is to be thrown; true if woken.
[[gnu::always_inline]] inline bool settle(WaitEnd end) {
  if (end > WaitEnd::not_woken) [[unlikely]] {
    if (end == WaitEnd::exit) throw GreenletExit();
    throw_end_of_wait(end);
  }
  return end == WaitEnd::woken;
}

}  // namespace verdin::impl
