#include <algorithm>

#include <verdin/protocol/http1/header_block.hpp>
#include <verdin/protocol/http1/uri.hpp>
#include <verdin/socketio/handshake.hpp>

namespace verdin::sio {
namespace {

namespace http1 = protocol::http1;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace

Handshake::Handshake(const http::Request& request)
    : url_size_(request.target().size()),
      address_(request.peer_address()),
      issued_(std::chrono::system_clock::now()) {
  text_.reserve(request.target().size() + request.raw_head().size());
  text_ += request.target();
  text_ += request.raw_head();
}

std::vector<std::pair<std::string, std::string>> Handshake::headers() const {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& field : http1::HeaderBlock(std::string_view(text_).substr(url_size_))) {
    std::string name = lower(field.name);
    const auto at =
        std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; });
    if (at == headers.end()) {
      headers.emplace_back(std::move(name), field.value);
    } else {
      at->second += name == "cookie" ? "; " : ", ";
      at->second += field.value;
    }
  }
  return headers;
}

std::optional<std::string> Handshake::header(std::string_view name) const {
  const std::string wanted = lower(name);
  for (auto& [key, value] : headers()) {
    if (key == wanted) return std::move(value);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> Handshake::query() const {
  const std::size_t mark = url().find('?');
  return mark == std::string_view::npos ? std::vector<std::pair<std::string, std::string>>()
                                        : http1::parse_query(url().substr(mark + 1));
}

std::optional<std::string> Handshake::query(std::string_view key) const {
  for (auto& [name, value] : query()) {
    if (name == key) return std::move(value);
  }
  return std::nullopt;
}

}  // namespace verdin::sio
