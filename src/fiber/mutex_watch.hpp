// Finds mutexes held across a switch, in debug builds and under AddressSanitizer.
//
// A std::mutex belongs to a thread, and all greenlets of a hub are one thread: the next greenlet to lock it
// would block the thread for ever (or, with a recursive one, be let in). With VERDIN_MUTEX_WATCH (set for
// the presets debug and asan) pthread's mutex functions are counted, and a greenlet that suspends with one
// locked gets std::logic_error.
#pragma once

#include <string_view>

namespace verdin::fiber {

#ifdef VERDIN_MUTEX_WATCH
/// Throws std::logic_error if this thread holds a mutex.
void check_no_mutex_held(std::string_view greenlet);
#endif

/// The same. A build that does not watch does not ask for the name either.
template <typename Greenlet>
void check_no_mutex_held_by([[maybe_unused]] const Greenlet& greenlet) {
#ifdef VERDIN_MUTEX_WATCH
  check_no_mutex_held(greenlet.name());
#endif
}

}  // namespace verdin::fiber
