// Which origins may talk to an Engine.IO server (http/origin.hpp has the rule), and what a preflight is told.
#pragma once

#include <vector>

#include <verdin/engineio/options.hpp>
#include <verdin/http/origin.hpp>

namespace verdin::eio {

/// Throws std::invalid_argument.
http::Origins origins_of(const Cors& cors);

/// Those that a preflight gets besides.
void append_preflight_headers(const http::Request& request, std::vector<http::Header>& to);

}  // namespace verdin::eio
