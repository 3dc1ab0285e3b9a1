// Those of the sweep of failing calls that are of HTTP and WebSocket.
#pragma once

#include <span>
#include <string>

#include <verdin/net/tls_context.hpp>

#include "system/scenarios.hpp"

namespace verdin::test {

std::span<const SystemScenario> http_scenarios();

// What they share with the others, behind prepare_scenarios().
const std::string& scenario_folder();
const net::TlsContext& scenario_tls_server();  ///< for "one.test"
const net::TlsContext& scenario_tls_client();

}  // namespace verdin::test
