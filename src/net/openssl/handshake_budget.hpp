// How many steps of TLS handshakes a hub does in one turn of its loop: a flood of connections must not keep
// those that exist waiting.
#pragma once

#include <verdin/net/deadline.hpp>

namespace verdin::net::impl {

/// Suspends the greenlet until there is one left for it; false if `limit` is over first. 0: there are any
/// number.
bool await_handshake_turn(unsigned per_turn, Deadline limit);

}  // namespace verdin::net::impl
