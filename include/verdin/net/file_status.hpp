// FileStatus, DirectoryEntry: what file systems tell of files. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace verdin {

enum class FileType : std::uint8_t { regular, directory, symlink, fifo, socket, character, block, unknown };

struct FileStatus {
  FileType type = FileType::unknown;
  mode_t permissions = 0;  ///< the lower twelve bits
  std::uint64_t size = 0;  ///< octets
  std::chrono::system_clock::time_point modified{};
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 0;
  uid_t user = 0;
  gid_t group = 0;

  bool is_regular() const noexcept { return type == FileType::regular; }
  bool is_directory() const noexcept { return type == FileType::directory; }
};

struct DirectoryEntry {
  std::string name;
  FileType type = FileType::unknown;  ///< unknown: this file system does not say; ask fs::status()
};

}  // namespace verdin
