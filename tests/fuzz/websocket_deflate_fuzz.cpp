// permessage-deflate: any list of offers is agreed on or declined, and what is agreed on keeps to its
// grammar; any compressed octets, cut anywhere, give the same events and stay within the limit; what is
// compressed comes back. The first octets choose; the rest is the list, the frames and the message.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <verdin/protocol/websocket/deflate_offer.hpp>
#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>
#include <verdin/protocol/websocket/handshake.hpp>

namespace {

using namespace verdin::protocol::websocket;
using Kind = DecoderEvent::Kind;

constexpr std::size_t kLimit = 20'000;
const std::string kFailed = std::to_string(static_cast<int>(Kind::failed)) + ":10";  // 1002, 1007, 1009
constexpr std::size_t kMostInParts = 200'000;  // of what comes out: the rest of a bomb tells nothing new

void require(bool condition) {
  if (!condition) std::abort();
}

/// `in_parts`: messages are put together from their parts, which have no limit.
std::string run(std::string_view octets, const DeflateParams& params, std::size_t piece,
                bool in_parts = false, std::size_t limit = kLimit) {
  FrameDecoder decoder(Role::client, limit);  // unmasked frames are what the fuzzer writes best
  decoder.enable_deflate(params);
  decoder.deliver_parts(in_parts);
  std::string events, message;
  for (std::size_t at = 0; at < octets.size();) {
    const std::size_t size = std::min(piece, octets.size() - at);
    const std::unique_ptr<char[]> block(new char[size + kMessagePadding]());
    std::memcpy(block.get(), octets.data() + at, size);
    std::span<char> input(block.get(), size);
    at += size;
    for (;;) {
      const DecoderEvent event = decoder.next(input);
      require(in_parts || decoder.memory() <= 2 * at + 2 * limit + 60'000);
      if (event.kind == Kind::need_more) break;
      if (event.part) {
        message.append(event.payload.data(), event.payload.size());
        if (events.size() + message.size() > kMostInParts) return events;
        if (!event.last) continue;
      } else {
        require(event.payload.size() <= std::max<std::size_t>(limit, 125));  // control frames have their own
      }
      events += std::to_string(static_cast<int>(event.kind)) + ':' + std::to_string(event.code) + ':';
      if (event.part) {
        events += std::exchange(message, {});
      } else {
        events.append(event.payload.data(), event.payload.size());
      }
      events += '\n';
    }
  }
  return events;
}

void check_offers(std::string_view offers, const DeflateOptions& options) {
  const auto agreement = agree_on_deflate(offers, options);
  if (!agreement) return;
  require(is_extension_list(agreement->answer));
  const DeflateParams& params = agreement->params;
  require(params.server_max_window_bits >= 9 && params.server_max_window_bits <= 15);
  require(params.client_max_window_bits >= 8 && params.client_max_window_bits <= 15);
  // What was agreed on, offered again, is agreed on again.
  const auto again = agree_on_deflate(agreement->answer, options);
  require(again && again->answer == agreement->answer);
}

void check_round_trip(std::string_view message, const DeflateParams& params, const DeflateOptions& options) {
  Deflater deflater(params, options);
  std::string frames;
  for (int i = 0; i < 2; ++i) {
    std::string payload;
    deflater.deflate(message, payload);
    char header[kMaxServerFrameHeader];
    const std::size_t size = write_header(header, Opcode::binary, payload.size());
    mark_compressed(header);
    frames.append(header, size).append(payload);
  }
  const std::string one =
      std::to_string(static_cast<int>(Kind::binary)) + ":0:" + std::string(message) + '\n';
  require(run(frames, params, frames.size()) == one + one);
}

/// The same in parts of `piece` octets, with other messages between that share the context if they may.
void check_parts(std::string_view message, const DeflateParams& params, const DeflateOptions& options,
                 std::size_t piece) {
  Deflater deflater(params, options), other(params, options);
  std::string frames, unused;
  const auto append = [&](Opcode opcode, std::string_view payload, bool fin) {
    char header[kMaxServerFrameHeader];
    const std::size_t size = write_header(header, opcode, payload.size(), fin);
    if (opcode != Opcode::continuation) mark_compressed(header);
    frames.append(header, size).append(payload);
  };
  Opcode next = Opcode::binary;
  for (std::string_view rest = message; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
    std::string payload;
    if (!deflater.takes_over() && rest.size() % 3 == 0) {
      Deflater::store_part(rest.substr(0, piece), payload);
    } else {
      deflater.deflate_part(rest.substr(0, piece), payload);
    }
    other.deflate(rest.substr(0, 10), unused);
    append(std::exchange(next, Opcode::continuation), payload, false);
  }
  append(Opcode::continuation, Deflater::kEnd, true);
  const std::string one =
      std::to_string(static_cast<int>(Kind::binary)) + ":0:" + std::string(message) + '\n';
  require(run(frames, params, frames.size()) == one);
  // What the parts stand for is within the limit, though they may come as more.
  require(run(frames, params, 1 + frames.size() / 3, false, message.size()) == one);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || size > 10'000) return 0;
  DeflateOptions options;
  options.server_no_context_takeover = data[0] & 1;
  options.client_no_context_takeover = data[0] & 2;
  options.server_max_window_bits = 9 + data[1] % 7;
  options.client_max_window_bits = 8 + data[1] / 16 % 8;
  DeflateParams params;
  params.server_no_context_takeover = data[0] & 4;
  params.server_max_window_bits = options.server_max_window_bits;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 4, size - 4);
  check_offers(rest, options);
  const std::string whole = run(rest, params, rest.size() + 1);
  require(run(rest, params, 1 + data[2] % 50) == whole);
  require(run(rest, params, 1) == whole);
  // Such a limit is soon reached by several frames.
  const std::size_t little = data[3] % 64;
  require(run(rest, params, 1, false, little) == run(rest, params, rest.size() + 1, false, little));
  const std::string parts = run(rest, params, rest.size() + 1, true);
  const std::string small_parts = run(rest, params, 1 + data[3] % 50, true);
  // In parts a fault is found in a message that has not ended. How much of it came before, the pieces say.
  for (const std::string* each : {&parts, &small_parts}) {
    require(*each == whole || each->find(kFailed) != each->npos || whole.find(kFailed) != whole.npos ||
            each->size() > kMostInParts / 2);
  }
  check_round_trip(rest, params, options);
  if (!rest.empty()) check_parts(rest, params, options, 1 + rest.size() / (1 + data[3] % 20));
  return 0;
}
