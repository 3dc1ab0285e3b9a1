#include <cstring>

#include <verdin/protocol/utf8.hpp>
#include <verdin/protocol/websocket/close_code.hpp>

namespace verdin::protocol::websocket {

ClosePayload parse_close_payload(std::span<const char> payload) noexcept {
  ClosePayload close;
  if (payload.empty()) return close;
  if (payload.size() == 1) {
    close.error = close_code::kProtocolError;
    return close;
  }
  const auto high = static_cast<unsigned char>(payload[0]);
  const auto low = static_cast<unsigned char>(payload[1]);
  close.code = static_cast<std::uint16_t>(high << 8 | low);
  close.reason = {payload.data() + 2, payload.size() - 2};
  if (!is_sendable_close_code(close.code)) {
    close.error = close_code::kProtocolError;
  } else if (!is_utf8(close.reason)) {
    close.error = close_code::kInvalidData;
  }
  return close;
}

std::size_t write_close_payload(char* to, std::uint16_t code, std::string_view reason) noexcept {
  if (!is_sendable_close_code(code)) return 0;
  to[0] = static_cast<char>(code >> 8);
  to[1] = static_cast<char>(code & 0xFF);
  std::size_t size = reason.size();
  if (size > kMaxCloseReason) {
    size = kMaxCloseReason;
    while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0) == 0x80) --size;
  }
  if (!is_utf8(reason.substr(0, size))) size = 0;
  if (size > 0) std::memcpy(to + 2, reason.data(), size);
  return size + 2;
}

}  // namespace verdin::protocol::websocket
