// SharedMessage: one message for many connections, encoded at most once in each form that they need: as it
// is, and compressed once for each set of parameters (RFC 7692) of those that take no context over.
//
//   SharedMessage message(Opcode::text, line);
//   for (Connection* each : readers) each->send(message);
//
// Threads: one at a time. The payload is not copied and must outlive it. Throws std::bad_alloc.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::websocket {

class SharedMessage {
 public:
  /// `opcode` is text (and `payload` UTF-8, which is not checked) or binary.
  SharedMessage(protocol::websocket::Opcode opcode, std::string_view payload) noexcept
      : opcode_(opcode), payload_(payload) {}
  SharedMessage(const SharedMessage&) = delete;
  SharedMessage& operator=(const SharedMessage&) = delete;

  protocol::websocket::Opcode opcode() const noexcept { return opcode_; }
  std::string_view payload() const noexcept { return payload_; }

  /// A server's frame.
  const SharedBuffer& frame();
  /// The same, compressed; frame() if that is no larger. `deflater` takes no context over.
  const SharedBuffer& compressed_frame(protocol::websocket::Deflater& deflater);

 private:
  using Settings = protocol::websocket::Deflater::Settings;

  protocol::websocket::Opcode opcode_;
  std::string_view payload_;
  SharedBuffer frame_;
  std::vector<std::pair<Settings, SharedBuffer>> compressed_;  // few
};

}  // namespace verdin::websocket
