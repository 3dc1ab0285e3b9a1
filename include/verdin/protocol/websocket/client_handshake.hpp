// The client's side of the opening handshake (RFC 6455, section 4.1; RFC 7692, section 5) as pure functions
// over header values. No I/O, nothing thrown but std::bad_alloc; what comes in is the server's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <verdin/protocol/websocket/deflate_offer.hpp>

namespace verdin::protocol::websocket {

/// The value of Sec-WebSocket-Key: 16 octets that nobody has foreseen, in base64.
std::string handshake_key(const std::array<unsigned char, 16>& random);

/// The headers that make a GET a handshake, a line each: Upgrade, Connection, Sec-WebSocket-Key and -Version,
/// and what is offered, if anything is.
std::string handshake_headers(std::string_view key, std::span<const std::string> subprotocols,
                              const std::optional<DeflateOptions>& deflate);

/// The value of Sec-WebSocket-Extensions that asks for what `options` say.
std::string deflate_offer(const DeflateOptions& options);
/// What the server made of that offer; none if it may not have (section 5.1 and 7.1: an extension or
/// parameter that was not offered, one twice, a number out of bounds, a wish that was passed over).
std::optional<DeflateParams> accept_deflate(std::string_view answer, const DeflateOptions& options);

/// The answer's headers as received, repeated ones joined by ", "; none if absent.
struct HandshakeAnswer {
  int status = 0;
  std::optional<std::string_view> upgrade;
  std::optional<std::string_view> connection;
  std::optional<std::string_view> accept;      // Sec-WebSocket-Accept
  std::optional<std::string_view> protocol;    // Sec-WebSocket-Protocol
  std::optional<std::string_view> extensions;  // Sec-WebSocket-Extensions
};

struct AnswerVerdict {
  std::string_view problem;              // what is wrong, literal text; empty: nothing
  std::string_view subprotocol;          // of the answer's text; empty: none
  std::optional<DeflateParams> deflate;  // none: not agreed on
};

/// Whether the answer to a handshake with that key and those offers may be gone on from.
AnswerVerdict check_answer(const HandshakeAnswer& answer, std::string_view key,
                           std::span<const std::string> subprotocols,
                           const std::optional<DeflateOptions>& deflate);

}  // namespace verdin::protocol::websocket
