#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include <verdin/protocol/socketio/decode.hpp>

#include "protocol/json/number_text.hpp"

namespace verdin::protocol::sio {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// What is left of the packet's text.
class Cursor {
 public:
  explicit Cursor(std::span<char> text) noexcept : at_(text.data()), end_(at_ + text.size()) {}

  bool at_end() const noexcept { return at_ == end_; }
  char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }
  void skip() noexcept { ++at_; }
  std::span<char> rest() const noexcept { return {at_, end_}; }
  /// Up to `stop` or the end; `stop` itself is taken too.
  std::string_view take_until(char stop) noexcept {
    char* start = at_;
    char* found = static_cast<char*>(std::memchr(at_, stop, static_cast<std::size_t>(end_ - at_)));
    at_ = found ? found + 1 : end_;
    return {start, static_cast<std::size_t>((found ? found : end_) - start)};
  }

 private:
  char* at_;
  char* end_;
};

// "N-". Stops at the first digit that makes it too large: the rest is never looked at.
PacketError take_count(Cursor& cursor, std::size_t max, std::uint32_t& count) noexcept {
  if (!is_digit(cursor.peek()) || cursor.peek() == '0') return PacketError::bad_attachment_count;
  std::uint64_t value = 0;
  for (; is_digit(cursor.peek()); cursor.skip()) {
    value = value * 10 + static_cast<std::uint64_t>(cursor.peek() - '0');
    if (value > max || value > json::kMaxAttachments) return PacketError::too_many_attachments;
  }
  if (cursor.peek() != '-') return PacketError::bad_attachment_count;
  cursor.skip();
  count = static_cast<std::uint32_t>(value);
  return PacketError::none;
}

// Digits, if there are any.
PacketError take_id(Cursor& cursor, std::optional<std::uint64_t>& id) noexcept {
  if (!is_digit(cursor.peek())) return PacketError::none;
  std::uint64_t value = 0;
  for (; is_digit(cursor.peek()); cursor.skip()) {
    const auto next = static_cast<std::uint64_t>(cursor.peek() - '0');
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    if (value > kMost / 10 || value * 10 > kMost - next) return PacketError::bad_id;
    value = value * 10 + next;
  }
  id = value;
  return PacketError::none;
}

// Whether the payload can be what the type needs, by its first character alone.
bool payload_can_fit(const PacketHeader& header) noexcept {
  const char first = header.payload.empty() ? '\0' : header.payload[0];
  switch (header.type) {
    case PacketType::connect:
      return first == '\0' || first == '{';
    case PacketType::disconnect:
      return header.payload.empty();
    case PacketType::connect_error:
      return first == '{' || first == '"';
    default:
      return first == '[';
  }
}

PacketError validate_event(json::View payload) noexcept {
  const json::View name = payload[0];
  if (name.is_number()) return PacketError::none;
  const auto text = name.as_string();
  if (!text) return PacketError::bad_payload;
  return is_reserved_event(*text) ? PacketError::reserved_event : PacketError::none;
}

}  // namespace

PacketError parse_header(std::span<char> text, const Limits& limits, PacketHeader& out) noexcept {
  Cursor cursor(text);
  out = PacketHeader();
  if (cursor.at_end()) return PacketError::empty;
  if (cursor.peek() < '0' || cursor.peek() > '6') return PacketError::unknown_type;
  out.type = static_cast<PacketType>(cursor.peek() - '0');
  cursor.skip();
  if (out.type == PacketType::binary_event || out.type == PacketType::binary_ack) {
    const PacketError error = take_count(cursor, limits.max_attachments, out.attachments);
    if (error != PacketError::none) return error;
  }
  if (cursor.peek() == '/') {
    out.nsp = cursor.take_until(',');
    if (out.nsp.size() > limits.max_namespace) return PacketError::namespace_too_long;
  }
  if (const PacketError error = take_id(cursor, out.id); error != PacketError::none) return error;
  if (out.id ? !out.is_event() && !out.is_ack() : out.is_ack()) return PacketError::bad_id;
  out.payload = cursor.rest();
  return payload_can_fit(out) ? PacketError::none : PacketError::bad_payload;
}

PacketError validate_payload(const PacketHeader& header, json::View payload) noexcept {
  bool ok = false;
  switch (header.type) {
    case PacketType::connect:
      ok = !payload || payload.is_object();
      break;
    case PacketType::disconnect:
      ok = !payload;
      break;
    case PacketType::connect_error:
      ok = payload.is_object() || payload.is_string();
      break;
    case PacketType::ack:
    case PacketType::binary_ack:
      ok = payload.is_array();
      break;
    case PacketType::event:
    case PacketType::binary_event:
      return validate_event(payload);
  }
  return ok ? PacketError::none : PacketError::bad_payload;
}

PacketError decode(std::span<char> text, bool padded, const Limits& limits, json::Document& document,
                   PacketHeader& out) noexcept {
  document.clear();
  if (const PacketError error = parse_header(text, limits, out); error != PacketError::none) return error;
  if (!out.payload.empty()) {
    const json::ParseError error =
        padded ? document.parse_padded(out.payload_text()) : document.parse(out.payload_text());
    if (error != json::ParseError::none) return PacketError::bad_json;
  }
  if (const PacketError error = validate_payload(out, document.root()); error != PacketError::none)
    return error;
  const bool matched = out.attachments == 0 || document.placeholders_match(out.attachments);
  return matched ? PacketError::none : PacketError::bad_placeholders;
}

std::string_view event_name(json::View payload, std::span<char, 32> scratch) noexcept {
  const json::View name = payload[0];
  if (const auto text = name.as_string()) return *text;
  char* const to = scratch.data();
  if (const auto value = name.as_int64()) return {to, std::to_chars(to, to + scratch.size(), *value).ptr};
  if (const auto value = name.as_uint64()) return {to, std::to_chars(to, to + scratch.size(), *value).ptr};
  const double value = name.as_double().value_or(0);
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";  // as String() of ECMAScript says
  std::array<char, json::kNumberTextSize> text;
  const std::string_view number = json::number_text(value, text);
  return {to, number.copy(to, scratch.size())};
}

}  // namespace verdin::protocol::sio
