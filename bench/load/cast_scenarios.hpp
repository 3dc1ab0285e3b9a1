// Broadcast: the first connection sends, every connection (the first one too) receives, and when the last one
// has, the next round starts. With a burst of B, B rounds are under way at once.
#pragma once

#include <memory>

#include "options.hpp"
#include "scenario.hpp"

namespace bench {

std::unique_ptr<Scenario> make_broadcast(const Options& options);
/// The same octets without a protocol: what is sent is the frame that a Socket.IO server would send to each.
/// The same to a room: each connection has entered it before.
std::unique_ptr<Scenario> make_room_cast(const Options& options);
std::unique_ptr<Scenario> make_tcp_cast(const Options& options);

}  // namespace bench
