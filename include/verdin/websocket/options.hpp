// Limits and time-outs of a WebSocket connection, and what is told of its end.
//
// route(), accept() and connect() throw std::invalid_argument for a subprotocol's name that is no token, and
// for numbers of permessage-deflate that DeflateOptions says are none.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <verdin/protocol/websocket/close_code.hpp>
#include <verdin/protocol/websocket/deflate_offer.hpp>

namespace verdin::websocket {

namespace close_code = protocol::websocket::close_code;
using protocol::websocket::DeflateOptions;

/// Limits in octets. The send limits count what is queued and not yet taken by the kernel, frame headers
/// included; values above 4 GB - 1 and times above 49 days are cut to that.
struct Options {
  /// A larger message is refused from its header, with close code 1009.
  std::size_t max_message_size = 1'000'000;
  /// More unsent than this and nothing is read from the peer until it has read. One message may exceed it.
  std::size_t send_limit = 1 << 20;
  /// More unsent than this (and that not by a single message) and the peer is dropped.
  std::size_t drop_limit = 4 << 20;
  /// So long over send_limit and the peer is dropped.
  std::chrono::milliseconds backpressure_timeout{10'000};
  /// So long may the peer take to answer our close frame.
  std::chrono::milliseconds close_timeout{5'000};
  /// A peer of which nothing is heard between two pings is gone (1006). 0: no pings, and nobody watches.
  std::chrono::milliseconds ping_interval{25'000};
  /// A frame may take long to come, and nothing else can come meanwhile: it counts as being heard of where it
  /// brings so many octets a second. 0: where it brings any.
  std::uint32_t frame_rate = 500;
  /// permessage-deflate (RFC 7692), where the client offers it; none: it is declined. Compressed messages are
  /// subject to max_message_size as what they stand for.
  std::optional<DeflateOptions> deflate{};
  /// Subprotocols that accept() may agree to.
  std::vector<std::string> subprotocols{};
};

/// How a connection ended.
struct Close {
  /// The peer's code if it sent a close frame (1005: one without a code); else what we found: 1006 broken or
  /// no answer to our close frame, 1002/1007/1009 its fault, 1008 a slow reader, or too much that waits
  /// behind a message in parts, 1011 a callback that has thrown.
  std::uint16_t code = close_code::kAbnormal;
  /// The peer's words (valid UTF-8, untrusted), or ours.
  std::string reason{};
  /// Close frames went both ways.
  bool clean = false;
};

}  // namespace verdin::websocket
