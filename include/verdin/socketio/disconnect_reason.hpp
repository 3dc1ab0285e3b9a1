// Why a socket has gone, in the words of the official server.
#pragma once

#include <cstdint>
#include <string_view>

namespace verdin::sio {

enum class DisconnectReason : std::uint8_t {
  transport_close,      ///< the connection ended, or the client closed it
  transport_error,      ///< the connection broke, or a transport's rules were
  ping_timeout,         ///< the client did not answer the heartbeat
  parse_error,          ///< an Engine.IO packet that cannot be decoded
  forced_close,         ///< a Socket.IO packet that cannot be decoded
  forced_server_close,  ///< the protocol was violated, or no namespace was joined in time
  server_shutting_down,
  server_namespace_disconnect,  ///< disconnect() on this side
  client_namespace_disconnect,  ///< disconnect() on the client's
};

/// "transport close", "server namespace disconnect", ...
std::string_view to_string(DisconnectReason reason) noexcept;

}  // namespace verdin::sio
