// From the kernel's statx to FileStatus.
#pragma once

#include <verdin/net/file_status.hpp>

#include "net/file_call.hpp"

namespace verdin::impl {

/// Carries `call`, of Kind::status, out: 0 or an errno.
int ask_status(FileCall& call, int flags);
FileStatus status_of(const struct statx& information);
FileType type_of(mode_t mode) noexcept;

}  // namespace verdin::impl
