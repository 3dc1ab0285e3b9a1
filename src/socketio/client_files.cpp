#include "socketio/client_files.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include <verdin/base/log.hpp>
#include <verdin/protocol/http1/negotiation.hpp>

namespace verdin::sio {
namespace {

constexpr std::array<std::string_view, 8> kNames{"socket.io.js",
                                                 "socket.io.js.map",
                                                 "socket.io.min.js",
                                                 "socket.io.min.js.map",
                                                 "socket.io.esm.min.js",
                                                 "socket.io.esm.min.js.map",
                                                 "socket.io.msgpack.min.js",
                                                 "socket.io.msgpack.min.js.map"};

/// "Socket.IO v4.8.1" in the banner of a bundle.
std::string version_of(std::string_view bundle) {
  constexpr std::string_view mark = "Socket.IO v";
  const std::size_t at = bundle.substr(0, 512).find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = bundle.substr(at + mark.size(), 32);
  return std::string(rest.substr(0, rest.find_first_not_of("0123456789.-abcdefghijklmnopqrstuvwxyz")));
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

}  // namespace

const ClientFiles::File* ClientFiles::find(std::string_view name) {
  if (const auto at = files_.find(name); at != files_.end()) return &at->second;
  const auto content = read_file(directory_ + "/" + std::string(name));
  if (!content) return nullptr;
  // A source map has no banner: it is of its bundle's version.
  std::string version = version_of(*content);
  if (version.empty() && name.ends_with(".map")) {
    const auto bundle = read_file(directory_ + "/" + std::string(name.substr(0, name.size() - 4)));
    if (bundle) version = version_of(*bundle);
  }
  if (version.empty()) version = std::to_string(content->size());
  File file{SharedBuffer::copy(*content), '"' + version + '"'};
  return &files_.emplace(std::string(name), std::move(file)).first->second;
}

bool ClientFiles::serve(http::Exchange& exchange, std::string_view name) {
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) return false;
  const File* const file = find(name);
  if (!file) {
    // Engine.IO's answer to such a path, "Transport unknown", would send whoever set this up astray.
    if (!std::exchange(missed_, true)) {
      log(LogLevel::warning, "socketio: no " + std::string(name) + " in \"" + printable(directory_) +
                                 "\", see sio::Options::client_dir");
    }
    exchange.respond(404, {{"Content-Type", "text/plain"}}, "The client's files are not installed here\n");
    return true;
  }
  const bool is_map = name.ends_with(".map");
  const std::vector<http::Header> headers{
      {"Content-Type", is_map ? "application/json; charset=utf-8" : "application/javascript; charset=utf-8"},
      {"Cache-Control", "public, max-age=0"},
      {"ETag", file->etag}};
  const auto known = exchange.request().header("if-none-match");
  if (known && protocol::http1::etag_matches(*known, file->etag)) {
    exchange.respond(304, headers, "");
  } else {
    exchange.respond(200, headers, file->content);
  }
  return true;
}

}  // namespace verdin::sio
