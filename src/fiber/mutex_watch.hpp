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
#else
inline void check_no_mutex_held(std::string_view) {}
#endif

}  // namespace verdin::fiber
