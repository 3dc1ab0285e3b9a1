// SlowFileSystem: a file system (FUSE) with one file, "slow", that answers no sooner than the test says.
//
// For the superuser on Linux only: usable() tells. It is mounted nowhere: path() leads through a descriptor
// of this process, so nothing is left of it, however the test ends.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace verdin::test {

class SlowFileSystem {
 public:
  static constexpr std::uint32_t kSize = 8192;

  SlowFileSystem() : device_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    if (device_ < 0) return;
    char point[] = "/tmp/verdin-slow-XXXXXX";
    if (!::mkdtemp(point)) return;
    const std::string options = "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0";
    if (::mount("verdin", point, "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0) {
      server_ = std::thread([this] { serve(); });
      root_ = ::open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
      ::umount2(point, MNT_DETACH);
    }
    ::rmdir(point);
  }
  SlowFileSystem(const SlowFileSystem&) = delete;
  SlowFileSystem& operator=(const SlowFileSystem&) = delete;
  ~SlowFileSystem() {
    release();
    if (root_ >= 0) ::close(root_);  // the last use of the mount, unless a file is open: the server ends
    if (server_.joinable()) server_.join();
    if (device_ >= 0) ::close(device_);
  }

  bool usable() const noexcept { return root_ >= 0; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(root_) + "/slow"; }
  static char letter_at(std::uint64_t offset) { return static_cast<char>('a' + offset % 26); }

  /// Requests of this kind (FUSE_READ, ...) are not answered before release().
  void hold(std::uint32_t opcode) {
    const std::scoped_lock lock(mutex_);
    held_ = opcode;
  }
  void release() {
    const std::scoped_lock lock(mutex_);
    held_ = 0;
    changed_.notify_all();
  }
  /// How many requests were held so far.
  int held_count() const noexcept { return held_count_; }

 private:
  struct Request {
    fuse_in_header header;
    std::array<char, 256 * 1024> body;
  };

  void serve() {
    static Request request;
    for (;;) {
      const ssize_t size = ::read(device_, &request, sizeof request);
      if (size < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
      if (size < static_cast<ssize_t>(sizeof(fuse_in_header))) return;
      wait_for_leave(request.header.opcode);
      answer(request);
    }
  }

  void wait_for_leave(std::uint32_t opcode) {
    std::unique_lock lock(mutex_);
    if (held_ != opcode) return;
    ++held_count_;
    changed_.wait_for(lock, std::chrono::seconds(30), [this] { return held_ == 0; });
  }

  void reply(const Request& to, int error, const void* data = nullptr, std::size_t size = 0) const {
    fuse_out_header head{static_cast<std::uint32_t>(sizeof head + size), -error, to.header.unique};
    const iovec pieces[] = {{&head, sizeof head}, {const_cast<void*>(data), size}};
    static_cast<void>(::writev(device_, pieces, size > 0 ? 2 : 1));  // an interrupted one is not asked for
  }

  static fuse_attr attributes(std::uint64_t node) {
    fuse_attr attr{};
    attr.ino = node;
    attr.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644;
    attr.size = node == 1 ? 0 : kSize;
    attr.nlink = 1;
    return attr;
  }

  void answer(const Request& request) const {
    switch (request.header.opcode) {
      case FUSE_INIT: {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = FUSE_KERNEL_MINOR_VERSION;
        out.max_write = 65536;
        return reply(request, 0, &out, sizeof out);
      }
      case FUSE_LOOKUP: {
        if (std::strcmp(request.body.data(), "slow") != 0) return reply(request, ENOENT);
        fuse_entry_out out{};
        out.nodeid = 2;
        out.attr = attributes(2);
        return reply(request, 0, &out, sizeof out);
      }
      case FUSE_GETATTR: {
        fuse_attr_out out{};
        out.attr = attributes(request.header.nodeid);
        return reply(request, 0, &out, sizeof out);
      }
      case FUSE_OPEN:
      case FUSE_OPENDIR: {
        const fuse_open_out out{};
        return reply(request, 0, &out, sizeof out);
      }
      case FUSE_READ:
        return answer_read(request);
      case FUSE_FLUSH:
      case FUSE_FSYNC:
      case FUSE_RELEASE:
      case FUSE_RELEASEDIR:
        return reply(request, 0);
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        return;  // these have no answer
      default:
        return reply(request, ENOSYS);
    }
  }

  void answer_read(const Request& request) const {
    fuse_read_in in;
    std::memcpy(&in, request.body.data(), sizeof in);
    std::string data;
    for (std::uint64_t at = in.offset; at < kSize && data.size() < in.size; ++at) data += letter_at(at);
    reply(request, 0, data.data(), data.size());
  }

  int device_;
  int root_ = -1;
  std::thread server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t held_ = 0;
  std::atomic<int> held_count_{0};
};

}  // namespace verdin::test
