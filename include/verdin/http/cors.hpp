// cors(): lets pages of other origins ask (Fetch standard, section 3.2), as a middleware.
//
//   app.use(http::cors({.origins = {"https://example.org"}, .credentials = true}));
//
// The list is exact, or "*" alone for everybody, but never with credentials: origin.hpp has the rule, which
// is that of WebSocket and Engine.IO as well. A preflight of an origin on the list is answered here, one of
// another gets 403; what else a strange origin asks is answered without the headers, so that its page does
// not see it (it happens all the same: CSRF is another matter, see session.hpp). The headers are on every
// answer from here on, errors included: 404 and 405, 413, what a handler throws, its kill, error pages. Not
// on the answers to what did not become a request (400, 408, 417). Any thread may make one; throws
// std::invalid_argument.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <verdin/http/app.hpp>
#include <verdin/http/origin.hpp>

namespace verdin::http {

struct CorsOptions {
  std::vector<std::string> origins{};
  bool credentials = false;
  std::string methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
  std::string headers{};  ///< that pages may send; empty: whichever they ask for
  std::string exposed{};  ///< headers of answers that pages may see
  std::chrono::seconds max_age{600};
};

Middleware cors(const CorsOptions& options);

}  // namespace verdin::http
