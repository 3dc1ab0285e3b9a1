#include <pthread.h>

#include <verdin/loop/fork_generation.hpp>

namespace verdin::loop {

constinit std::atomic<unsigned> forks_to_here{0};

namespace {

// Asking the kernel for the process's number in each turn would cost a system call.
[[maybe_unused]] const int registered =
    ::pthread_atfork(nullptr, nullptr, [] { forks_to_here.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

}  // namespace verdin::loop
