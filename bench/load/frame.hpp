// The client's side of WebSocket framing (RFC 6455 §5): masked frames out, unmasked frames in.
//
// No I/O, no state. Kept apart from Verdin's own codec on purpose: a load generator that shared it could not
// notice its mistakes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

/// Appends one final frame with `payload`, masked with the four octets of `mask`.
void append_frame(std::string& out, Opcode opcode, std::string_view payload, std::uint32_t mask);

/// Appends the header alone, of a final frame with `size` octets: a client's, with `mask`, or a server's.
void append_header(std::string& out, Opcode opcode, std::uint64_t size,
                   std::optional<std::uint32_t> mask = {});
/// Masks what lies at a multiple of four octets in its frame.
void mask_octets(char* at, std::size_t size, std::uint32_t mask);

struct Frame {
  Opcode opcode = Opcode::kText;
  bool final = true;
  std::string_view payload;  // inside the input
};

enum class FrameStatus : std::uint8_t { kFrame, kIncomplete, kInvalid };

/// Takes one frame off the front of `input`. kInvalid: masked, reserved bits, unknown opcode, a control frame
/// that is fragmented or too long, or a length that is not in its shortest form; `input` is left as it is
/// then.
FrameStatus take_frame(std::string_view& input, Frame& frame);

}  // namespace bench
