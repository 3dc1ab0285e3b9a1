#include <cstring>

#include <verdin/protocol/base64.hpp>
#include <verdin/protocol/engineio/payload.hpp>

namespace verdin::protocol::eio {

bool PayloadReader::next(Packet& out) noexcept {
  if (done_) return false;
  if (rest_.empty()) return fail(PacketError::empty);  // an empty body, or nothing behind a separator
  const void* separator = std::memchr(rest_.data(), kSeparator, rest_.size());
  std::span<char> packet = rest_;
  if (separator) {
    packet = rest_.first(static_cast<std::size_t>(static_cast<const char*>(separator) - rest_.data()));
    rest_ = rest_.subspan(packet.size() + 1);
  } else {
    rest_ = {};
  }
  if (!packet.empty() && packet[0] == 'b') {
    const auto size = decode_base64_in_place(packet.subspan(1));
    if (!size) return fail(PacketError::bad_base64);
    out = {PacketType::message, true, packet.subspan(1, *size)};
  } else if (const PacketError error = parse_packet(packet, out); error != PacketError::none) {
    return fail(error);
  }
  if (out.data.size() > max_packet_) return fail(PacketError::too_large);
  done_ = !separator;
  return true;
}

namespace {

void separate(std::string& payload) {
  if (!payload.empty()) payload.push_back(kSeparator);
}

}  // namespace

void append_to_payload(std::string& payload, PacketType type, std::string_view text) {
  separate(payload);
  append_packet(payload, type, text);
}

void append_encoded_to_payload(std::string& payload, std::string_view packet) {
  separate(payload);
  payload.append(packet);
}

void append_binary_to_payload(std::string& payload, std::string_view bytes) {
  separate(payload);
  payload.push_back('b');
  append_base64(payload, bytes);
}

}  // namespace verdin::protocol::eio
