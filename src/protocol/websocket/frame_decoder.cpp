#include <algorithm>
#include <cstring>

#include <verdin/protocol/utf8.hpp>
#include <verdin/protocol/websocket/close_code.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>

#include "protocol/websocket/message_buffer.hpp"

namespace verdin::protocol::websocket {
namespace {

using Event = DecoderEvent;
using Kind = DecoderEvent::Kind;
using Status = HeaderResult::Status;

std::span<char> take(std::span<char>& input, std::size_t count) noexcept {
  const std::span<char> taken = input.first(count);
  input = input.subspan(count);
  return taken;
}

Kind kind_of(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::text:
      return Kind::text;
    case Opcode::binary:
      return Kind::binary;
    case Opcode::ping:
      return Kind::ping;
    case Opcode::pong:
      return Kind::pong;
    case Opcode::close:
      return Kind::close;
    case Opcode::continuation:
      break;
  }
  return Kind::failed;
}

bool all_ascii(std::uint8_t ored) noexcept { return ored < 0x80; }

constexpr std::string_view kNotUtf8 = "text is not UTF-8";
constexpr std::string_view kTooBig = "message too big";
constexpr std::string_view kNothingToContinue = "continuation of no message";

}  // namespace

/// What must be remembered from one piece to the next.
struct FrameDecoder::Assembly {
  FrameHeader frame;            // of the frame being taken, its mask rotated to where we are
  std::uint64_t remaining = 0;  // octets of its payload still to come
  MessageBuffer message;
  Utf8Validator utf8;
  Opcode message_opcode = Opcode::continuation;  // continuation: not inside a message
  bool in_frame = false;
  std::uint8_t header_size = 0;
  std::uint8_t control_size = 0;
  char header[kMaxFrameHeader];  // the part of a header that came in an earlier piece
  char control[125];

  bool in_message() const noexcept { return message_opcode != Opcode::continuation; }
  bool needed() const noexcept { return in_frame || in_message() || header_size > 0; }

  HeaderResult take_header(std::span<char>& input, Role role) noexcept {
    if (header_size == 0) {
      const HeaderResult result = read_header(input, role, frame);
      if (result.status == Status::ok) input = input.subspan(result.size);
      if (result.status != Status::need_more) return result;
    }
    HeaderResult result;
    while (result.status == Status::need_more && !input.empty()) {
      header[header_size++] = take(input, 1)[0];
      result = read_header({header, header_size}, role, frame);
    }
    if (result.status == Status::ok) header_size = 0;
    return result;
  }

  /// The next octets of the frame's payload, unmasked; `ored` gets the OR of them.
  std::span<char> take_payload(std::span<char>& input, std::uint8_t& ored) noexcept {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining, input.size()));
    const std::span<char> piece = take(input, count);
    ored = apply_mask(piece, frame.mask);
    remaining -= count;
    if (remaining > 0) frame.mask = rotate_mask(frame.mask, count);
    return piece;
  }
};

FrameDecoder::FrameDecoder(Role role, std::size_t max_message_size) noexcept
    : max_message_size_(max_message_size), role_(role) {}
FrameDecoder::~FrameDecoder() = default;

void FrameDecoder::reset() noexcept {
  assembly_.reset();
  failed_ = false;
}

std::size_t FrameDecoder::memory() const noexcept {
  return assembly_ ? sizeof(Assembly) + assembly_->message.memory() : 0;
}

Event FrameDecoder::fail(std::uint16_t code, std::string_view reason) noexcept {
  assembly_.reset();
  failed_ = true;
  return {Kind::failed, code, {}, reason};
}

Event FrameDecoder::next(std::span<char>& input) {
  if (assembly_) {
    if (assembly_->needed()) return next_in_assembly(input);
    assembly_.reset();
  }
  if (failed_) input = {};
  if (input.empty()) return {};
  return next_in_piece(input);
}

/// The usual case: between messages, and the next one is a frame that is all there.
Event FrameDecoder::next_in_piece(std::span<char>& input) {
  FrameHeader header;
  const HeaderResult result = read_header(input, role_, header);
  if (result.status == Status::bad) return fail(close_code::kProtocolError, result.reason);
  if (result.status == Status::need_more || !header.fin || header.opcode == Opcode::continuation ||
      header.payload_size > input.size() - result.size) {
    assembly_ = std::make_unique_for_overwrite<Assembly>();
    return next_in_assembly(input);
  }
  if (header.payload_size > max_message_size_ && !is_control(header.opcode)) {
    return fail(close_code::kMessageTooBig, kTooBig);
  }
  input = input.subspan(result.size);
  const std::span<char> payload = take(input, static_cast<std::size_t>(header.payload_size));
  const std::uint8_t ored = apply_mask(payload, header.mask);
  if (header.opcode == Opcode::text && !all_ascii(ored) && !is_utf8({payload.data(), payload.size()})) {
    return fail(close_code::kInvalidData, kNotUtf8);
  }
  return {kind_of(header.opcode), 0, payload, {}};
}

Event FrameDecoder::next_in_assembly(std::span<char>& input) {
  for (;;) {
    Assembly& a = *assembly_;
    if (!a.in_frame) {
      const HeaderResult result = a.take_header(input, role_);
      if (result.status == Status::need_more) return {};
      if (result.status == Status::bad) return fail(close_code::kProtocolError, result.reason);
      if (const Event event = begin_frame(a.frame); event.kind == Kind::failed) return event;
    }
    const Event event = is_control(a.frame.opcode) ? take_control(input) : take_data(input);
    if (event.kind != Kind::need_more || a.in_frame) return event;
  }
}

Event FrameDecoder::begin_frame(const FrameHeader& header) {
  Assembly& a = *assembly_;
  a.remaining = header.payload_size;
  a.in_frame = true;
  a.control_size = 0;
  if (is_control(header.opcode)) return {};
  if (header.opcode == Opcode::continuation) {
    if (!a.in_message()) return fail(close_code::kProtocolError, kNothingToContinue);
  } else {
    if (a.in_message()) return fail(close_code::kProtocolError, "new message inside a message");
    a.message_opcode = header.opcode;
  }
  // Both are below 2^63: the first by read_header(), the second as it is memory.
  if (header.payload_size + a.message.size() > max_message_size_) {
    return fail(close_code::kMessageTooBig, kTooBig);
  }
  return {};
}

Event FrameDecoder::take_control(std::span<char>& input) {
  Assembly& a = *assembly_;
  std::uint8_t ored = 0;
  std::span<char> payload = a.take_payload(input, ored);
  const bool whole = a.control_size == 0 && a.remaining == 0;
  if (!whole) {
    if (!payload.empty()) std::memcpy(a.control + a.control_size, payload.data(), payload.size());
    a.control_size = static_cast<std::uint8_t>(a.control_size + payload.size());
    if (a.remaining > 0) return {};
    payload = {a.control, a.control_size};
  }
  a.in_frame = false;
  return {kind_of(a.frame.opcode), 0, payload, {}};
}

Event FrameDecoder::take_data(std::span<char>& input) {
  Assembly& a = *assembly_;
  std::uint8_t ored = 0;
  const std::span<char> payload = a.take_payload(input, ored);
  if (a.message_opcode == Opcode::text && !(all_ascii(ored) && a.utf8.complete()) &&
      !a.utf8.feed({payload.data(), payload.size()})) {
    return fail(close_code::kInvalidData, kNotUtf8);
  }
  const bool ends = a.remaining == 0 && a.frame.fin;
  if (ends && a.message.size() == 0 && !payload.empty()) {
    // Nothing was collected before (a header came in two pieces): no need to begin now.
    a.in_frame = false;
    const Kind kind = kind_of(a.message_opcode);
    if (kind == Kind::text && !a.utf8.complete()) return fail(close_code::kInvalidData, kNotUtf8);
    a.message_opcode = Opcode::continuation;
    return {kind, 0, payload, {}};
  }
  const auto rest = static_cast<std::size_t>(a.remaining);
  a.message.append(payload, a.frame.fin ? a.message.size() + payload.size() + rest : max_message_size_);
  if (a.remaining > 0) return {};
  a.in_frame = false;
  return ends ? end_message() : Event{};
}

Event FrameDecoder::end_message() {
  Assembly& a = *assembly_;
  const Kind kind = kind_of(a.message_opcode);
  if (kind == Kind::text && !a.utf8.complete()) return fail(close_code::kInvalidData, kNotUtf8);
  a.message_opcode = Opcode::continuation;
  return {kind, 0, a.message.finish(), {}};
}

}  // namespace verdin::protocol::websocket
