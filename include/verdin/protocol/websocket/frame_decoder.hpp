// FrameDecoder: octets in, messages out. The receiving half of RFC 6455 (sections 5 and 8.1) without I/O.
//
// Feed what was received, in pieces of any size, and take events until need_more. A message that came in one
// frame and lies in the piece entirely is unmasked in place and handed out without a copy; any other is
// collected in one growing buffer, so that fragments cost nothing each: memory stays below twice the octets
// received plus 4 KB, is allocated for received octets only (whatever a header promises), and is freed after
// the message. Of messages from 64 KiB on it is kept for the next ones, whichever decoder's: up to 4 MiB a
// thread, which do not count as that decoder's.
//
// What is wrong is found as early as the octets show it: a header's faults and the size limit before any
// payload, invalid UTF-8 at the octet that makes it so. After a failure nothing more is decoded.
//
// With permessage-deflate a compressed message is collected as it is and restored at its end: what is wrong
// with it, its UTF-8 and its true size included, is found then, and never more than the size limit is made of
// it. One of several frames may come as more than the limit, as each frame grows by being compressed by
// itself: from there on it is restored as it comes (44 KB while that lasts), and what it stands for is
// limited as ever. Between messages the decoder keeps 44 KB if the context is taken over.
//
// On request (deliver_parts()) messages come in parts, as they arrive: nothing is collected then, and there
// is no limit to a message's size. What is wrong with a compressed one is found at the part that shows it. Of
// one that came in one frame and is not compressed, the first part tells how long it is.
//
// Threads: none of its own. Throws nothing but std::bad_alloc. Between messages a decoder owns no other
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <verdin/protocol/websocket/deflate_offer.hpp>
#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::protocol::websocket {

/// So many octets behind a text or binary message may be read.
inline constexpr std::size_t kMessagePadding = 64;

class MessageBuffer;
enum class InflateResult : std::uint8_t;

struct DecoderEvent {
  enum class Kind : std::uint8_t {
    need_more,  // the input is used up
    text,       // a whole message, valid UTF-8; or a part of one, which may end within a character
    binary,     // a whole message, or a part of one
    ping,
    pong,
    close,  // not parsed yet: see parse_close_payload()
    failed  // `code` is the close code to send: 1002, 1007 or 1009
  };
  Kind kind = Kind::need_more;
  std::uint16_t code = 0;
  bool last = true;   // text and binary: the message ends here
  bool part = false;  // it comes in parts
  bool first = true;  // of a message's parts
  /// Of a part: octets of the message behind it. Unknown but in a message's last frame that is not
  /// compressed.
  static constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
  std::uint64_t remaining = 0;
  /// May be changed. Valid until the next call on the decoder, and no longer than the octets fed.
  /// text and binary: kMessagePadding octets behind it are readable if that is true of the octets fed. What
  /// is there may be the next frame: it must not be written.
  std::span<char> payload;
  std::string_view reason;  // failed: what is wrong, literal text
};

class FrameDecoder {
 public:
  using Event = DecoderEvent;
  using Kind = DecoderEvent::Kind;

  FrameDecoder(Role role, std::size_t max_message_size) noexcept;
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  /// Compressed messages are welcome from now on: to be called before the first octet.
  void enable_deflate(const DeflateParams& params);

  /// Whether messages come in parts, from the next one on. The last part may be empty.
  void deliver_parts(bool wanted) noexcept { parts_ = wanted; }

  /// Consumes octets from the front of `input` up to the end of the next event.
  Event next(std::span<char>& input);

  /// Forgets what was begun and frees its memory. What next() returned last is not valid any more.
  void reset() noexcept;

  /// Octets of the frame being taken that are still to come; 1 within its header, which has not said yet.
  std::uint64_t awaited() const noexcept { return assembly_ ? rest_of_frame() : 0; }

  /// Octets of memory held for an unfinished message or frame.
  std::size_t memory() const noexcept;

 private:
  struct Assembly;
  struct Inflation;

  Event next_in_piece(std::span<char>& input);
  Event next_in_assembly(std::span<char>& input);
  Event begin_frame(const FrameHeader& header);
  Event take_control(std::span<char>& input);
  Event take_data(std::span<char>& input);
  Event take_part(std::span<char>& input);
  std::uint64_t rest_of_frame() const noexcept;
  Event part_of(std::span<char> octets, bool last) const noexcept;
  Event restore_part(std::span<const char> compressed, bool last);
  Event end_message();
  Event begin_restoring();
  Event restore_more(std::span<char>& input);
  Event restore(Opcode opcode, std::span<const char> compressed);
  Event restored_message(Opcode opcode, MessageBuffer& message) noexcept;
  Event fail_to_restore(InflateResult result) noexcept;
  std::uint64_t size_limit(bool compressed) const noexcept;
  Event fail(std::uint16_t code, std::string_view reason) noexcept;

  std::unique_ptr<Assembly> assembly_;    // only while inside a frame or a fragmented message
  std::unique_ptr<Inflation> inflation_;  // only with permessage-deflate
  std::size_t max_message_size_;
  Role role_;
  bool failed_ = false;
  bool parts_ = false;
};

}  // namespace verdin::protocol::websocket
