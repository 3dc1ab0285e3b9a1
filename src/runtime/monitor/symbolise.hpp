// From addresses to frames with names.
#pragma once

#include <cstdint>
#include <vector>

#include <verdin/runtime/run_info.hpp>

namespace verdin::impl {

std::vector<StackFrame> symbolise(const std::vector<std::uintptr_t>& addresses);
/// Frames that have an address only.
void symbolise(std::vector<StackFrame>& frames);

}  // namespace verdin::impl
