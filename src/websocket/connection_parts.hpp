// What a Connection holds besides itself, where it needs it. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <verdin/loop/loop.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/websocket/connection.hpp>

#include "websocket/memberships.hpp"

namespace verdin::websocket {

/// What few connections have at a time, and not for long.
struct Connection::Extras {
  explicit Extras(Connection& connection, loop::Loop& loop)
      : timer(loop, loop::on_timer<&Connection::on_timer>, &connection),
        input_timer(loop, loop::on_timer<&Connection::on_kept_input>, &connection) {}

  loop::Timer timer;        // open: back-pressure; closing: the peer's answer; doomed: at once
  loop::Timer input_timer;  // at once
  std::uint16_t doom = 0;
  std::string_view doom_reason;  // literal text
  std::string input;             // came early, or was read before a pause; kPadding octets longer than that
};

/// The sending side; the receiving one is in the decoder.
struct Connection::Compression {
  Compression(const protocol::websocket::DeflateParams& params, const DeflateOptions& options,
              Role role) noexcept
      : deflater(params, options, role), threshold(std::max<std::size_t>(options.threshold, 1)) {
    // zlib makes no window of 8 bits, and what it makes with 9 the peer could not read.
    const int bits = role == Role::server ? params.server_max_window_bits : params.client_max_window_bits;
    if (bits < 9) threshold = kNever;
  }
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  protocol::websocket::Deflater deflater;
  std::size_t threshold;
};

/// A message on its way in parts.
struct Connection::Parts {
  std::string held;                     // frames of others, which are to leave behind it
  std::uint64_t rest = 0;               // of the one frame that it is: octets still to be sent
  protocol::websocket::MaskKey mask{};  // for them
  Opcode next = Opcode::continuation;   // of the next part
  bool compressed = false;
  bool is_frame = false;
};

}  // namespace verdin::websocket
