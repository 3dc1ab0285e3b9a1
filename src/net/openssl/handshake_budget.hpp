// How many steps of TLS handshakes a hub does in one turn of its loop: a flood of connections must not keep
// those that exist waiting.
#pragma once

namespace verdin::net::impl {

/// Suspends the greenlet until there is one left for it. 0: there is no limit.
void await_handshake_turn(unsigned per_turn);

}  // namespace verdin::net::impl
