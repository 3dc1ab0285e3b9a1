#include "websocket/origin.hpp"

#include <algorithm>
#include <string_view>

#include <verdin/protocol/http1/chars.hpp>

namespace verdin::websocket {

using protocol::http1::equals_ignoring_case;

bool is_same_host(std::string_view origin, std::string_view host) noexcept {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (equals_ignoring_case(origin.substr(0, scheme.size()), scheme)) {
      return !host.empty() && equals_ignoring_case(origin.substr(scheme.size()), host);
    }
  }
  return false;
}

bool is_welcome(const http::Request& request, std::span<const std::string> origins) {
  const auto origin = request.header("Origin");
  if (!origin) return true;
  const auto named = [&](const std::string& allowed) { return allowed == "*" || allowed == *origin; };
  return std::any_of(origins.begin(), origins.end(), named) ||
         is_same_host(*origin, request.header("Host").value_or(std::string_view()));
}

}  // namespace verdin::websocket
