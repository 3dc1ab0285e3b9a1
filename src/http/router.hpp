// Router: finds the route for a method and a path. See app.hpp for the patterns.
//
// A tree of segments. Matching walks it with backtracking; the depth is that of the longest pattern, never
// the peer's. Matching allocates nothing but what a Match holds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/http/app.hpp>

namespace verdin::http {

struct Route {
  std::string method;  // "*": any
  std::vector<std::string> names;
  Handler handler;
  std::shared_ptr<Endpoint> endpoint;  // in place of a handler
  RouteOptions options{};
};

class Router {
 public:
  struct Match {
    Route* route = nullptr;
    int status = 404;                        // where there is no route: 404, 405, or 204 for OPTIONS
    std::vector<std::string_view> captures;  // as in the path, in the order of the route's names
  };

  Router();
  ~Router();

  /// Throws std::invalid_argument for a pattern that is malformed, and for a method that it has already.
  void add(std::string_view pattern, Route route);

  /// `path`: without dot segments, its escapes canonical_escapes().
  Match match(std::string_view method, std::string_view path) const;
  /// "GET, HEAD, OPTIONS" for what match() found no method for.
  std::string allowed(std::string_view path) const;

 private:
  struct Node;
  struct Walk;

  static void walk(const Node& node, Walk& state, std::size_t begin);
  static bool offer(const Node& node, Walk& state);
  static Route* route_of(const Node& node, std::string_view method);
  const Node* fixed_node(std::string_view path) const noexcept;

  std::unique_ptr<Node> root_;
  /// Of the patterns without parameters: a path that is one of them is that node's before any other's. By
  /// their sizes.
  std::vector<std::vector<std::pair<std::string, const Node*>>> fixed_;
};

}  // namespace verdin::http
