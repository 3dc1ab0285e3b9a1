// How often this process has been forked off: who finds another number than it has seen is in a child, where
// what it knows of the kernel, of threads and of greenlets is still the parent's. Any thread; costs a load.
#pragma once

#include <atomic>

namespace verdin::loop {

/// For fork_generation().
extern std::atomic<unsigned> forks_to_here;

inline unsigned fork_generation() noexcept { return forks_to_here.load(std::memory_order_relaxed); }

}  // namespace verdin::loop
