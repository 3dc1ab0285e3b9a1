// on_signal(): runs a function in a new greenlet for each delivery of a signal. It may block.
//
// Deliveries that come close together may be one. The registration ends with the returned object.
// Registrations do not keep the hub from noticing that nothing else can happen. One hub of a process may
// watch a given signal at a time (std::logic_error for a second one).
#pragma once

#include <memory>

#include <verdin/base/unique_function.hpp>
#include <verdin/loop/loop.hpp>

namespace verdin {

[[nodiscard]] loop::WatchPtr on_signal(int signal_number, UniqueFunction<void()> function);

}  // namespace verdin
