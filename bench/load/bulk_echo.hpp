// Echo of large messages, over WebSocket and bare: what there is to do for one costs the same on both, and as
// little as it can. Most of each message is one pattern, made and masked once; what is sent and compared has
// a front that differs from message to message and from client to client.
#pragma once

#include <cstddef>
#include <memory>

#include "options.hpp"
#include "scenario.hpp"

namespace bench {

/// From so many octets on, one message at a time.
inline constexpr std::size_t kBulkMessage = 16 * 1024;

std::unique_ptr<Scenario> make_bulk_echo(const Options& options, bool websocket);

}  // namespace bench
