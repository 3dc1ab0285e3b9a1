// Broadcast: the first connection sends, every connection (the first one too) receives, and when the last one
// has, the next round starts. With a burst of B, B rounds are under way at once.
#pragma once

#include <memory>

#include "options.hpp"
#include "scenario.hpp"

namespace bench {

std::unique_ptr<Scenario> make_broadcast(const Options& options);
/// The same to a room: each connection has entered it before.
std::unique_ptr<Scenario> make_room_cast(const Options& options);
/// The same text as a message of a bare WebSocket, which the server publishes.
std::unique_ptr<Scenario> make_ws_cast(const Options& options);
/// The same octets without a protocol: what is sent is the frame that a server would send to each.
std::unique_ptr<Scenario> make_tcp_cast(const Options& options);

}  // namespace bench
