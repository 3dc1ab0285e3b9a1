// fs: names in file systems, for greenlets.
//
// Each call suspends the greenlet until the file system has answered, through io_uring or a thread (see
// file.hpp); other greenlets run on. Errors are std::system_error with the errno and the path. A greenlet
// that is killed or times out in a call stops waiting; what was begun is done or not. Paths are as the
// process sees them: relative ones begin at its working directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <verdin/net/file_status.hpp>

namespace verdin::fs {

FileStatus status(const std::string& path);
/// Of a symbolic link itself.
FileStatus link_status(const std::string& path);
/// As status(); nullopt if there is nothing of that name.
std::optional<FileStatus> find(const std::string& path);
bool exists(const std::string& path);

/// Sorted by name, without "." and "..".
std::vector<DirectoryEntry> list_directory(const std::string& path);
void make_directory(const std::string& path, mode_t permissions = 0777);
/// With those above it that are missing. It may be there already.
void make_directories(const std::string& path, mode_t permissions = 0777);
void remove_directory(const std::string& path);

/// Replaces a file that has the name `to`, at one blow.
void rename(const std::string& from, const std::string& to);
void remove_file(const std::string& path);
/// False if there was none.
bool remove_file_if_there(const std::string& path);
void make_link(const std::string& target, const std::string& path);
void make_symlink(const std::string& target, const std::string& path);
std::string read_symlink(const std::string& path);
/// Absolute, without symbolic links.
std::string real_path(const std::string& path);
void set_permissions(const std::string& path, mode_t permissions);
/// EOVERFLOW beyond 2^63 - 1.
void truncate(const std::string& path, std::uint64_t size);

}  // namespace verdin::fs
