// Message: one outgoing Engine.IO packet, encoded once for every transport, shared by all who receive it.
//
// It is kept as a WebSocket frame; over polling the frame's payload is the packet. Copying costs a reference.
// Any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/protocol/engineio/packet.hpp>
#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::eio {

class Message {
 public:
  /// A text message (type 4).
  static Message text(std::string_view content) {
    return packet(protocol::eio::PacketType::message, content);
  }
  static Message binary(std::string_view content) {
    return Message(protocol::websocket::make_frame(protocol::websocket::Opcode::binary, {content}),
                   content.size(), true);
  }
  static Message packet(protocol::eio::PacketType type, std::string_view data = {}) {
    const char digit = protocol::eio::digit(type);
    const auto frame =
        protocol::websocket::make_frame(protocol::websocket::Opcode::text, {{&digit, 1}, data});
    return Message(frame, data.size() + 1, false);
  }

  bool is_binary() const noexcept { return binary_; }
  /// The whole WebSocket frame, unmasked.
  const SharedBuffer& frame() const noexcept { return frame_; }
  /// The packet: type digit and text, or the binary data.
  std::string_view content() const noexcept { return frame_.view().substr(header_); }

 private:
  Message(SharedBuffer frame, std::size_t content_size, bool binary)
      : frame_(std::move(frame)),
        header_(static_cast<std::uint8_t>(frame_.size() - content_size)),
        binary_(binary) {}

  SharedBuffer frame_;
  std::uint8_t header_;
  bool binary_;
};

}  // namespace verdin::eio
