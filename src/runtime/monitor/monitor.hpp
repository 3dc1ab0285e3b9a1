// The monitor: one thread of the process that looks after all hubs. It finds those that are blocked, and
// prints run info when a signal asks for it.
//
// It is started by the first hub that wants to be looked after, and ends when the process exits. After a
// fork() the child has none until its hub asks again.
#pragma once

#include <atomic>

namespace verdin::impl {

/// Any thread. Does nothing if it runs.
void start_monitor();
/// Makes it look at its work now. Safe in a signal handler.
void wake_monitor() noexcept;

/// fork() took it away.
bool monitor_is_lost() noexcept;
void forget_monitor_after_fork() noexcept;

}  // namespace verdin::impl
