// open_file(): what Response::send_file() sends. Internal.
#pragma once

#include <string>

#include <sys/stat.h>

#include <verdin/http/exchange.hpp>

namespace verdin::http {

/// Whatever has that name: `info` says what it is. None, and `info` is left alone, if it is not there or may
/// not be read; std::system_error if it might be had at another time (no descriptors, no memory, a disk that
/// fails): a 404 for that would be believed, and kept.
FileBody open_file(const std::string& file_name, struct stat& info);

}  // namespace verdin::http
