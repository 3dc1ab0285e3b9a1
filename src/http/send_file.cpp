// Response::send_file(): a regular file with what RFC 9110 sections 13 and 14 ask for.
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <verdin/http/response.hpp>
#include <verdin/protocol/http1/date.hpp>
#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/negotiation.hpp>

#include "http/open_file.hpp"

namespace verdin::http {

namespace {

/// By time of change and size, as a web server's files are told apart.
std::string etag_of(const struct stat& info) {
  std::array<char, 64> text;  // three numbers of 16 digits at most
  const int size = std::snprintf(
      text.data(), text.size(), "\"%lx%lx-%lx\"", static_cast<unsigned long>(info.st_mtim.tv_sec),
      static_cast<unsigned long>(info.st_mtim.tv_nsec), static_cast<unsigned long>(info.st_size));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

/// A date as If-Range is never true: a file may change more than once a second, and who has the beginning of
/// one state would get the end of another (RFC 9110 section 13.1.5).
http1::RangeResult wanted_range(const Request& request, std::string_view etag, std::uint64_t size,
                                http1::ByteRange& part) {
  const auto range = request.header("Range");
  if (!range || !request.is("GET")) return http1::RangeResult::whole;
  const auto condition = request.header("If-Range");
  if (condition && *condition != etag) return http1::RangeResult::whole;
  return http1::match_range(*range, size, part);
}

std::string content_range(const http1::ByteRange& part, std::uint64_t size) {
  return "bytes " + std::to_string(part.first) + "-" + std::to_string(part.first + part.size - 1) + "/" +
         std::to_string(size);
}

}  // namespace

FileBody open_file(const std::string& file_name, struct stat& info) {
  int fd;
  do {  // not blocking: a FIFO would wait for its other end
    fd = ::open(file_name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    // What is there, and cannot be had at the moment, is not said to be missing.
    for (const int error : {EMFILE, ENFILE, ENOMEM, EIO, ENOBUFS, ETIMEDOUT, ESTALE}) {
      if (errno == error) throw std::system_error(error, std::generic_category(), "open");
    }
  }
  FileBody opened(fd, 0, 0);
  if (opened && ::fstat(fd, &info) != 0) throw std::system_error(errno, std::generic_category(), "fstat");
  return opened;
}

bool Response::send_file(const std::string& file_name) {
  check_unsent();
  struct stat info {};
  FileBody file = open_file(file_name, info);
  return send_opened(file_name, std::move(file), info);
}

bool Response::send_opened(const std::string& file_name, FileBody file, const struct stat& info) {
  check_unsent();
  if (!file || !S_ISREG(info.st_mode)) {
    status(404).send("Not Found\n");
    return false;
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const std::string etag = etag_of(info);
  if (settled_by(etag, info.st_mtim.tv_sec)) return true;
  if (!has_header("Content-Type")) type(http1::media_type(file_name));
  http1::ByteRange part{0, size};
  auto range = http1::RangeResult::whole;
  if (status_ == 200) {  // RFC 9110 section 14.2: parts are of nothing else
    header("Accept-Ranges", "bytes");
    range = wanted_range(exchange_->request(), etag, size, part);
  }
  switch (range) {
    case http1::RangeResult::whole:
      part = {0, size};
      break;
    case http1::RangeResult::part:
      status(206).header("Content-Range", content_range(part, size));
      break;
    case http1::RangeResult::unsatisfiable:
      status(416).header("Content-Range", "bytes */" + std::to_string(size)).send();
      return true;
  }
  file.select(part.first, part.size);
  exchange_->respond_file(status_, header_views(), std::move(file));
  sent_ = true;
  return true;
}

}  // namespace verdin::http
