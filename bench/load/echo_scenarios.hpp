// Rounds: every connection sends a burst of messages in one write, waits for the reply to each, and starts
// again.
#pragma once

#include <memory>

#include "options.hpp"
#include "scenario.hpp"

namespace bench {

std::unique_ptr<Scenario> make_ws_echo(const Options& options);
std::unique_ptr<Scenario> make_emit_ack(const Options& options);
/// Sends the octets that make_emit_ack would send, and wants the same octets back.
std::unique_ptr<Scenario> make_tcp_echo(const Options& options);
std::unique_ptr<Scenario> make_ping_pong(const Options& options);

}  // namespace bench
