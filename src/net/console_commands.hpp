// What the console's commands do.
#pragma once

#include <string>
#include <string_view>

namespace verdin::impl {

/// The answer to one line, its last line included. May suspend: other hubs are asked.
std::string run_console_command(std::string_view line);

}  // namespace verdin::impl
