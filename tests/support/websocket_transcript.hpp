// Runs a FrameDecoder over octets cut in some way and writes down what comes out, one line an event.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/protocol/websocket/frame_decoder.hpp>

namespace verdin::test {

struct Transcript {
  std::vector<std::string> events;  // "text:...", "failed:1002", ...
  std::size_t octets_taken = 0;     // until it failed, if it did
  std::size_t most_memory = 0;
  bool idle = false;  // no memory held at the end
};

inline std::string describe(const protocol::websocket::DecoderEvent& event) {
  static constexpr const char* kNames[] = {"need_more", "text", "binary", "ping", "pong", "close", "failed"};
  std::string line = kNames[static_cast<std::size_t>(event.kind)];
  line += ':';
  if (event.kind == protocol::websocket::DecoderEvent::Kind::failed) return line + std::to_string(event.code);
  return line.append(event.payload.data(), event.payload.size());
}

/// Pieces of `piece` octets; each in a block of its own with the padding that a loop gives, and nothing more.
inline Transcript decode_in_pieces(std::string_view octets, std::size_t piece, std::size_t limit = 1'000'000,
                                   protocol::websocket::Role role = protocol::websocket::Role::server,
                                   const std::optional<protocol::websocket::DeflateParams>& deflate = {}) {
  using Kind = protocol::websocket::DecoderEvent::Kind;
  protocol::websocket::FrameDecoder decoder(role, limit);
  if (deflate) decoder.enable_deflate(*deflate);
  Transcript transcript;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    const std::size_t size = std::min(piece, octets.size() - at);
    const std::unique_ptr<char[]> block(new char[size + protocol::websocket::kMessagePadding]);
    std::memcpy(block.get(), octets.data() + at, size);
    std::memset(block.get() + size, '#', protocol::websocket::kMessagePadding);
    std::span<char> input(block.get(), size);
    for (;;) {
      const auto event = decoder.next(input);
      transcript.most_memory = std::max(transcript.most_memory, decoder.memory());
      if (event.kind == Kind::need_more) break;
      transcript.events.push_back(describe(event));
      if (event.kind == Kind::text || event.kind == Kind::binary) {
        // The padding must be readable: the sanitizer looks.
        volatile char sum = 0;
        for (std::size_t i = 0; i < protocol::websocket::kMessagePadding; ++i) {
          sum = static_cast<char>(sum + event.payload.data()[event.payload.size() + i]);
        }
      }
      if (event.kind == Kind::failed) {
        transcript.octets_taken = at + size - input.size();
        return transcript;
      }
    }
    transcript.octets_taken = at + size;
  }
  transcript.idle = decoder.memory() == 0;
  return transcript;
}

}  // namespace verdin::test
