// Engine.IO 4 packets, without any I/O: https://socket.io/docs/v4/engine-io-protocol, revision 4.
//
// A packet is a type digit and text. Over WebSocket each is a text frame, and a binary message is a binary
// frame as it is; over long-polling a binary message is the letter b and base64. Nothing here blocks;
// decoding neither allocates nor throws, encoding throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace verdin::protocol::eio {

inline constexpr int kProtocol = 4;

enum class PacketType : std::uint8_t { open, close, ping, pong, message, upgrade, noop };

constexpr char digit(PacketType type) noexcept { return static_cast<char>('0' + static_cast<int>(type)); }
std::string_view describe(PacketType type) noexcept;

enum class PacketError : std::uint8_t {
  none,
  empty,         ///< no type
  unknown_type,  ///< not 0..6 (nor b, in a payload)
  bad_base64,    ///< a b packet that is not base64
  too_large,     ///< more data than allowed
};
std::string_view describe(PacketError error) noexcept;

struct Packet {
  PacketType type = PacketType::noop;
  bool binary = false;   ///< `data` is a binary message (the type is message then)
  std::span<char> data;  ///< behind the type, in place

  std::string_view text() const noexcept { return {data.data(), data.size()}; }
};

/// A text frame of a WebSocket. Which types a peer may send, and when, is the session's business.
PacketError parse_packet(std::span<char> frame, Packet& out) noexcept;

/// Appends a text packet in its WebSocket form.
void append_packet(std::string& out, PacketType type, std::string_view data = {});

}  // namespace verdin::protocol::eio
