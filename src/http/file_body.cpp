#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include <verdin/http/exchange.hpp>

namespace verdin::http {

FileBody::FileBody(FileBody&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), offset_(other.offset_), size_(other.size_) {}

FileBody& FileBody::operator=(FileBody&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(offset_, other.offset_);
  std::swap(size_, other.size_);
  return *this;
}

FileBody::~FileBody() {
  if (fd_ >= 0) ::close(fd_);
}

std::ptrdiff_t FileBody::read(std::string& to, std::size_t limit) {
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(limit, size_));
  if (wanted == 0) return 0;
  const std::size_t before = to.size();
  to.resize(before + wanted);
  ssize_t count;
  do {
    count = ::pread(fd_, to.data() + before, wanted, static_cast<off_t>(offset_));
  } while (count < 0 && errno == EINTR);
  to.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count <= 0) return -1;
  offset_ += static_cast<std::uint64_t>(count);
  size_ -= static_cast<std::uint64_t>(count);
  return count;
}

loop::FileSend FileBody::send_to(loop::Stream& stream, std::uint64_t limit) {
  const std::uint64_t wanted = std::min(limit, size_);
  std::uint64_t left = wanted;
  const loop::FileSend result = stream.send_file(fd_, offset_, left);
  size_ -= wanted - left;
  return result;
}

}  // namespace verdin::http
