#include <verdin/protocol/engineio/packet.hpp>

namespace verdin::protocol::eio {

PacketError parse_packet(std::span<char> frame, Packet& out) noexcept {
  if (frame.empty()) return PacketError::empty;
  if (frame[0] < '0' || frame[0] > '6') return PacketError::unknown_type;
  out = {static_cast<PacketType>(frame[0] - '0'), false, frame.subspan(1)};
  return PacketError::none;
}

void append_packet(std::string& out, PacketType type, std::string_view data) {
  out.push_back(digit(type));
  out.append(data);
}

std::string_view describe(PacketType type) noexcept {
  constexpr std::string_view kNames[] = {"open", "close", "ping", "pong", "message", "upgrade", "noop"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view describe(PacketError error) noexcept {
  switch (error) {
    case PacketError::none:
      return "no error";
    case PacketError::empty:
      return "an empty packet";
    case PacketError::unknown_type:
      return "an unknown packet type";
    case PacketError::bad_base64:
      return "malformed base64";
    case PacketError::too_large:
      return "a packet too large";
  }
  return "unknown error";
}

}  // namespace verdin::protocol::eio
