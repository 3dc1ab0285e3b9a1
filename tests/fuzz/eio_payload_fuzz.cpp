// Any octets as a polling payload: what is read and built again reads the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <verdin/protocol/base64.hpp>
#include <verdin/protocol/engineio/handshake.hpp>
#include <verdin/protocol/engineio/payload.hpp>
#include <verdin/protocol/json/document.hpp>

namespace {

using namespace verdin::protocol::eio;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Read {
  PacketType type;
  bool binary;
  std::string data;
  bool operator==(const Read&) const = default;
};

std::vector<Read> read_all(std::string body, PacketError& error) {
  std::vector<Read> packets;
  PayloadReader reader(body);
  Packet packet;
  while (reader.next(packet)) packets.push_back({packet.type, packet.binary, std::string(packet.text())});
  error = reader.error();
  return packets;
}

void check_open(const std::string& data) {
  static verdin::json::Document document;
  OpenReceived received;
  if (document.parse(data) != verdin::json::ParseError::none || !decode_open(document.root(), received))
    return;
  std::string out;
  append_open(out, received.open);
  verdin::json::Document again;
  require(again.parse(std::string_view(out).substr(1)) == verdin::json::ParseError::none);
  OpenReceived twice;
  require(decode_open(again.root(), twice) && twice.open.sid == received.open.sid);
}

/// An error tells its code and whatever is said of it.
void check_error(const std::string& text) {
  static verdin::json::Document document;
  const auto code = static_cast<ErrorCode>(text.size() % 6);
  require(document.parse(error_json(code, text)) == verdin::json::ParseError::none);
  require(document.root()["code"].as_int64() == static_cast<int>(code) && http_status(code) >= 400);
  require(document.root()["message"].as_string()->empty() == false);
}

void check_base64(std::string_view text) {
  std::string in_place(text);
  const auto size = verdin::protocol::decode_base64_in_place(in_place);
  const auto apart = verdin::protocol::decode_base64(text);
  require(size.has_value() == apart.has_value() && (!size || *size == apart->size()));
  std::string again;
  if (size) verdin::protocol::append_base64(again, std::string_view(in_place).substr(0, *size));
  require(!size || again == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  PacketError error;
  const std::vector<Read> packets = read_all(body, error);
  std::string built;
  std::size_t expected_size = 0;
  for (const Read& packet : packets) {
    if (packet.binary) {
      append_binary_to_payload(built, packet.data);
      expected_size += payload_size_of_binary(packet.data.size());
    } else {
      append_to_payload(built, packet.type, packet.data);
      std::string packet_alone, payload_of_it;
      append_to_payload(packet_alone, packet.type, packet.data);
      append_encoded_to_payload(payload_of_it, packet_alone);
      require(payload_of_it == packet_alone);
      expected_size += payload_size_of_text(packet.data.size());
    }
    require(!describe(packet.type).empty());
    if (packet.type == PacketType::open) check_open(packet.data);
  }
  check_error(body);
  check_base64(body);
  if (packets.empty()) {
    require(!describe(error).empty());
    return 0;
  }
  require(built.size() + 1 == expected_size);
  // Base64 is strict, so there is one payload for a list of packets.
  require(error == PacketError::none ? built == body : body.starts_with(built));
  PacketError again;
  require(read_all(built, again) == packets && again == PacketError::none);
  return 0;
}
