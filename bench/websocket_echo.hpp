// What the benchmark servers do with a WebSocket message: hand it back as it comes, so that a large one stays
// within the processor's caches. Who is to see each message as a whole uses on_text() and on_binary()
// instead.
#pragma once

#include <optional>
#include <string_view>

#include <verdin/websocket/connection.hpp>

inline void send_back(verdin::websocket::Connection& connection, const verdin::websocket::MessagePart& part) {
  const std::string_view octets(part.octets.data(), part.octets.size());
  if (part.first && part.last) {
    connection.send(part.opcode, octets);
    return;
  }
  if (part.first) {
    std::optional<std::uint64_t> length;
    if (part.remaining) length = octets.size() + *part.remaining;
    connection.begin_message(part.opcode, length);
  }
  connection.send_part(octets);
  if (part.last) connection.end_message();
}
