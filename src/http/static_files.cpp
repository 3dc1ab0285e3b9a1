#include "http/static_files.hpp"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/negotiation.hpp>
#include <verdin/protocol/http1/uri.hpp>

namespace verdin::http {

namespace {

bool is_directory(const std::string& name) {
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

/// Asked of what only stands in for another file: if it cannot be read, that one is sent.
bool is_readable_file(const std::string& name) {
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  struct stat info {};
  const bool is_file = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  ::close(fd);
  return is_file;
}

struct Packed {
  std::string_view coding;
  std::string_view suffix;
};
constexpr std::array<Packed, 2> kPacked{{{"br", ".br"}, {"gzip", ".gz"}}};  // where both are liked alike

/// What lies beside the file in the coding that is liked best; null: nothing that is accepted.
const Packed* packed_of(const std::string& file, std::string_view accepted) {
  const Packed* best = nullptr;
  int most = std::max(http1::named_weight(accepted, "identity") - 1, 0);
  for (const Packed& packed : kPacked) {
    const int weight = http1::encoding_weight(accepted, packed.coding);
    if (weight <= most || !is_readable_file(file + std::string(packed.suffix))) continue;
    most = weight;
    best = &packed;
  }
  return best;
}

}  // namespace

StaticFiles::StaticFiles(std::string_view prefix, std::string directory, StaticOptions options)
    : prefix_size_(prefix.size()), directory_(std::move(directory)), options_(std::move(options)) {}

void StaticFiles::operator()(Request& request, Response& response) const {
  // The route has matched the prefix; what is behind it is judged before it is decoded.
  const std::string path = http1::remove_dot_segments(request.raw_path());
  const std::optional<std::string> tail = http1::safe_file_path(std::string_view(path).substr(prefix_size_));
  if (!tail || tail->find("/.") != tail->npos) {
    response.status(404).send("Not Found\n");
    return;
  }
  std::string file = directory_ + *tail;
  if (tail->back() == '/') {
    file += options_.index;
  } else if (is_directory(file)) {
    response.redirect(path + "/", 301);
    return;
  }
  response.header("Cache-Control", options_.cache_control).header("X-Content-Type-Options", "nosniff");
  if (options_.precompressed) {
    response.add_header("Vary", "Accept-Encoding");
    if (const Packed* const packed = packed_of(file, request.header("Accept-Encoding").value_or(""))) {
      response.type(http1::media_type(file)).header("Content-Encoding", packed->coding);
      file += packed->suffix;
    }
  }
  response.send_file(file);
}

}  // namespace verdin::http
