// Any octets as a Socket.IO packet: what is accepted is encoded again and means the same.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <verdin/protocol/socketio/decode.hpp>
#include <verdin/protocol/socketio/encode.hpp>

#include "infinity.hpp"

namespace {

using namespace verdin;
using namespace verdin::protocol::sio;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string encode_again(const PacketHeader& header, json::View payload,
                         std::vector<SharedBuffer>& attachments) {
  std::string out;
  const std::string json = payload ? json::to_text(payload) : std::string();
  switch (header.type) {
    case PacketType::connect:
      encode_connect_request(out, header.nsp, json);
      break;
    case PacketType::disconnect:
      encode_disconnect(out, header.nsp);
      break;
    case PacketType::connect_error:
      break;
    case PacketType::ack:
    case PacketType::binary_ack:
      encode_ack_elements(out, header.nsp, *header.id, attachments, payload, 0);
      break;
    default: {
      std::array<char, 32> scratch;
      encode_event_elements(out, header.nsp, header.id, event_name(payload, scratch), attachments, payload,
                            1);
    }
  }
  return out;
}

void check_payloads(const PacketHeader& first, json::View a, const PacketHeader& second, json::View b) {
  std::size_t skip = 0;
  if (first.is_event()) {  // a number as a name has become its text
    std::array<char, 32> x;
    std::array<char, 32> y;
    require(event_name(a, x) == event_name(b, y));
    skip = 1;
  }
  require(a.size() == b.size());
  require(first.attachments == second.attachments);
  if (first.type == PacketType::connect) return require(json::Value(a) == json::Value(b));
  for (; skip < a.size() && skip < 100; ++skip) require(json::Value(a[skip]) == json::Value(b[skip]));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static json::Document document;
  static json::Document again;
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(json::kPadding, '}');
  const Limits limits;
  PacketHeader header;
  const PacketError error = decode({text.data(), size}, true, limits, document, header);
  PacketHeader copied;
  require(decode({text.data(), size}, false, limits, again, copied) == error);
  if (error != PacketError::none) return 0;
  require(header.nsp.size() <= limits.max_namespace && header.attachments <= limits.max_attachments);
  require(header.id.has_value() || !header.is_ack());

  std::vector<SharedBuffer> attachments;
  for (std::uint32_t i = 0; i < header.attachments; ++i)
    attachments.push_back(SharedBuffer::copy(std::to_string(i)));
  if (header.attachments > 0) require(document.attach(attachments));
  std::tuple<std::string, std::optional<double>, std::optional<Bytes>> args;
  json::DecodeError why;
  if (header.is_event() && !json::decode_args(document.root(), 1, args, why)) require(!why.expected.empty());

  std::vector<SharedBuffer> sent;
  std::string out = encode_again(header, document.root(), sent);
  if (out.empty()) return 0;
  PacketHeader second;
  const PacketError error_again = decode(out, false, limits, again, second);
  if (error_again == PacketError::reserved_event) return 0;
  require(error_again == PacketError::none);
  require(second.type == header.type && second.nsp == header.nsp && second.id == header.id);
  if (second.attachments > 0) require(again.attach(sent));
  if (fuzz::has_infinity(json::Value(document.root()))) return 0;
  check_payloads(header, document.root(), second, again.root());
  return 0;
}
