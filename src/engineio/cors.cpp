#include "engineio/cors.hpp"

#include <algorithm>

namespace verdin::eio {
namespace {

/// "https://example.com:443" -> "example.com": a default port says nothing.
std::string_view authority_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view authority = origin.substr(scheme + 3);
  const std::string_view default_port = origin.starts_with("https:") ? ":443" : ":80";
  if (authority.ends_with(default_port)) authority.remove_suffix(default_port.size());
  return authority;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// The page came from this very server. The scheme is not compared: behind a proxy that ends TLS we do not
/// know ours.
bool is_own_origin(std::string_view origin, const http::Request& request) {
  const auto host = request.header("host");
  if (!host) return false;
  std::string_view own = *host;
  const std::string_view default_port = origin.starts_with("https:") ? ":443" : ":80";
  if (own.ends_with(default_port)) own.remove_suffix(default_port.size());
  const std::string_view theirs = authority_of(origin);
  return !theirs.empty() && equal_ignoring_case(theirs, own);
}

bool is_listed(const Cors& cors, std::string_view origin) {
  return std::find(cors.origins.begin(), cors.origins.end(), origin) != cors.origins.end();
}

}  // namespace

bool origin_allowed(const Cors& cors, const http::Request& request) {
  const auto origin = request.header("origin");
  return !origin || cors.any_origin || is_listed(cors, *origin) || is_own_origin(*origin, request);
}

void append_cors_headers(const Cors& cors, const http::Request& request, std::vector<http::Header>& to) {
  if (cors.origins.empty() && !cors.any_origin) return;
  to.push_back({"Vary", "Origin"});
  const auto origin = request.header("origin");
  if (!origin) return;
  if (is_listed(cors, *origin)) {
    to.push_back({"Access-Control-Allow-Origin", *origin});
    if (cors.credentials) to.push_back({"Access-Control-Allow-Credentials", "true"});
  } else if (cors.any_origin) {
    to.push_back({"Access-Control-Allow-Origin", "*"});
  }
}

void append_preflight_headers(const http::Request& request, std::vector<http::Header>& to) {
  to.push_back({"Access-Control-Allow-Methods", "GET, POST"});
  if (const auto asked = request.header("access-control-request-headers")) {
    to.push_back({"Access-Control-Allow-Headers", *asked});
  }
  to.push_back({"Access-Control-Max-Age", "600"});
}

}  // namespace verdin::eio
