// Masks of a client's frames: nobody who chooses the payload may foresee them (RFC 6455, section 10.3).
// Internal.
#pragma once

#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::websocket::impl {

/// From getrandom(2), 256 a call, the calling thread's own. Throws std::system_error if the kernel refuses.
protocol::websocket::MaskKey next_mask();

}  // namespace verdin::websocket::impl
