#include <verdin/http/endpoint.hpp>

namespace verdin::http {

// NOLINTNEXTLINE(performance-unnecessary-value-param): an override may keep it
void Endpoint::on_body_too_large(ExchangePtr exchange) {
  exchange->respond(413, {{"Content-Type", "text/plain"}}, "Content Too Large\n");
}

}  // namespace verdin::http
