#include <algorithm>
#include <cstring>
#include <utility>

#include <verdin/protocol/utf8.hpp>
#include <verdin/protocol/websocket/close_code.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>

#include "protocol/websocket/inflater.hpp"
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

/// A whole message or control frame.
Event whole_event(Kind kind, std::span<char> payload) noexcept {
  Event event;
  event.kind = kind;
  event.payload = payload;
  return event;
}

bool all_ascii(std::uint8_t ored) noexcept { return ored < 0x80; }

// What is restored of a message in parts at once: it can become a thousand times larger.
constexpr std::size_t kCompressedPart = 256;
constexpr std::size_t kRestoredPart = 1024 * 1024;

constexpr std::string_view kNotUtf8 = "text is not UTF-8";
constexpr std::string_view kTooBig = "message too big";
constexpr std::string_view kNotDeflate = "compressed data is invalid";
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
  bool compressed = false;  // the message
  bool in_parts = false;    // the message
  bool begun = false;       // a part of it was handed out
  bool restoring = false;   // what came is in `message` as what it stands for
  std::uint8_t header_size = 0;
  std::uint8_t control_size = 0;
  char header[kMaxFrameHeader];  // the part of a header that came in an earlier piece
  char control[125];

  bool in_message() const noexcept { return message_opcode != Opcode::continuation; }
  bool needed() const noexcept { return in_frame || in_message() || header_size > 0; }

  HeaderResult take_header(std::span<char>& input, Role role, bool deflate) noexcept {
    if (header_size == 0) {
      const HeaderResult result = read_header(input, role, frame, deflate);
      if (result.status == Status::ok) input = input.subspan(result.size);
      if (result.status != Status::need_more) return result;
    }
    HeaderResult result;
    while (result.status == Status::need_more && !input.empty()) {
      header[header_size++] = take(input, 1)[0];
      result = read_header({header, header_size}, role, frame, deflate);
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

  /// The same, collected behind what came before: one pass over octets that may fill the caches.
  std::span<char> collect_payload(std::span<char>& input, std::size_t most, std::uint8_t& ored) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining, input.size()));
    const std::size_t expected = frame.fin ? message.size() + static_cast<std::size_t>(remaining) : most;
    char* const to = message.extend(count, expected);
    ored = copy_masked(to, take(input, count), frame.mask);
    remaining -= count;
    if (remaining > 0) frame.mask = rotate_mask(frame.mask, count);
    return {to, count};
  }
};

struct FrameDecoder::Inflation {
  explicit Inflation(bool takes_over) noexcept : inflater(takes_over) {}

  Inflater inflater;
  MessageBuffer message;  // handed out, until the next call
};

FrameDecoder::FrameDecoder(Role role, std::size_t max_message_size) noexcept
    : max_message_size_(max_message_size), role_(role) {}
FrameDecoder::~FrameDecoder() = default;

void FrameDecoder::enable_deflate(const DeflateParams& params) {
  const bool alone =
      role_ == Role::server ? params.client_no_context_takeover : params.server_no_context_takeover;
  inflation_ = std::make_unique<Inflation>(!alone);
}

void FrameDecoder::reset() noexcept {
  assembly_.reset();
  inflation_.reset();
  failed_ = false;
}

std::size_t FrameDecoder::memory() const noexcept {
  const std::size_t collected = assembly_ ? sizeof(Assembly) + assembly_->message.memory() : 0;
  const std::size_t restored = inflation_ ? inflation_->message.memory() + inflation_->inflater.memory() : 0;
  return collected + restored;
}

std::uint64_t FrameDecoder::rest_of_frame() const noexcept {
  if (assembly_->in_frame) return assembly_->remaining;
  return assembly_->header_size > 0 ? 1 : 0;
}

Event FrameDecoder::fail(std::uint16_t code, std::string_view reason) noexcept {
  assembly_.reset();
  inflation_.reset();
  failed_ = true;
  Event event;
  event.kind = Kind::failed;
  event.code = code;
  event.reason = reason;
  return event;
}

Event FrameDecoder::next(std::span<char>& input) {
  if (inflation_ && inflation_->message.memory() > 0) inflation_->message = {};
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
  const HeaderResult result = read_header(input, role_, header, inflation_ != nullptr);
  if (result.status == Status::bad) return fail(close_code::kProtocolError, result.reason);
  if (result.status == Status::need_more || !header.fin || header.opcode == Opcode::continuation ||
      header.payload_size > input.size() - result.size || (parts_ && header.compressed)) {
    assembly_ = std::make_unique_for_overwrite<Assembly>();
    return next_in_assembly(input);
  }
  if (header.payload_size > size_limit(header.compressed) && !is_control(header.opcode) && !parts_) {
    return fail(close_code::kMessageTooBig, kTooBig);
  }
  input = input.subspan(result.size);
  const std::span<char> payload = take(input, static_cast<std::size_t>(header.payload_size));
  const std::uint8_t ored = apply_mask(payload, header.mask);
  if (header.compressed) return restore(header.opcode, payload);
  if (header.opcode == Opcode::text && !all_ascii(ored) && !is_utf8({payload.data(), payload.size()})) {
    return fail(close_code::kInvalidData, kNotUtf8);
  }
  Event event = whole_event(kind_of(header.opcode), payload);
  event.part = parts_ && !is_control(header.opcode);
  return event;
}

Event FrameDecoder::next_in_assembly(std::span<char>& input) {
  for (;;) {
    Assembly& a = *assembly_;
    if (!a.in_frame) {
      const HeaderResult result = a.take_header(input, role_, inflation_ != nullptr);
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
    a.compressed = header.compressed;
    a.in_parts = parts_;
    a.begun = a.restoring = false;
  }
  if (a.in_parts) return {};
  // Both are below 2^63: the first by read_header(), the second as it is memory.
  const std::uint64_t collected = a.restoring ? 0 : a.message.size();
  if (header.payload_size + collected <= size_limit(a.compressed)) return {};
  if (!a.compressed || header.payload_size > size_limit(true)) {
    return fail(close_code::kMessageTooBig, kTooBig);
  }
  return begin_restoring();
}

/// Each frame may have grown by being compressed, by more than the limit allows for one: what all of them
/// stand for decides, and is kept from now on instead of what came.
Event FrameDecoder::begin_restoring() {
  Assembly& a = *assembly_;
  MessageBuffer restored;
  const Inflater::Result result =
      inflation_->inflater.inflate_part(a.message.finish(), false, max_message_size_, restored);
  if (result != Inflater::Result::ok) return fail_to_restore(result);
  a.message = std::move(restored);
  a.restoring = true;
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
  return whole_event(kind_of(a.frame.opcode), payload);
}

Event FrameDecoder::take_data(std::span<char>& input) {
  Assembly& a = *assembly_;
  if (a.in_parts) return take_part(input);
  if (a.restoring) return restore_more(input);
  std::uint8_t ored = 0;
  const bool ends = a.frame.fin && a.remaining <= input.size();
  // Nothing was collected before (a header came in two pieces): no need to begin now.
  const bool in_place = ends && a.message.size() == 0 && a.remaining > 0;
  const std::span<char> payload =
      in_place ? a.take_payload(input, ored)
               : a.collect_payload(input, static_cast<std::size_t>(size_limit(a.compressed)), ored);
  if (a.message_opcode == Opcode::text && !a.compressed && !(all_ascii(ored) && a.utf8.complete()) &&
      !a.utf8.feed({payload.data(), payload.size()})) {
    return fail(close_code::kInvalidData, kNotUtf8);
  }
  if (in_place) {
    a.in_frame = false;
    if (a.compressed) return restore(std::exchange(a.message_opcode, Opcode::continuation), payload);
    const Kind kind = kind_of(a.message_opcode);
    if (kind == Kind::text && !a.utf8.complete()) return fail(close_code::kInvalidData, kNotUtf8);
    a.message_opcode = Opcode::continuation;
    return whole_event(kind, payload);
  }
  if (a.remaining > 0) return {};
  a.in_frame = false;
  return ends ? end_message() : Event{};
}

Event FrameDecoder::end_message() {
  Assembly& a = *assembly_;
  if (a.compressed) return restore(std::exchange(a.message_opcode, Opcode::continuation), a.message.finish());
  const Kind kind = kind_of(a.message_opcode);
  if (kind == Kind::text && !a.utf8.complete()) return fail(close_code::kInvalidData, kNotUtf8);
  a.message_opcode = Opcode::continuation;
  return whole_event(kind, a.message.finish());
}

/// Of the message that comes in parts.
Event FrameDecoder::part_of(std::span<char> octets, bool last) const noexcept {
  Event event = whole_event(kind_of(assembly_->message_opcode), octets);
  event.last = last;
  event.part = true;
  event.first = !assembly_->begun;
  if (!last) event.remaining = Event::kUnknown;
  return event;
}

Event FrameDecoder::take_part(std::span<char>& input) {
  Assembly& a = *assembly_;
  for (;;) {
    std::span<char> some = a.compressed ? input.first(std::min(input.size(), kCompressedPart)) : input;
    const std::size_t before = some.size();
    std::uint8_t ored = 0;
    const std::span<char> piece = a.take_payload(some, ored);
    input = input.subspan(before - some.size());
    a.in_frame = a.remaining > 0;
    const bool last = !a.in_frame && a.frame.fin;
    Event event;
    if (a.compressed) {
      event = restore_part(piece, last);
    } else if (a.message_opcode == Opcode::text && !(all_ascii(ored) && a.utf8.complete()) &&
               !a.utf8.feed({piece.data(), piece.size()})) {
      return fail(close_code::kInvalidData, kNotUtf8);
    } else {
      event = part_of(piece, last);
      if (a.frame.fin) event.remaining = a.remaining;
    }
    if (event.kind == Kind::failed) return event;
    if (last && event.kind == Kind::text && !a.utf8.complete()) {
      return fail(close_code::kInvalidData, kNotUtf8);
    }
    if (last) a.message_opcode = Opcode::continuation;
    if (last || !event.payload.empty()) {
      a.begun = true;
      return event;
    }
    if (!a.in_frame || input.empty()) return {};  // nothing came of it: a frame's end, or an empty frame
  }
}

Event FrameDecoder::restore_more(std::span<char>& input) {
  Assembly& a = *assembly_;
  std::uint8_t ored = 0;
  const std::span<char> piece = a.take_payload(input, ored);
  a.in_frame = a.remaining > 0;
  const bool last = !a.in_frame && a.frame.fin;
  const Inflater::Result result =
      inflation_->inflater.inflate_part(piece, last, max_message_size_, a.message);
  if (result != Inflater::Result::ok) return fail_to_restore(result);
  if (!last) return {};
  return restored_message(std::exchange(a.message_opcode, Opcode::continuation), a.message);
}

/// A message that was collected, or lies in the input.
Event FrameDecoder::restore(Opcode opcode, std::span<const char> compressed) {
  MessageBuffer& message = inflation_->message;
  const Inflater::Result result = inflation_->inflater.inflate(compressed, max_message_size_, message);
  if (result != Inflater::Result::ok) return fail_to_restore(result);
  return restored_message(opcode, message);
}

Event FrameDecoder::fail_to_restore(Inflater::Result result) noexcept {
  if (result == Inflater::Result::too_big) return fail(close_code::kMessageTooBig, kTooBig);
  return fail(close_code::kInvalidData, kNotDeflate);
}

Event FrameDecoder::restored_message(Opcode opcode, MessageBuffer& message) noexcept {
  const std::span<char> restored = message.finish();
  if (opcode == Opcode::text && !is_utf8({restored.data(), restored.size()})) {
    return fail(close_code::kInvalidData, kNotUtf8);
  }
  return whole_event(kind_of(opcode), restored);
}

Event FrameDecoder::restore_part(std::span<const char> compressed, bool last) {
  Assembly& a = *assembly_;
  MessageBuffer& part = inflation_->message;
  if (inflation_->inflater.inflate_part(compressed, last, kRestoredPart, part) != Inflater::Result::ok) {
    return fail(close_code::kInvalidData, kNotDeflate);
  }
  const std::span<char> restored = part.finish();
  if (a.message_opcode == Opcode::text && !a.utf8.feed({restored.data(), restored.size()})) {
    return fail(close_code::kInvalidData, kNotUtf8);
  }
  return part_of(restored, last);
}

/// Of a frame, and of a message that is collected: what cannot be compressed becomes a little larger by it.
std::uint64_t FrameDecoder::size_limit(bool compressed) const noexcept {
  return compressed ? std::uint64_t{max_message_size_} + max_message_size_ / 1024 + 64 : max_message_size_;
}

}  // namespace verdin::protocol::websocket
