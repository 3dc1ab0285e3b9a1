// How often this process has been forked off: a loop that finds another number than it has seen is in a
// child, where what the kernel keeps for it is still the parent's.
#pragma once

namespace verdin::loop {

unsigned fork_generation() noexcept;

}  // namespace verdin::loop
