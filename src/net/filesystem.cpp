#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <verdin/net/filesystem.hpp>

#include "net/background_threads.hpp"
#include "net/fail.hpp"
#include "net/status_of.hpp"

namespace verdin {
namespace {

using impl::fail;
using Kind = loop::FileOperation::Kind;

/// function() gives 0 or -1 and errno.
template <typename F>
void on_thread(const std::string& what, F function) {
  const int error =
      impl::file_threads().call([function = std::move(function)] { return function() == 0 ? 0 : errno; });
  if (error != 0) fail(error, what);
}

FileType type_of(const dirent& entry) noexcept {
  return impl::type_of(DTTOIF(static_cast<unsigned>(entry.d_type)));
}

bool is_dots(const char* name) noexcept {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

std::vector<DirectoryEntry> read_directory(const std::string& path) {
  struct Closer {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Closer> directory(::opendir(path.c_str()));
  if (!directory) fail(errno, "list " + path);
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* const entry =
        ::readdir(directory.get());  // of this thread alone. NOLINT(concurrency-mt-unsafe)
    if (!entry && errno != 0) fail(errno, "list " + path);
    if (!entry) break;
    if (!is_dots(entry->d_name)) entries.push_back({entry->d_name, type_of(*entry)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

void make_all(const std::string& path, mode_t permissions) {
  for (std::size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), permissions) == 0 || errno == EEXIST || errno == EISDIR) continue;
    const int error = errno;
    struct stat there {};
    if (::stat(part.c_str(), &there) != 0 || !S_ISDIR(there.st_mode)) fail(error, "make " + part);
  }
  struct stat made {};
  if (::stat(path.c_str(), &made) != 0) fail(errno, "make " + path);
  if (!S_ISDIR(made.st_mode)) fail(ENOTDIR, "make " + path);
}

FileStatus status_with(const std::string& path, int flags) {
  const IntrusivePtr<impl::FileCall> call(new impl::FileCall(Kind::status, path));
  if (const int error = impl::ask_status(*call, flags)) fail(error, "status of " + path);
  return impl::status_of(call->information());
}

}  // namespace

namespace impl {

int ask_status(FileCall& call, int flags) {
  call.flags = flags;
  call.mask = STATX_BASIC_STATS;
  return -call.carry_out();
}

FileType type_of(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    case S_IFCHR:
      return FileType::character;
    case S_IFBLK:
      return FileType::block;
    default:
      return FileType::unknown;
  }
}

FileStatus status_of(const struct statx& information) {
  FileStatus status;
  status.type = type_of(information.stx_mode);
  status.permissions = information.stx_mode & 07777;
  status.size = information.stx_size;
  status.modified =
      std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(information.stx_mtime.tv_sec) +
          std::chrono::nanoseconds(information.stx_mtime.tv_nsec)));
  status.device = makedev(information.stx_dev_major, information.stx_dev_minor);
  status.inode = information.stx_ino;
  status.links = information.stx_nlink;
  status.user = information.stx_uid;
  status.group = information.stx_gid;
  return status;
}

}  // namespace impl

namespace fs {

FileStatus status(const std::string& path) { return status_with(path, 0); }

FileStatus link_status(const std::string& path) { return status_with(path, AT_SYMLINK_NOFOLLOW); }

std::optional<FileStatus> find(const std::string& path) {
  const IntrusivePtr<impl::FileCall> call(new impl::FileCall(Kind::status, path));
  const int error = impl::ask_status(*call, 0);
  if (error == ENOENT || error == ENOTDIR) return std::nullopt;
  if (error != 0) fail(error, "status of " + path);
  return impl::status_of(call->information());
}

bool exists(const std::string& path) { return find(path).has_value(); }

std::vector<DirectoryEntry> list_directory(const std::string& path) {
  return impl::file_threads().call([path] { return read_directory(path); });
}

void make_directory(const std::string& path, mode_t permissions) {
  on_thread("make " + path, [path, permissions] { return ::mkdir(path.c_str(), permissions); });
}

void make_directories(const std::string& path, mode_t permissions) {
  impl::file_threads().call([path, permissions] { make_all(path, permissions); });
}

void remove_directory(const std::string& path) {
  on_thread("remove " + path, [path] { return ::rmdir(path.c_str()); });
}

void rename(const std::string& from, const std::string& to) {
  on_thread("rename " + from + " to " + to, [from, to] { return ::rename(from.c_str(), to.c_str()); });
}

void remove_file(const std::string& path) {
  on_thread("remove " + path, [path] { return ::unlink(path.c_str()); });
}

bool remove_file_if_there(const std::string& path) {
  try {
    remove_file(path);
    return true;
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    return false;
  }
}

void make_link(const std::string& target, const std::string& path) {
  on_thread("link " + path, [target, path] { return ::link(target.c_str(), path.c_str()); });
}

void make_symlink(const std::string& target, const std::string& path) {
  on_thread("link " + path, [target, path] { return ::symlink(target.c_str(), path.c_str()); });
}

std::string read_symlink(const std::string& path) {
  return impl::file_threads().call([path] {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) fail(errno, "read the link " + path);
    return std::string(target.data(), static_cast<std::size_t>(size));
  });
}

std::string real_path(const std::string& path) {
  return impl::file_threads().call([path] {
    struct Free {
      void operator()(char* text) const noexcept { std::free(text); }
    };
    const std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
    if (!real) fail(errno, "resolve " + path);
    return std::string(real.get());
  });
}

void set_permissions(const std::string& path, mode_t permissions) {
  on_thread("change " + path, [path, permissions] { return ::chmod(path.c_str(), permissions); });
}

void truncate(const std::string& path, std::uint64_t size) {
  if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
    fail(EOVERFLOW, "truncate " + path);
  on_thread("truncate " + path, [path, size] { return ::truncate(path.c_str(), static_cast<off_t>(size)); });
}

}  // namespace fs
}  // namespace verdin
