// What the runtime says of greenlets that wait.
#pragma once

#include <string>
#include <vector>

#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin::impl {

/// One line for each of `greenlets` that is in the middle of something: its name, the call that it waits in
/// and where it was spawned.
std::string describe_waiters(const std::vector<GreenletBase*>& greenlets);
/// "'name' in Event::wait, spawned at file.cpp:12".
std::string describe(const GreenletBase& greenlet);

}  // namespace verdin::impl
