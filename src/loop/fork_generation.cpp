#include "loop/fork_generation.hpp"

#include <atomic>

#include <pthread.h>

namespace verdin::loop {
namespace {

std::atomic<unsigned> generation{0};

// Asking the kernel for the process's number in each turn would cost a system call.
[[maybe_unused]] const int registered =
    ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

unsigned fork_generation() noexcept { return generation.load(std::memory_order_relaxed); }

}  // namespace verdin::loop
