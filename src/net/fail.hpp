// What the system has refused, as an exception: of files, pipes and names of files.
#pragma once

#include <string>
#include <system_error>

namespace verdin::impl {

/// Throws std::system_error with the errno `error`.
[[noreturn]] inline void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), "verdin: " + what);
}

}  // namespace verdin::impl
