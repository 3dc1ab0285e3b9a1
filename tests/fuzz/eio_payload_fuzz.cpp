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
      expected_size += payload_size_of_text(packet.data.size());
    }
    if (packet.type == PacketType::open) check_open(packet.data);
  }
  if (packets.empty()) return 0;
  require(built.size() + 1 == expected_size);
  // Base64 is strict, so there is one payload for a list of packets.
  require(error == PacketError::none ? built == body : body.starts_with(built));
  PacketError again;
  require(read_all(built, again) == packets && again == PacketError::none);
  return 0;
}
