// The opening handshake (RFC 6455, section 4) as pure functions over header values. No I/O, nothing thrown
// but std::bad_alloc; input is the peer's, and no function takes more than n log n of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace verdin::protocol::websocket {

/// The values as received, repeated headers joined by ", "; none if a header is absent.
struct HandshakeRequest {
  std::string_view method;
  bool http_1_1 = true;  // HTTP/1.1 or later
  std::optional<std::string_view> upgrade;
  std::optional<std::string_view> connection;
  std::optional<std::string_view> key;         // Sec-WebSocket-Key
  std::optional<std::string_view> version;     // Sec-WebSocket-Version
  std::optional<std::string_view> protocols;   // Sec-WebSocket-Protocol
  std::optional<std::string_view> extensions;  // Sec-WebSocket-Extensions
};

struct HandshakeVerdict {
  std::uint16_t status = 101;  // else 400, 405 or 426
  std::string_view reason;     // what is wrong, literal text
  bool ok() const noexcept { return status == 101; }
  /// The answer must name what we speak: Upgrade: websocket and Sec-WebSocket-Version: 13.
  bool upgrade_required() const noexcept { return status == 426; }
};

inline constexpr std::string_view kVersion = "13";

HandshakeVerdict check_handshake(const HandshakeRequest& request);

/// The value of Sec-WebSocket-Accept.
using AcceptKey = std::array<char, 28>;
AcceptKey accept_key(std::string_view key) noexcept;
inline std::string_view as_text(const AcceptKey& key) noexcept { return {key.data(), key.size()}; }

/// The first of the client's `offered` (a list that check_handshake() passed) that is in `supported`; empty
/// if none.
std::string_view select_subprotocol(std::string_view offered,
                                    std::span<const std::string> supported) noexcept;

/// 1#token, without empty elements, each once (section 4.1, item 10).
bool is_protocol_list(std::string_view value);
/// 1#( token *( ";" token [ "=" ( token | quoted-string ) ] ) ), without empty elements (section 9.1).
bool is_extension_list(std::string_view value);

}  // namespace verdin::protocol::websocket
