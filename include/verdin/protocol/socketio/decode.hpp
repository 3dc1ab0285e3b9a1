// Decoding of Socket.IO 5 packets (the text of an Engine.IO message, without its leading 4), in three steps:
//
//   PacketHeader header;
//   if (auto error = parse_header(text, limits, header); error != none) close;
//   if (document.parse_padded(header.payload_text()) != json::ParseError::none) close;  // if there is one
//   if (auto error = validate_payload(header, document.root()); error != none) close;
//
// or all at once: decode(). Strict: what these functions refuse is to end the connection. A packet with
// attachments is kept until they have come; then document.attach(attachments) binds them, and refuses unless
// each placeholder is used exactly once. No I/O, no allocation but the document's, nothing throws. Time is
// linear in the text.
#pragma once

#include <span>
#include <string_view>

#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/view.hpp>
#include <verdin/protocol/socketio/packet.hpp>

namespace verdin::protocol::sio {

/// Everything before the payload, and the payload's first character.
PacketError parse_header(std::span<char> text, const Limits& limits, PacketHeader& out) noexcept;

/// Whether the payload is of the shape that the type needs: an event is an array that begins with a name (a
/// string that is not reserved, or a number), an ack an array, a connect an object or nothing, a
/// connect_error an object or a string, a disconnect nothing (`payload` is a missing View then).
PacketError validate_payload(const PacketHeader& header, json::View payload) noexcept;

/// All steps, attachments excepted: for a binary packet the number of placeholders is checked. `padded`:
/// json::kPadding octets behind `text` are readable. The document holds the payload (a missing root if there
/// is none).
PacketError decode(std::span<char> text, bool padded, const Limits& limits, json::Document& document,
                   PacketHeader& out) noexcept;

/// The name of a validated event; a number is written as JavaScript writes it, into `scratch`.
std::string_view event_name(json::View payload, std::span<char, 32> scratch) noexcept;

}  // namespace verdin::protocol::sio
