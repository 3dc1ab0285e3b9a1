#include <vector>

#include <verdin/http/cors.hpp>

namespace verdin::http {

namespace {

class CrossOrigin {
 public:
  explicit CrossOrigin(const CorsOptions& options)
      : options_(options), origins_(options.origins, options.credentials) {
    for (const std::string& value : {options_.methods, options_.headers, options_.exposed})
      http1::check_header("CORS", value);
  }

  void operator()(Request& request, Response& response, const Next& next) const {
    std::vector<Header> told;
    origins_.append_headers(request, told);
    for (const Header& header : told) response.lasting_header(header.name, header.value);
    const auto origin = request.header("Origin");
    const bool allowed = origins_.everybody() || (origin && origins_.has(*origin));
    if (allowed && !options_.exposed.empty())
      response.lasting_header("Access-Control-Expose-Headers", options_.exposed);
    const bool preflight = origin && request.is("OPTIONS") && request.header("Access-Control-Request-Method");
    if (!preflight) return next();
    if (!allowed) return response.status(403).send("Forbidden\n");
    answer_preflight(request, response);
  }

 private:
  void answer_preflight(const Request& request, Response& response) const {
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

  CorsOptions options_;
  Origins origins_;
};

}  // namespace

Middleware cors(const CorsOptions& options) { return CrossOrigin(options); }

}  // namespace verdin::http
