#include "fiber/mutex_watch.hpp"

#ifdef VERDIN_MUTEX_WATCH

#include <stdexcept>
#include <string>

#include <dlfcn.h>
#include <pthread.h>

namespace {

thread_local int held_mutexes = 0;

using MutexFunction = int (*)(pthread_mutex_t*);

/// libc's own function behind ours of the same name.
MutexFunction real(const char* name) { return reinterpret_cast<MutexFunction>(::dlsym(RTLD_NEXT, name)); }

}  // namespace

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const MutexFunction lock = real("pthread_mutex_lock");
  const int result = lock(mutex);
  if (result == 0) ++held_mutexes;
  return result;
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static const MutexFunction trylock = real("pthread_mutex_trylock");
  const int result = trylock(mutex);
  if (result == 0) ++held_mutexes;
  return result;
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static const MutexFunction unlock = real("pthread_mutex_unlock");
  const int result = unlock(mutex);
  if (result == 0) --held_mutexes;
  return result;
}
}

namespace verdin::fiber {

void check_no_mutex_held(std::string_view greenlet) {
  if (held_mutexes == 0) return;
  throw std::logic_error("verdin: greenlet '" + std::string(greenlet) + "' suspends while it holds a mutex");
}

}  // namespace verdin::fiber

#endif
