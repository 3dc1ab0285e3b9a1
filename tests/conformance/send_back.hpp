// What the WebSocket echoes of this folder do with a message.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include <verdin/websocket/connection.hpp>

namespace program {

/// Whole, or in parts of `part` octets.
inline void send_back(verdin::websocket::Connection& connection, std::span<const char> message, bool binary,
                      std::size_t part) {
  using verdin::websocket::Opcode;
  const Opcode opcode = binary ? Opcode::binary : Opcode::text;
  std::string_view rest(message.data(), message.size());
  if (part == 0) {
    connection.send(opcode, rest);
    return;
  }
  connection.begin_message(opcode);
  for (; !rest.empty(); rest.remove_prefix(std::min(part, rest.size())))
    connection.send_part(rest.substr(0, part));
  connection.end_message();
}

}  // namespace program
