// spawn_child(): the system's part of starting a program.
#pragma once

#include <string>
#include <vector>

#include <verdin/net/process.hpp>

namespace verdin::impl {

struct ParentEnds {
  Descriptor in;
  Descriptor out;
  Descriptor err;
};

/// The process's number; `ends` gets our ends of the pipes. Throws std::system_error.
pid_t spawn_child(const std::vector<std::string>& argv, const ProcessOptions& options, ParentEnds& ends);

}  // namespace verdin::impl
