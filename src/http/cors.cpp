#include <algorithm>
#include <stdexcept>

#include <verdin/http/cors.hpp>

namespace verdin::http {

namespace {

class CrossOrigin {
 public:
  explicit CrossOrigin(CorsOptions options)
      : options_(std::move(options)),
        everybody_(options_.origins.size() == 1 && options_.origins.front() == "*") {
    if (everybody_ && options_.credentials)
      throw std::invalid_argument("CORS: every origin, and credentials: name the origins");
    const auto is_star = [](const std::string& origin) { return origin == "*"; };
    if (!everybody_ && std::any_of(options_.origins.begin(), options_.origins.end(), is_star))
      throw std::invalid_argument("CORS: \"*\" stands alone");
    for (const std::string& value : {options_.methods, options_.headers, options_.exposed})
      http1::check_header("CORS", value);
  }

  void operator()(Request& request, Response& response, const Next& next) const {
    const auto origin = request.header("Origin");
    if (!everybody_) response.add_header("Vary", "Origin");
    if (!origin) return next();
    const bool allowed = everybody_ || std::find(options_.origins.begin(), options_.origins.end(), *origin) !=
                                           options_.origins.end();
    const auto asked = request.header("Access-Control-Request-Method");
    const bool preflight = asked && request.is("OPTIONS");
    if (!allowed) {
      if (!preflight) return next();
      response.status(403).send("Forbidden\n");
      return;
    }
    response.header("Access-Control-Allow-Origin", everybody_ ? "*" : *origin);
    if (options_.credentials) response.header("Access-Control-Allow-Credentials", "true");
    if (!preflight) {
      if (!options_.exposed.empty()) response.header("Access-Control-Expose-Headers", options_.exposed);
      return next();
    }
    response.header("Access-Control-Allow-Methods", options_.methods);
    const auto wanted = request.header("Access-Control-Request-Headers");
    if (!options_.headers.empty()) {
      response.header("Access-Control-Allow-Headers", options_.headers);
    } else if (wanted) {
      response.header("Access-Control-Allow-Headers", *wanted)
          .add_header("Vary", "Access-Control-Request-Headers");
    }
    response.header("Access-Control-Max-Age", std::to_string(options_.max_age.count())).status(204).send();
  }

 private:
  CorsOptions options_;
  bool everybody_;
};

}  // namespace

Middleware cors(CorsOptions options) { return CrossOrigin(std::move(options)); }

}  // namespace verdin::http
