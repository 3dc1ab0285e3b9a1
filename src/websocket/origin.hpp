// Whose pages may connect: browsers do not hold WebSockets to the same-origin policy, so the server must.
// Internal.
#pragma once

#include <span>
#include <string>

#include <verdin/http/request.hpp>

namespace verdin::websocket {

/// No Origin, the request's own host, or one of `origins` ("*" is all), compared as a whole.
bool is_welcome(const http::Request& request, std::span<const std::string> origins);

/// Whether `origin` ("http://host:port") is of the host that a Host header names.
bool is_same_host(std::string_view origin, std::string_view host) noexcept;

}  // namespace verdin::websocket
