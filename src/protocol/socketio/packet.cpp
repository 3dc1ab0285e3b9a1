#include <verdin/protocol/socketio/packet.hpp>

namespace verdin::protocol::sio {

bool is_reserved_event(std::string_view name) noexcept {
  switch (name.size()) {
    case 7:
      return name == "connect";
    case 10:
      return name == "disconnect";
    case 11:
      return name == "newListener";
    case 13:
      return name == "connect_error" || name == "disconnecting";
    case 14:
      return name == "removeListener";
    default:
      return false;
  }
}

std::string_view describe(PacketType type) noexcept {
  constexpr std::string_view kNames[] = {"connect",       "disconnect",   "event",     "ack",
                                         "connect_error", "binary event", "binary ack"};
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
    case PacketError::bad_attachment_count:
      return "a malformed number of attachments";
    case PacketError::too_many_attachments:
      return "too many attachments";
    case PacketError::namespace_too_long:
      return "a namespace too long";
    case PacketError::bad_id:
      return "a bad acknowledgement id";
    case PacketError::bad_payload:
      return "a payload of the wrong shape";
    case PacketError::bad_json:
      return "a payload that is not JSON";
    case PacketError::reserved_event:
      return "a reserved event name";
    case PacketError::bad_placeholders:
      return "placeholders that do not match the attachments";
  }
  return "unknown error";
}

}  // namespace verdin::protocol::sio
