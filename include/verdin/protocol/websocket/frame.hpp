// The WebSocket frame header (RFC 6455, section 5.2): reading and writing one; masking. No I/O, nothing
// thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include <verdin/base/shared_buffer.hpp>

namespace verdin::protocol::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

constexpr bool is_control(Opcode opcode) noexcept { return static_cast<std::uint8_t>(opcode) >= 8; }

/// Which end of the connection we are: a server's frames are unmasked and it requires masks; a client the
/// reverse.
enum class Role : std::uint8_t { server, client };

/// As the octets stand in the frame; it is combined with the payload in this order.
struct MaskKey {
  unsigned char octets[4];
};

inline constexpr std::size_t kMaxFrameHeader = 14;        // 64-bit length and mask
inline constexpr std::size_t kMaxServerFrameHeader = 10;  // without the mask

struct FrameHeader {
  std::uint64_t payload_size = 0;
  MaskKey mask{};  // zeros if the frame is not masked
  Opcode opcode = Opcode::continuation;
  bool fin = false;
  bool compressed = false;  // RSV1 of a message's first frame (RFC 7692, section 6)
};

struct HeaderResult {
  enum class Status : std::uint8_t { ok, need_more, bad };
  Status status = Status::need_more;
  std::uint8_t size = 0;         // ok: octets that the header takes
  std::string_view reason = {};  // bad: what is wrong, as literal text; the code is always 1002
};

/// Reads the header at the front of `octets`, as received by `role`. Refused as soon as the octets show it:
/// reserved bits and opcodes, a mask missing (server) or present (client), fragmented or long control frames,
/// a length that is not in its shortest form or has the top bit set. `deflate`: permessage-deflate was agreed
/// on, so that the first frame of a message may say that it is compressed.
HeaderResult read_header(std::span<const char> octets, Role role, FrameHeader& header,
                         bool deflate = false) noexcept;

/// Writes an unmasked header and returns its size: 2, 4 or 10. `to` has room for kMaxServerFrameHeader
/// octets.
std::size_t write_header(char* to, Opcode opcode, std::uint64_t payload_size, bool fin = true) noexcept;
/// The same with a mask (a client's frame; the payload is to be passed through apply_mask()); up to
/// kMaxFrameHeader.
std::size_t write_header(char* to, Opcode opcode, std::uint64_t payload_size, MaskKey mask,
                         bool fin = true) noexcept;

/// Makes a written header say that the message is compressed.
inline void mark_compressed(char* header) noexcept { *header = static_cast<char>(*header | 0x40); }

/// Size of the unmasked header of a payload of that size.
constexpr std::size_t header_size(std::uint64_t payload_size) noexcept {
  return payload_size < 126 ? 2 : payload_size <= 0xFFFF ? 4 : 10;
}

/// A server's frame in one buffer, to be shared by all who receive it. The payload is `parts` one behind the
/// other.
SharedBuffer make_frame(Opcode opcode, std::initializer_list<std::string_view> parts);

/// The same of a payload that is compressed.
SharedBuffer make_compressed_frame(Opcode opcode, std::string_view payload);

/// Masks or unmasks in place. Returns the OR of the resulting octets: below 0x80 if all are ASCII.
std::uint8_t apply_mask(std::span<char> payload, MaskKey key) noexcept;
/// The same into other memory.
std::uint8_t copy_masked(char* to, std::span<const char> payload, MaskKey key) noexcept;
/// The key for what follows `octets` octets of the payload.
MaskKey rotate_mask(MaskKey key, std::size_t octets) noexcept;

}  // namespace verdin::protocol::websocket
