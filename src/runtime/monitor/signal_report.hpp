// Run info on request by signal: see print_run_info_on().
#pragma once

namespace verdin::impl {

/// On the monitor's thread: what signals have asked for since the last call.
void print_requested_reports();

}  // namespace verdin::impl
