// What options cannot be is said where they are given, not by connections that do not do what was asked for.
// Internal.
#pragma once

#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/websocket/options.hpp>

namespace verdin::websocket::impl {

/// std::invalid_argument for a subprotocol's name that is none, and for numbers that permessage-deflate does
/// not have at that end.
void check_options(const Options& options, protocol::websocket::Role role);

}  // namespace verdin::websocket::impl
