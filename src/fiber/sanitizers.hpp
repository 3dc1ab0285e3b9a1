// The seams to AddressSanitizer, ThreadSanitizer and Valgrind, as macros-free inline functions that vanish in
// other builds. GCC names the sanitizers by macros, clang by __has_feature.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VERDIN_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define VERDIN_TSAN 1
#endif
#if __has_feature(memory_sanitizer)
#define VERDIN_MSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define VERDIN_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define VERDIN_TSAN 1
#endif

#ifdef VERDIN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef VERDIN_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define VERDIN_VALGRIND 1
#endif

#include <cstddef>

#include <verdin/fiber/stack.hpp>

namespace verdin::fiber::sanitizer {

#ifdef VERDIN_ASAN
inline void start_switch(void** fake_stack, const Stack& to) {
  __sanitizer_start_switch_fiber(fake_stack, to.base, to.size);
}
inline void finish_switch(void* fake_stack, Stack* came_from) {
  const void* base = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &base, &size);
  if (came_from && !*came_from) *came_from = {static_cast<char*>(const_cast<void*>(base)), size};
}
inline void forget(const Stack& stack) { __asan_unpoison_memory_region(stack.base, stack.size); }
#else
inline void start_switch(void**, const Stack&) {}
inline void finish_switch(void*, Stack*) {}
inline void forget(const Stack&) {}
#endif

#ifdef VERDIN_TSAN
inline void* current_fiber() { return __tsan_get_current_fiber(); }
inline void* create_fiber() { return __tsan_create_fiber(0); }
inline void destroy_fiber(void* fiber) { __tsan_destroy_fiber(fiber); }
inline void switch_fiber(void* fiber) { __tsan_switch_to_fiber(fiber, 0); }
#else
inline void* current_fiber() { return nullptr; }
inline void* create_fiber() { return nullptr; }
inline void destroy_fiber(void*) {}
inline void switch_fiber(void*) {}
#endif

#ifdef VERDIN_VALGRIND
inline unsigned register_stack(const Stack& stack) {
  return static_cast<unsigned>(VALGRIND_STACK_REGISTER(stack.base, stack.top()));
}
inline void unregister_stack(unsigned id) { VALGRIND_STACK_DEREGISTER(id); }
#else
inline unsigned register_stack(const Stack&) { return 0; }
inline void unregister_stack(unsigned) {}
#endif

}  // namespace verdin::fiber::sanitizer
