// The report of a stack overflow: a fault on a greenlet's guard page is named on stderr before the process
// dies of it.
#pragma once

namespace verdin::impl {

/// Installs a SIGSEGV handler (once a process) and this thread's signal stack. Faults that are none of ours
/// go to the handler that was there before. Does nothing under AddressSanitizer, which reports overflows
/// itself.
void install_overflow_report();

}  // namespace verdin::impl
