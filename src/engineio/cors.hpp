// Which origins may talk to an Engine.IO server, and what the answers tell a browser about it (Fetch
// standard, 3.2).
#pragma once

#include <vector>

#include <verdin/engineio/options.hpp>
#include <verdin/http/exchange.hpp>

namespace verdin::eio {

/// No Origin header, the server's own origin, or one on the list.
bool origin_allowed(const Cors& cors, const http::Request& request);

/// Headers for an answer to `request`; they refer to it and to `cors`.
void append_cors_headers(const Cors& cors, const http::Request& request, std::vector<http::Header>& to);
/// Those that a preflight gets besides.
void append_preflight_headers(const http::Request& request, std::vector<http::Header>& to);

}  // namespace verdin::eio
