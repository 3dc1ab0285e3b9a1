// Inflater: restores the messages of one connection (RFC 7692, section 7.2.2). Internal to FrameDecoder.
//
// Without context takeover all inflaters of a thread use one context, whatever the peer's window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/websocket/message_buffer.hpp"

namespace verdin::protocol::websocket {

enum class InflateResult : std::uint8_t { ok, bad, too_big };

class Inflater {
 public:
  using Result = InflateResult;

  explicit Inflater(bool takes_over) noexcept;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  /// Appends the message that `payload` (of all its frames) stands for to `to`, which must not grow above
  /// `limit`. After anything but `ok` the inflater is of no more use.
  Result inflate(std::span<const char> payload, std::size_t limit, MessageBuffer& to);

  /// The same for a piece of the payload: what can be made of it is appended. A context of its own is held
  /// from a message's first piece to its last.
  Result inflate_part(std::span<const char> piece, bool last, std::size_t limit, MessageBuffer& to);

  /// Octets of memory held.
  std::size_t memory() const noexcept;

 private:
  struct Context;

  Context& context();

  std::unique_ptr<Context> own_;  // with takeover, from the first message on
  bool takes_over_;
};

}  // namespace verdin::protocol::websocket
