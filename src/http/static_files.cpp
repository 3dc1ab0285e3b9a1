#include "http/static_files.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <sys/stat.h>

#include <verdin/base/log.hpp>
#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/negotiation.hpp>
#include <verdin/protocol/http1/uri.hpp>

#include "http/open_file.hpp"
#include "http/server.hpp"

namespace verdin::http {

namespace {

bool is_directory(const std::string& name) {
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

struct Packed {
  std::string_view coding;
  std::string_view suffix;
};
constexpr std::array<Packed, 2> kPacked{{{"br", ".br"}, {"gzip", ".gz"}}};  // where both are liked alike

/// What lies beside the file in the coding that is liked best, instead of `opened`; null: nothing that is
/// accepted, or can be read.
const Packed* open_packed(const std::string& file, std::string_view accepted, FileBody& opened,
                          struct stat& info) {
  const Packed* best = nullptr;
  int most = std::max(http1::named_weight(accepted, "identity") - 1, 0);
  for (const Packed& packed : kPacked) {
    const int weight = http1::encoding_weight(accepted, packed.coding);
    if (weight <= most) continue;
    struct stat packed_info {};
    FileBody body = open_file(file + std::string(packed.suffix), packed_info);
    if (!body || !S_ISREG(packed_info.st_mode)) continue;
    opened = std::move(body);
    info = packed_info;
    most = weight;
    best = &packed;
  }
  return best;
}

/// Where browsers would not see the name of another host: to them "/\\evil.test" is "//evil.test". False:
/// nowhere.
bool make_location(std::string& path) {
  for (std::size_t at = 0; (at = path.find('\\', at)) != path.npos;) path.replace(at, 1, "%5C");
  return !path.starts_with("//");
}

}  // namespace

StaticFiles::StaticFiles(Server& server, std::string_view prefix, std::string directory,
                         StaticOptions options)
    : server_(server),
      prefix_segments_(std::count(prefix.begin(), prefix.end(), '/')),
      directory_(std::move(directory)),
      options_(std::move(options)) {
  if (!is_directory(directory_))
    throw std::invalid_argument("verdin: not a folder: " + printable(directory_));
}

void StaticFiles::operator()(Request& request, Response& response) const {
  // The route has matched the prefix; what is behind it is judged before it is decoded.
  const std::string path = http1::remove_dot_segments(request.raw_path());
  std::string_view behind = path;
  for (auto left = prefix_segments_; left > 0; --left)
    behind.remove_prefix(std::min(behind.find('/', 1), behind.size()));
  const std::optional<std::string> tail = http1::safe_file_path(behind);
  if (!tail || tail->find("/.") != tail->npos) return server_.answer_without_file(response);
  std::string file = directory_ + *tail;
  struct stat info {};
  if (tail->back() == '/') file += options_.index;
  FileBody opened = open_file(file, info);
  // One that may not be listed cannot be opened.
  if (tail->back() != '/' && (S_ISDIR(info.st_mode) || (!opened && is_directory(file)))) {
    std::string to = path;
    if (!make_location(to)) return server_.answer_without_file(response);
    const std::string_view query = request.query_string();
    return response.redirect(to + (query.empty() ? "/" : "/?") + std::string(query), 301);
  }
  const Packed* packed = nullptr;
  if (options_.precompressed) {
    response.vary_by_coding();
    packed = open_packed(file, request.header("Accept-Encoding").value_or(""), opened, info);
  }
  if (!opened || !S_ISREG(info.st_mode)) return server_.answer_without_file(response);
  if (!options_.cache_control.empty()) response.header("Cache-Control", options_.cache_control);
  response.header("X-Content-Type-Options", "nosniff");
  if (packed) {
    response.type(http1::media_type(file)).header("Content-Encoding", packed->coding);
    file += packed->suffix;
  }
  response.send_opened(file, std::move(opened), info);
}

}  // namespace verdin::http
