#include "http/static_files.hpp"

#include <sys/stat.h>

#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/negotiation.hpp>
#include <verdin/protocol/http1/uri.hpp>

namespace verdin::http {

namespace {

bool is_directory(const std::string& name) {
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_file(const std::string& name) {
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0 && S_ISREG(info.st_mode);
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
    const bool accepted = http1::encoding_weight(request.header("Accept-Encoding").value_or(""), "gzip") > 0;
    if (accepted && is_file(file + ".gz")) {
      response.type(http1::media_type(file)).header("Content-Encoding", "gzip");
      file += ".gz";
    }
  }
  response.send_file(file);
}

}  // namespace verdin::http
