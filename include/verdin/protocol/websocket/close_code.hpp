// Close codes (RFC 6455, section 7.4) and the payload of a close frame (section 5.5.1). No I/O, nothing
// thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace verdin::protocol::websocket {

/// The registered codes. Others are plain numbers: 3000-3999 registered by libraries, 4000-4999 private use.
namespace close_code {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupportedData = 1003;
inline constexpr std::uint16_t kNoStatus = 1005;  // never on the wire: the close frame had no code
inline constexpr std::uint16_t kAbnormal =
    1006;  // never on the wire: the connection broke without a close frame
inline constexpr std::uint16_t kInvalidData = 1007;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::uint16_t kMessageTooBig = 1009;
inline constexpr std::uint16_t kMissingExtension = 1010;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kServiceRestart = 1012;
inline constexpr std::uint16_t kTryAgainLater = 1013;
inline constexpr std::uint16_t kBadGateway = 1014;
}  // namespace close_code

/// Whether `code` may stand in a close frame: 1000-1003, 1007-1014, 3000-4999.
constexpr bool is_sendable_close_code(std::uint16_t code) noexcept {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

inline constexpr std::size_t kMaxControlPayload = 125;
inline constexpr std::size_t kMaxCloseReason = kMaxControlPayload - 2;

struct ClosePayload {
  std::uint16_t code = close_code::kNoStatus;  // what the peer said; kNoStatus for an empty payload
  std::string_view reason;                     // points into the payload
  std::uint16_t error = 0;  // not 0: the payload is invalid, and this is the code to answer
};

/// Checks a received payload: 1002 for one octet or a code that may not be sent, 1007 for a reason that is
/// not UTF-8.
ClosePayload parse_close_payload(std::span<const char> payload) noexcept;

/// Writes code and reason into `to` (kMaxControlPayload octets) and returns the size. A code that may not be
/// sent (kNoStatus among them) makes an empty payload. The reason is cut to kMaxCloseReason octets, at a
/// character, and left out if it is not UTF-8.
std::size_t write_close_payload(char* to, std::uint16_t code, std::string_view reason) noexcept;

}  // namespace verdin::protocol::websocket
