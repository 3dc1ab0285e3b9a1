#include "http/router.hpp"

#include <algorithm>
#include <stdexcept>

#include <verdin/base/impl/octet_order.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/uri.hpp>

namespace verdin::http {

struct Router::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> fixed;
  std::unique_ptr<Node> param;
  std::unique_ptr<Node> tail;
  std::vector<std::unique_ptr<Route>> routes;

  Node& child(std::string_view segment) {
    for (auto& [name, node] : fixed) {
      if (name == segment) return *node;
    }
    return *fixed.emplace_back(std::string(segment), std::make_unique<Node>()).second;
  }
};

struct Router::Walk {
  std::string_view path;
  std::string_view method;  // empty: collect what is allowed
  std::vector<std::string_view> captures;
  Route* found = nullptr;
  std::vector<std::string_view> allowed;
};

namespace {

/// What lies before the next "/", or the end.
std::string_view segment_at(std::string_view path, std::size_t begin) {
  const std::string_view rest = path.substr(begin);
  return rest.substr(0, rest.find('/'));
}

constexpr auto pattern_of = [](const auto& fixed) -> std::string_view { return fixed.first; };
constexpr auto comes_before = [](std::string_view a, std::string_view b) {
  return impl::octet_order(a, b) < 0;
};

/// Request::param() could tell one of two that are called the same.
void add_name(Route& route, std::string_view name) {
  if (std::ranges::find(route.names, name) != route.names.end())
    throw std::invalid_argument("two parameters of a route have one name");
  route.names.emplace_back(name);
}

Route* route_for(const std::vector<std::unique_ptr<Route>>& routes, std::string_view method) {
  for (const auto& route : routes) {
    if (impl::same_octets(route->method, method)) return route.get();
  }
  return nullptr;
}

}  // namespace

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::add(std::string_view pattern, Route route) {
  if (pattern.empty() || pattern[0] != '/')
    throw std::invalid_argument("a route's pattern starts with \"/\"");
  if (!http1::is_token(route.method)) throw std::invalid_argument("bad method of a route");
  Node* node = root_.get();
  for (std::size_t begin = 1, end = 0; end < pattern.size(); begin = end + 1) {
    const std::string_view segment = segment_at(pattern, begin);
    end = begin + segment.size();
    if (segment == "*") {
      if (end != pattern.size()) throw std::invalid_argument("\"*\" ends a route's pattern");
      if (!node->tail) node->tail = std::make_unique<Node>();
      node = node->tail.get();
      add_name(route, segment);
    } else if (!segment.empty() && segment[0] == ':') {
      if (segment.size() == 1) throw std::invalid_argument("a route's parameter has no name");
      if (!node->param) node->param = std::make_unique<Node>();
      node = node->param.get();
      add_name(route, segment.substr(1));
    } else {
      node = &node->child(http1::canonical_escapes(segment));
    }
  }
  if (route_for(node->routes, route.method))
    throw std::invalid_argument("two routes for one method and pattern");
  if (route.names.empty() && node->routes.empty()) {
    const std::string path = http1::canonical_escapes(pattern);
    if (fixed_.size() <= path.size()) fixed_.resize(path.size() + 1);
    auto& same_size = fixed_[path.size()];
    const auto at = std::ranges::lower_bound(same_size, std::string_view(path), comes_before, pattern_of);
    same_size.emplace(at, path, node);
  }
  node->routes.push_back(std::make_unique<Route>(std::move(route)));
}

Route* Router::route_of(const Node& node, std::string_view method) {
  Route* found = route_for(node.routes, method);
  if (!found && method == "HEAD") found = route_for(node.routes, "GET");
  return found ? found : route_for(node.routes, "*");
}

// True when the walk is over.
bool Router::offer(const Node& node, Walk& state) {
  if (!state.method.empty() && (state.found = route_of(node, state.method))) return true;
  for (const auto& route : node.routes) {
    state.allowed.push_back(route->method);
    if (route->method == "GET") state.allowed.emplace_back("HEAD");
  }
  return false;
}

/// `begin`: of the next segment; beyond the path's end where there is none.
void Router::walk(const Node& node, Walk& state, std::size_t begin) {
  if (begin > state.path.size()) {
    offer(node, state);
    return;
  }
  const std::string_view here = segment_at(state.path, begin);
  const std::size_t next = begin + here.size() + 1;
  for (const auto& [name, child] : node.fixed) {
    if (name == here) {
      walk(*child, state, next);
      if (state.found) return;
      break;
    }
  }
  if (node.param && !here.empty()) {
    state.captures.push_back(here);
    walk(*node.param, state, next);
    if (state.found) return;
    state.captures.pop_back();
  }
  if (node.tail) {
    state.captures.push_back(state.path.substr(begin));
    if (offer(*node.tail, state)) return;
    state.captures.pop_back();
  }
}

const Router::Node* Router::fixed_node(std::string_view path) const noexcept {
  if (path.size() >= fixed_.size()) return nullptr;
  const auto& same_size = fixed_[path.size()];
  const auto found = std::ranges::lower_bound(same_size, path, comes_before, pattern_of);
  return found != same_size.end() && impl::same_octets(found->first, path) ? found->second : nullptr;
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  if (const Node* const fixed = fixed_node(path)) {
    if (Route* const route = route_of(*fixed, method)) return {route, 200, {}};
  }
  Walk state;
  state.path = path;
  state.method = method;
  walk(*root_, state, 1);
  if (state.found) return {state.found, 200, std::move(state.captures)};
  if (state.allowed.empty()) return {};
  return {nullptr, method == "OPTIONS" ? 204 : 405, {}};
}

std::string Router::allowed(std::string_view path) const {
  Walk state;
  state.path = path;
  walk(*root_, state, 1);
  state.allowed.emplace_back("OPTIONS");
  std::sort(state.allowed.begin(), state.allowed.end());
  state.allowed.erase(std::unique(state.allowed.begin(), state.allowed.end()), state.allowed.end());
  std::string list;
  for (std::string_view method : state.allowed) {
    if (!list.empty()) list += ", ";
    list += method;
  }
  return list;
}

}  // namespace verdin::http
