#include <algorithm>
#include <cstddef>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/websocket/handshake.hpp>

#include "protocol/websocket/header_list.hpp"
#include "protocol/websocket/sha1.hpp"

namespace verdin::protocol::websocket {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeySize = 24;

/// 16 octets in base64: 22 characters and two for padding.
bool is_key(std::string_view key) noexcept {
  return key.size() == kKeySize && key.ends_with("==") &&
         key.substr(0, kKeySize - 2).find_first_not_of(kBase64) == std::string_view::npos;
}

HandshakeVerdict refuse(std::uint16_t status, std::string_view reason) noexcept { return {status, reason}; }

}  // namespace

HandshakeVerdict check_handshake(const HandshakeRequest& request) {
  if (request.method != "GET") return refuse(405, "method is not GET");
  if (!request.http_1_1) return refuse(400, "HTTP version below 1.1");
  if (!request.upgrade) return refuse(426, "no Upgrade header");
  if (!http1::list_contains(*request.upgrade, "websocket"))
    return refuse(400, "Upgrade does not name websocket");
  if (!request.connection || !http1::list_contains(*request.connection, "upgrade")) {
    return refuse(400, "Connection does not name Upgrade");
  }
  if (!request.version) return refuse(426, "no Sec-WebSocket-Version header");
  if (trim(*request.version) != kVersion) return refuse(426, "Sec-WebSocket-Version is not 13");
  if (!request.key || !is_key(trim(*request.key))) return refuse(400, "Sec-WebSocket-Key is not 16 octets");
  if (request.protocols && !is_protocol_list(*request.protocols)) {
    return refuse(400, "malformed Sec-WebSocket-Protocol");
  }
  if (request.extensions && !is_extension_list(*request.extensions)) {
    return refuse(400, "malformed Sec-WebSocket-Extensions");
  }
  return {};
}

AcceptKey accept_key(std::string_view key) noexcept {
  char text[kKeySize + kGuid.size()];
  key = trim(key).substr(0, kKeySize);
  char* end = std::copy(key.begin(), key.end(), text);
  end = std::copy(kGuid.begin(), kGuid.end(), end);
  const Sha1Digest digest = sha1({text, static_cast<std::size_t>(end - text)});
  AcceptKey accept;
  std::size_t to = 0;
  for (std::size_t at = 0; at < digest.size(); at += 3) {
    const bool third = at + 2 < digest.size();
    const unsigned bits = static_cast<unsigned>(digest[at]) << 16 |
                          static_cast<unsigned>(digest[at + 1]) << 8 | (third ? digest[at + 2] : 0u);
    accept[to++] = kBase64[bits >> 18];
    accept[to++] = kBase64[bits >> 12 & 63];
    accept[to++] = kBase64[bits >> 6 & 63];
    accept[to++] = third ? kBase64[bits & 63] : '=';
  }
  return accept;
}

std::string_view select_subprotocol(std::string_view offered,
                                    std::span<const std::string> supported) noexcept {
  while (!offered.empty()) {
    const std::size_t comma = std::min(offered.find(','), offered.size());
    const std::string_view name = trim(offered.substr(0, comma));
    if (std::find(supported.begin(), supported.end(), name) != supported.end()) return name;
    offered.remove_prefix(std::min(comma + 1, offered.size()));
  }
  return {};
}

}  // namespace verdin::protocol::websocket
