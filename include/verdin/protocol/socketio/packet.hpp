// What a Socket.IO 5 packet is made of: https://socket.io/docs/v4/socket-io-protocol, revision 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace verdin::protocol::sio {

inline constexpr int kProtocol = 5;

enum class PacketType : std::uint8_t {
  connect,
  disconnect,
  event,
  ack,
  connect_error,
  binary_event,
  binary_ack
};
std::string_view describe(PacketType type) noexcept;

struct Limits {
  std::size_t max_attachments = 10;
  std::size_t max_namespace = 256;  ///< octets of a namespace's name, its slash included
};

enum class PacketError : std::uint8_t {
  none,
  empty,                 ///< no type
  unknown_type,          ///< not 0..6
  bad_attachment_count,  ///< missing, not a number, below 1, or written with leading zeros
  too_many_attachments,  ///< beyond Limits::max_attachments
  namespace_too_long,    ///< beyond Limits::max_namespace
  bad_id,                ///< beyond 2^64-1, on a packet that takes none, or missing on an ack
  bad_payload,           ///< not what the type needs
  bad_json,              ///< the payload is not JSON, or nested too deep
  reserved_event,        ///< a name that is the protocol's own
  bad_placeholders,      ///< not exactly 0..count-1, each once
};
std::string_view describe(PacketError error) noexcept;

struct PacketHeader {
  PacketType type = PacketType::connect;
  std::uint32_t attachments = 0;    ///< how many binary messages follow
  std::string_view nsp = "/";       ///< in the packet's text, or static
  std::optional<std::uint64_t> id;  ///< of an event that wants an ack, or of an ack
  std::span<char> payload;          ///< JSON text, in place; empty if there is none

  std::string_view payload_text() const noexcept { return {payload.data(), payload.size()}; }
  bool is_event() const noexcept { return type == PacketType::event || type == PacketType::binary_event; }
  bool is_ack() const noexcept { return type == PacketType::ack || type == PacketType::binary_ack; }
};

/// Names that neither side may use for an event: connect, connect_error, disconnect, disconnecting,
/// newListener, removeListener.
bool is_reserved_event(std::string_view name) noexcept;

}  // namespace verdin::protocol::sio
