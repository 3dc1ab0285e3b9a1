// Any octets, cut anywhere, give the same events; memory stays within its bound. The first octets choose the
// role, the limit and the cuts; the rest is the stream. A close payload that comes out is parsed as well. And
// messages that come in parts are the same when they are put together.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <verdin/protocol/utf8.hpp>
#include <verdin/protocol/websocket/close_code.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>

namespace {

using namespace verdin::protocol::websocket;
using Kind = DecoderEvent::Kind;

void require(bool condition) {
  if (!condition) std::abort();
}

/// What came, written by us: by a client, and in every way by a server, it is the same for who reads it.
void check_written(Opcode opcode, std::string_view payload) {
  char header[kMaxFrameHeader];
  FrameHeader read;
  const MaskKey mask{{1, 2, 3, 4}};
  const std::size_t size = write_header(header, opcode, payload.size(), mask);
  require(read_header({header, size}, Role::server, read).size == size &&
          read.payload_size == payload.size());
  require(read.opcode == opcode && read.fin && read.mask.octets[3] == 4);
  const std::size_t third = payload.size() / 3;
  const verdin::SharedBuffer frame = make_frame(opcode, {payload});
  require(read_header(frame.view(), Role::client, read).status == HeaderResult::Status::ok);
  require(frame.view().ends_with(payload) && frame.size() == header_size(payload.size()) + payload.size());
  require(make_frame(opcode, {payload.substr(0, third), payload.substr(third)}).view() == frame.view());
  require(
      make_frame(opcode, {payload.substr(0, third), payload.substr(third, third), payload.substr(2 * third)})
          .view() == frame.view());
  require(payload.size() > 0 || make_frame(opcode, {}).view() == frame.view());
}

void check(const DecoderEvent& event, std::size_t limit) {
  const std::string_view payload(event.payload.data(), event.payload.size());
  if (event.kind == Kind::text) require(verdin::protocol::is_utf8(payload));
  if (event.kind == Kind::text || event.kind == Kind::binary) {
    require(payload.size() <= limit);
    check_written(event.kind == Kind::text ? Opcode::text : Opcode::binary, payload);
    volatile char last = payload.data()[payload.size() + kMessagePadding - 1];
    static_cast<void>(last);
  } else {
    require(payload.size() <= kMaxControlPayload);
  }
  if (event.kind == Kind::close) {
    const ClosePayload close = parse_close_payload(event.payload);
    char again[kMaxControlPayload];
    if (close.error == 0)
      require(std::string_view(again, write_close_payload(again, close.code, close.reason)) == payload);
    // Whatever is to be said, what is written may be read.
    const std::size_t size =
        write_close_payload(again, close.code, std::string(60, 'x') + std::string(payload));
    require(parse_close_payload({again, size}).error == 0);
  }
}

std::string run(std::string_view octets, Role role, std::size_t limit, std::string_view cuts,
                bool parts = false) {
  FrameDecoder decoder(role, limit);
  decoder.deliver_parts(parts);
  std::string events;
  std::string message;  // of the parts that have come
  bool begun = false;
  std::uint64_t expected = 0;  // octets of it, where that is known
  std::size_t cut = 0;
  for (std::size_t at = 0; at < octets.size();) {
    std::size_t size = octets.size() - at;
    if (!cuts.empty())
      size = std::min<std::size_t>(size, 1 + static_cast<unsigned char>(cuts[cut++ % cuts.size()]) % 67);
    const std::unique_ptr<char[]> block(new char[size + kMessagePadding]());
    std::memcpy(block.get(), octets.data() + at, size);
    std::span<char> input(block.get(), size);
    at += size;
    for (;;) {
      const DecoderEvent event = decoder.next(input);
      require(decoder.memory() <= 2 * at + 4096);
      if (event.kind == Kind::need_more) break;
      if (event.part) {
        require(event.first == !begun);
        begun = !event.last;
        if (event.first || expected == DecoderEvent::kUnknown) {
          expected = event.remaining;
        } else {
          require(expected == event.payload.size() + event.remaining);
          expected = event.remaining;
        }
        require(!event.last || expected == 0);
        message.append(event.payload.data(), event.payload.size());
        if (!event.last) continue;
        if (event.kind == Kind::text) require(verdin::protocol::is_utf8(message));
      } else {
        check(event, limit);
      }
      events += static_cast<char>('0' + static_cast<int>(event.kind));
      events += std::to_string(event.code) + ':';
      if (event.part) {
        events.append(message);
        message.clear();
      } else {
        events.append(event.payload.data(), event.payload.size());
      }
      events += '\n';
    }
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  const Role role = data[0] & 1 ? Role::client : Role::server;
  const std::size_t limit = std::size_t{data[1]} * 8;
  const std::string_view cuts(reinterpret_cast<const char*>(data) + 2, 4);
  const std::string_view octets(reinterpret_cast<const char*>(data) + 6, size - 6);
  const std::string whole = run(octets, role, limit, {});
  require(run(octets, role, limit, cuts) == whole);
  require(run(octets, role, limit, std::string_view("\0", 1)) == whole);
  constexpr std::size_t kNoLimit = ~std::size_t{0};  // more than all headers of a message can say together
  const std::string unlimited = run(octets, role, kNoLimit, {});
  require(run(octets, role, kNoLimit, cuts, true) == unlimited);
  require(run(octets, role, kNoLimit, {}, true) == unlimited);
  return 0;
}
