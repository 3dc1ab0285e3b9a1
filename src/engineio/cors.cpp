#include "engineio/cors.hpp"

namespace verdin::eio {

http::Origins origins_of(const Cors& cors) {
  return http::Origins(cors.any_origin ? std::vector<std::string>{"*"} : cors.origins, cors.credentials);
}

void append_preflight_headers(const http::Request& request, std::vector<http::Header>& to) {
  to.push_back({"Access-Control-Allow-Methods", "GET, POST"});
  if (const auto asked = request.header("access-control-request-headers")) {
    to.push_back({"Access-Control-Allow-Headers", *asked});
    to.push_back({"Vary", "Access-Control-Request-Headers"});
  }
  to.push_back({"Access-Control-Max-Age", "600"});
}

}  // namespace verdin::eio
