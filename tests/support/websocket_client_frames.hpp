// Frames as a client sends them, right and wrong ones, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace verdin::test {

inline constexpr std::string_view kTestMask{"\x37\xFA\x21\x3D", 4};

/// First octet, second octet without the mask bit, the rest of the length: as they are; then mask and masked
/// payload.
inline std::string raw_frame(unsigned first, std::string length, std::string_view payload,
                             std::string_view mask = kTestMask) {
  std::string frame(1, static_cast<char>(first));
  length[0] = static_cast<char>(static_cast<unsigned char>(length[0]) | 0x80u);
  frame += length;
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

inline std::string length_octets(std::uint64_t size) {
  const auto number = [size](int octets) {
    std::string text;
    for (int i = octets - 1; i >= 0; --i) text += static_cast<char>(size >> (8 * i) & 0xFF);
    return text;
  };
  if (size < 126) return std::string(1, static_cast<char>(size));
  return size <= 0xFFFF ? "\x7E" + number(2) : "\x7F" + number(8);
}

/// `first`: FIN (0x80) and opcode.
inline std::string client_frame(unsigned first, std::string_view payload, std::string_view mask = kTestMask) {
  return raw_frame(first, length_octets(payload.size()), payload, mask);
}

inline std::string client_text(std::string_view payload) { return client_frame(0x81, payload); }
inline std::string client_binary(std::string_view payload) { return client_frame(0x82, payload); }
inline std::string client_ping(std::string_view payload) { return client_frame(0x89, payload); }

inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return payload.append(reason);
}
inline std::string client_close(unsigned code, std::string_view reason = {}) {
  return client_frame(0x88, close_payload(code, reason));
}

}  // namespace verdin::test
