// Engine.IO 4 payloads: the packets of one polling request or answer, joined by the octet 0x1e.
//
//   eio::PayloadReader reader(body);
//   eio::Packet packet;
//   while (reader.next(packet)) handle(packet);
//   if (reader.error() != eio::PacketError::none) close();
//
// The reader works in place (base64 is decoded over its text) and does not allocate. A packet's data is
// followed by the next packet, so it has as much readable room behind it as the whole body has. Packets
// before a malformed one are delivered, as Node's server does.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <verdin/protocol/engineio/packet.hpp>

namespace verdin::protocol::eio {

inline constexpr char kSeparator = '\x1e';

class PayloadReader {
 public:
  /// `max_packet`: the most octets of data in one packet, counted after base64 decoding.
  explicit PayloadReader(std::span<char> body,
                         std::size_t max_packet = std::numeric_limits<std::size_t>::max()) noexcept
      : rest_(body), max_packet_(max_packet) {}

  /// False at the end and at an error, for good.
  bool next(Packet& out) noexcept;
  PacketError error() const noexcept { return error_; }

 private:
  bool fail(PacketError error) noexcept {
    error_ = error;
    done_ = true;
    return false;
  }

  std::span<char> rest_;
  std::size_t max_packet_;
  PacketError error_ = PacketError::none;
  bool done_ = false;
};

/// Append one packet to a payload, with the separator if it is not the first. `text` must not lie in
/// `payload`.
void append_to_payload(std::string& payload, PacketType type, std::string_view text = {});
/// A packet that is encoded already (its type digit in front, WebSocket form).
void append_encoded_to_payload(std::string& payload, std::string_view packet);
void append_binary_to_payload(std::string& payload, std::string_view bytes);

/// What the packet adds to a payload's size, the separator included.
constexpr std::size_t payload_size_of_text(std::size_t octets) noexcept { return octets + 2; }
constexpr std::size_t payload_size_of_binary(std::size_t octets) noexcept { return (octets + 2) / 3 * 4 + 2; }

}  // namespace verdin::protocol::eio
