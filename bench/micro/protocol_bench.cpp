// What the codecs cost for the packets that scripts/bench sends: no I/O, no session.
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <benchmark/benchmark.h>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/socketio/decode.hpp>
#include <verdin/protocol/socketio/encode.hpp>
#include <verdin/protocol/websocket/frame.hpp>

namespace {

namespace json = verdin::json;
namespace sio = verdin::protocol::sio;
namespace websocket = verdin::protocol::websocket;

constexpr std::string_view kAckedEvent = R"(21234["echo","aaaaaaaaaaaa00001234"])";
constexpr std::string_view kMessage =
    R"({"room":"general","nick":"Andy","text":"The quick brown fox jumps over it","at":1700000000123,"edited":false})";

/// Octets as a connection has them: in the loop's buffer, with room behind.
class Padded {
 public:
  explicit Padded(std::string_view text) : octets_(text.begin(), text.end()), size_(text.size()) {
    octets_.resize(size_ + json::kPadding);
  }
  std::span<char> text() { return {octets_.data(), size_}; }

 private:
  std::vector<char> octets_;
  std::size_t size_;
};

void decode_acked_event(benchmark::State& state) {
  Padded packet(kAckedEvent);
  json::Document document;
  sio::PacketHeader header;
  for (auto _ : state) {
    if (sio::decode(packet.text(), true, {}, document, header) != sio::PacketError::none) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(header.id);
  }
}
BENCHMARK(decode_acked_event);

void encode_ack(benchmark::State& state) {
  std::string out;
  std::vector<verdin::SharedBuffer> attachments;
  const std::string text = "aaaaaaaaaaaa00001234";
  for (auto _ : state) {
    out.clear();
    sio::encode_ack(out, "/", 1234, attachments, text);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(encode_ack);

/// All that codecs do for one message of the `echo` row: packet in, argument out, ack back.
void event_to_ack(benchmark::State& state) {
  Padded packet(kAckedEvent);
  json::Document document;
  sio::PacketHeader header;
  json::DecodeError error;
  std::string out;
  std::vector<verdin::SharedBuffer> attachments;
  for (auto _ : state) {
    std::tuple<std::string> arguments;
    const bool good = sio::decode(packet.text(), true, {}, document, header) == sio::PacketError::none &&
                      json::decode_args(document.root(), 1, arguments, error);
    if (!good) state.SkipWithError("refused");
    out.clear();
    sio::encode_ack(out, "/", *header.id, attachments, std::get<0>(arguments));
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(event_to_ack);

struct Message {
  std::string room;
  std::string nick;
  std::string text;
  std::int64_t at = 0;
  bool edited = false;
};

constexpr auto json_fields(const Message*) {
  return std::tuple{json::field("room", &Message::room), json::field("nick", &Message::nick),
                    json::field("text", &Message::text), json::field("at", &Message::at),
                    json::field("edited", &Message::edited)};
}

void parse_object(benchmark::State& state) {
  Padded text(kMessage);
  json::Document document;
  for (auto _ : state) {
    const auto span = text.text();
    benchmark::DoNotOptimize(document.parse_padded({span.data(), span.size()}));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(kMessage.size()) * state.iterations());
}
BENCHMARK(parse_object);

void parse_object_into_struct(benchmark::State& state) {
  Padded text(kMessage);
  json::Document document;
  Message message;
  for (auto _ : state) {
    const auto span = text.text();
    const bool good = document.parse_padded({span.data(), span.size()}) == json::ParseError::none &&
                      json::decode(document.root(), message);
    if (!good) state.SkipWithError("refused");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(kMessage.size()) * state.iterations());
}
BENCHMARK(parse_object_into_struct);

void write_struct(benchmark::State& state) {
  const Message message{"general", "Andy", "The quick brown fox jumps over it", 1700000000123, false};
  std::string out;
  for (auto _ : state) {
    out.clear();
    json::Writer writer(out);
    json::encode(writer, message);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(out.size()) * state.iterations());
}
BENCHMARK(write_struct);

/// What a peer can make of a megabyte: half a million arrays, each in another. Built, and destroyed.
void tree_of_nested_arrays(benchmark::State& state) {
  std::string text = "[";
  for (int i = 0; i < 2000; ++i) {
    text.append(240, '[').append(240, ']').push_back(',');
  }
  text.back() = ']';
  json::Document document;
  if (document.parse(text) != json::ParseError::none) state.SkipWithError("refused");
  for (auto _ : state) {
    json::Value tree(document.root());
    benchmark::DoNotOptimize(tree);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(tree_of_nested_arrays);

/// Numbers of more digits than 64 bits hold are the slowest to read.
void parse_long_numbers(benchmark::State& state) {
  std::string text = "[0";
  for (int i = 0; i < 34'000; ++i) text += ",2.074913952899210013473e-290";
  text += "]";
  json::Document document;
  for (auto _ : state) benchmark::DoNotOptimize(document.parse(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(parse_long_numbers);

/// A client's payload, unmasked where it lies: behind a header of 6 octets, 8 or 14, so never aligned.
template <auto Mask>
void unmask(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::vector<char> buffer(size + 14, 'x');
  const std::span<char> payload(buffer.data() + (size < 126 ? 6 : size < 65'536 ? 8 : 14), size);
  const websocket::MaskKey key{{0x12, 0x34, 0x56, 0x78}};
  for (auto _ : state) benchmark::DoNotOptimize(Mask(payload, key));
  state.SetBytesProcessed(state.range(0) * state.iterations());
}

/// As RFC 6455 writes it, section 5.3.
std::uint8_t mask_octet_by_octet(std::span<char> payload, websocket::MaskKey key) noexcept {
  unsigned all = 0;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<char>(static_cast<unsigned char>(payload[i]) ^ key.octets[i % 4]);
    all |= static_cast<unsigned char>(payload[i]);
  }
  return static_cast<std::uint8_t>(all);
}

BENCHMARK(unmask<websocket::apply_mask>)->Arg(5)->Arg(20)->Arg(125)->Arg(1024)->Arg(16'384)->Arg(1'048'576);
BENCHMARK(unmask<mask_octet_by_octet>)->Arg(5)->Arg(20)->Arg(125)->Arg(1024)->Arg(16'384)->Arg(1'048'576);

}  // namespace
