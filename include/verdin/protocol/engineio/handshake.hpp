// The Engine.IO handshake: the open packet, and the errors that a server answers HTTP requests with.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <verdin/protocol/engineio/packet.hpp>
#include <verdin/protocol/json/view.hpp>

namespace verdin::protocol::eio {

struct Open {
  std::string_view sid;
  std::span<const std::string_view> upgrades;  ///< "websocket", or nothing
  std::chrono::milliseconds ping_interval{25000};
  std::chrono::milliseconds ping_timeout{20000};
  std::size_t max_payload = 1'000'000;
};

/// `0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}`
void append_open(std::string& out, const Open& open);

/// A client's reading of it, JSON parsed already; false if a member is missing or of the wrong type
/// (maxPayload may be missing: 0). `sid` refers to the document; `upgrades` is left empty, see can_upgrade.
struct OpenReceived {
  Open open;
  bool can_upgrade = false;  ///< upgrades names websocket
};
bool decode_open(json::View data, OpenReceived& out) noexcept;

enum class ErrorCode : std::uint8_t {
  unknown_transport = 0,
  unknown_sid = 1,
  bad_handshake_method = 2,
  bad_request = 3,
  forbidden = 4,
  unsupported_protocol_version = 5,
};

/// "Transport unknown", …
std::string_view message(ErrorCode code) noexcept;
/// 403 for forbidden, 400 for the others.
int http_status(ErrorCode code) noexcept;
/// `{"code":4,"message":"Forbidden"}`; `text` instead of the code's own message, if not empty.
std::string error_json(ErrorCode code, std::string_view text = {});

}  // namespace verdin::protocol::eio
