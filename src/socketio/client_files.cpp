#include "socketio/client_files.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <verdin/base/log.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/protocol/http1/negotiation.hpp>

namespace verdin::sio {

using protocol::http1::ContentCoding;

namespace {

constexpr std::array<std::string_view, 8> kNames{"socket.io.js",
                                                 "socket.io.js.map",
                                                 "socket.io.min.js",
                                                 "socket.io.min.js.map",
                                                 "socket.io.esm.min.js",
                                                 "socket.io.esm.min.js.map",
                                                 "socket.io.msgpack.min.js",
                                                 "socket.io.msgpack.min.js.map"};

/// The largest of them has 0.3 MB. Compressing blocks the hub, so what else may lie there goes out as it is.
constexpr std::size_t kMostToCompress = 4 << 20;

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

void ClientFiles::check() {
  if (!std::ifstream(directory_ + "/" + std::string(kNames[0]))) tell_log(kNames[0]);
}

void ClientFiles::tell_log(std::string_view name) {
  if (std::exchange(told_, true)) return;
  log(LogLevel::warning, "socketio: the client's files will be answered 404: no " + std::string(name) +
                             " in \"" + printable(directory_) +
                             "\". Set sio::Options::client_dir to the dist folder of npm's socket.io-client "
                             "(scripts/demo installs it), or serve_client to false");
}

ClientFiles::File* ClientFiles::find(std::string_view name) {
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
  File file;
  file.content[0] = SharedBuffer::copy(*content);
  file.etag = '"' + version + '"';
  file.weak_etag = "W/" + file.etag;
  return &files_.emplace(std::string(name), std::move(file)).first->second;
}

bool ClientFiles::serve(http::Exchange& exchange, std::string_view name) {
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) return false;
  if (File* const file = find(name)) {
    answer(exchange, name, *file);
  } else {
    answer_missing(exchange, name);
  }
  return true;
}

void ClientFiles::answer(http::Exchange& exchange, std::string_view name, File& file) {
  const http::Request& request = exchange.request();
  auto coding = ContentCoding::identity;
  if (const auto accepted = request.header("accept-encoding");
      accepted && file.content[0].size() <= kMostToCompress) {
    coding = protocol::http1::choose_coding(*accepted);
  }
  const bool coded = coding != ContentCoding::identity;
  std::vector<http::Header> headers;
  origins_.append_headers(request, headers);
  headers.push_back({"Vary", "Accept-Encoding"});
  headers.push_back({"Content-Type", name.ends_with(".map") ? "application/json; charset=utf-8"
                                                            : "application/javascript; charset=utf-8"});
  headers.push_back({"Cache-Control", "public, max-age=0"});
  // A strong tag stands for one sequence of octets, the weak one for all that mean the same.
  headers.push_back({"ETag", coded ? file.weak_etag : file.etag});
  const auto known = request.header("if-none-match");
  if (known && protocol::http1::etag_matches(*known, file.etag)) return exchange.respond(304, headers, "");
  if (coded) headers.push_back({"Content-Encoding", to_string(coding)});
  SharedBuffer& content = file.content[static_cast<std::size_t>(coding)];
  if (!content) {
    content = SharedBuffer::copy(protocol::http1::encode_content(file.content[0].view(), coding));
  }
  exchange.respond(200, headers, content);
}

/// Engine.IO's answer to such a path, "Transport unknown", would send whoever set this up astray.
void ClientFiles::answer_missing(http::Exchange& exchange, std::string_view name) {
  tell_log(name);
  std::vector<http::Header> headers;
  origins_.append_headers(exchange.request(), headers);
  headers.push_back({"Content-Type", "text/plain"});
  exchange.respond(
      404, headers,
      "This server has not found the Socket.IO client's files. Set sio::Options::client_dir to the "
      "dist folder of npm's socket.io-client, or load the client from elsewhere.\n");
}

}  // namespace verdin::sio
