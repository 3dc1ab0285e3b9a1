// sample_thread(): the stack of a thread that does something else, taken by the thread itself in a signal
// handler; and the greenlet that runs on it.
//
// Why the handler is safe: it runs on the very thread whose hub it looks at, so nothing changes meanwhile; it
// takes no lock and allocates nothing (walk_stack() does not either); it writes only to the sample, which is
// handed over by one atomic word. The name is a string that the thread might be just about to change: at
// worst the report has a wrong name.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/monitor/hub_record.hpp"

namespace verdin::impl {

struct Sample {
  bool taken = false;
  std::uint32_t switches = 0;  // of the hub, at that moment
  bool on_greenlet = false;
  std::uint64_t serial = 0;
  std::string name{};
  std::string spawned_at{};
  std::vector<std::uintptr_t> stack{};
};

/// Under registry_mutex(). Waits `limit` at most for the thread to get to it.
Sample sample_thread(HubRecord& record, std::chrono::milliseconds limit);

/// The stack of the caller.
std::vector<std::uintptr_t> own_stack(StackBounds stack, std::size_t max_frames);

StackBounds bounds_of(const fiber::Stack& stack) noexcept;
StackBounds bounds_of(pthread_t thread) noexcept;

/// "file.cpp:12"; empty if it is not known.
std::string spawn_place(const GreenletBase& greenlet);

}  // namespace verdin::impl
