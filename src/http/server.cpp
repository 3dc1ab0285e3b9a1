#include "http/server.hpp"

#include <algorithm>
#include <stdexcept>

#include <verdin/base/log.hpp>
#include <verdin/base/random.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/protocol/http1/uri.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::http {

namespace {
constexpr std::size_t kErrorIdSize = 16;

/// What the router is asked for: the same for all paths that are the same to everybody else.
std::string routed_path(const Request& request) {
  return http1::canonical_escapes(http1::remove_dot_segments(request.raw_path()));
}

}  // namespace

/// Where a request is on its way through the middlewares.
struct Next::Chain {
  std::deque<Middleware>& middlewares;
  std::size_t index;
  std::size_t count;  // of those that were there when the request came to them
  Request& request;
  Response& response;
  UniqueFunction<void()>& handler;

  void run() const {
    if (index == count) return handler();
    const Chain rest{middlewares, index + 1, count, request, response, handler};
    middlewares[index](request, response, Next(rest));
  }
};

void Next::operator()() const { chain_->run(); }

Server::Server(const Options& options) : options_(options) {
  http1::check_header("Server", options.server_name);
  if (options.backlog < 1) throw std::invalid_argument("verdin: a backlog is 1 at least");
  if (options.limits.head == 0) throw std::invalid_argument("verdin: no request has a head of 0 octets");
}

void Server::mount(std::string_view prefix, std::shared_ptr<Endpoint> endpoint) {
  if (prefix.empty() || prefix[0] != '/') throw std::invalid_argument("a mounted prefix starts with \"/\"");
  mounts_.push_back({std::string(prefix), std::move(endpoint)});
  std::stable_sort(mounts_.begin(), mounts_.end(),
                   [](const Mount& a, const Mount& b) { return a.prefix.size() > b.prefix.size(); });
}

Endpoint* Server::mounted_at(std::string_view path) const noexcept {
  for (const Mount& mount : mounts_) {
    const std::size_t size = mount.prefix.size();
    if (path.substr(0, size) != mount.prefix) continue;
    if (path.size() == size || path[size] == '/' || mount.prefix.back() == '/') return mount.endpoint.get();
  }
  return nullptr;
}

// Decides who answers, when the head is known.
void Server::resolve(Exchange& exchange) {
  exchange.body_limit_ = options_.body_limit;
  Request& request = exchange.request_;
  if (request.target() == "*") {
    exchange.router_status_ = 204;
    return;
  }
  exchange.endpoint_ = mounted_at(request.path_view());
  if (!exchange.endpoint_) {
    const bool plain = request.path_is_plain_;
    const std::string cleaned = plain ? std::string() : routed_path(request);
    Router::Match match =
        router_.match(request.method(), plain ? request.raw_path() : std::string_view(cleaned));
    if (match.route) {
      use_route(exchange, std::move(match));
    } else {
      exchange.router_status_ = match.status;
    }
  }
  if (!exchange.endpoint_) return;
  const bool known = guarded(
      &request, [&] { exchange.body_limit_ = exchange.endpoint_->body_limit(request, options_.body_limit); });
  if (!known) exchange.body_limit_ = 0;
}

void Server::use_route(Exchange& exchange, Router::Match match) {
  exchange.route_ = match.route;
  exchange.endpoint_ = match.route->endpoint.get();
  if (match.route->options.body_limit) exchange.body_limit_ = *match.route->options.body_limit;
  for (std::size_t i = 0; i < match.captures.size(); ++i) {
    exchange.request_.params_.emplace_back(match.route->names[i],
                                           http1::percent_decode(match.captures[i]).value_or(std::string()));
  }
}

[[gnu::always_inline]] inline void Server::ask(Endpoint& endpoint, ExchangePtr&& exchange) {
  const Request& request = exchange->request();
  const bool upgrade = request.wants_websocket() && request.is("GET") && request.body().empty();
  if (!upgrade) return endpoint.on_request(std::move(exchange));
  // Its on_stop() has been: what it took now nobody would tell to end.
  if (stopping_) return exchange->respond(503, {{"Content-Type", "text/plain"}}, "the server is stopping\n");
  endpoint.on_upgrade(std::move(exchange));
}

void Server::dispatch(ExchangePtr exchange) {
  if (Endpoint* const endpoint = exchange->endpoint_) {
    if (!middlewares_.empty() && endpoint->is_behind_middlewares()) return start_handler(std::move(exchange));
    const ExchangePtr kept = exchange;  // an endpoint that throws may have let go of it
    guarded(&kept->request_, [&] { ask(*endpoint, std::move(exchange)); });
    return;
  }
  if (!exchange->route_) return answer_without_route(std::move(exchange));
  start_handler(std::move(exchange));
}

// Behind the middlewares, on their greenlet. The answer is the endpoint's from now on, even if it comes
// later.
void Server::ask_endpoint(Response& response) {
  const ExchangePtr& exchange = response.exchange_;
  response.check_unsent();
  response.sent_ = true;
  if (exchange->finished()) return;  // the peer has left meanwhile
  const auto last = response.lasting();
  if (!response.headers_.empty() || !last.empty()) {
    Exchange::Extras& extras = exchange->extras();
    for (const auto& [name, value] : response.headers_.all())
      extras.from_middlewares.emplace_back(name, value);
    extras.from_middlewares.insert(extras.from_middlewares.end(), last.begin(), last.end());
    for (const auto& [name, value] : extras.from_middlewares) extras.views.push_back({name, value});
  }
  ask(*exchange->endpoint_, ExchangePtr(exchange));
}

void Server::answer_without_route(ExchangePtr exchange) {
  if (!middlewares_.empty() || !error_pages_.empty()) return start_handler(std::move(exchange));
  Response response(std::move(exchange));
  answer_as_router(response);
}

/// A request on its way to a greenlet. Where there is no stack for that, nobody else will answer it.
class Server::Handling {
 public:
  Handling(Server& server, ExchangePtr&& exchange) noexcept
      : server_(&server), exchange_(std::move(exchange)) {}
  Handling(Handling&&) = default;
  Handling& operator=(Handling&&) = delete;
  ~Handling() {
    if (exchange_) [[unlikely]]
      server_->answer_without_stack(*exchange_);
  }
  void operator()() {
    const ExchangePtr exchange = std::move(exchange_);
    server_->run_handler(exchange);
  }

 private:
  IntrusivePtr<Server> server_;
  ExchangePtr exchange_;
};

void Server::start_handler(ExchangePtr exchange) {
  Hub::current().start_now(Handling(*this, std::move(exchange)), "http handler");
}

// Nothing of the handler has run, nor will any.
void Server::answer_without_stack(Exchange& exchange) noexcept {
  const std::exception_ptr reason = std::current_exception();
  if (reason) report_failure(exchange.request_, reason);  // else it is still thrown to who reports it
  guarded(&exchange.request_, [&] {
    std::string text = "Service Unavailable";
    if (const std::string& id = exchange.request_.error_id(); !id.empty()) text += " (" + id + ")";
    exchange.respond(503, {{"Content-Type", "text/plain"}}, text + "\n");
  });
}

void Server::body_too_large(ExchangePtr exchange) {
  if (Endpoint* const endpoint = exchange->endpoint_) {
    guarded(&exchange->request_, [&] { endpoint->on_body_too_large(exchange); });
    return;
  }
  exchange->route_ = nullptr;
  exchange->router_status_ = 413;
  answer_without_route(std::move(exchange));
}

void Server::body_aborted(const Exchange& exchange) {
  if (Endpoint* const endpoint = exchange.endpoint_) {
    guarded(&exchange.request_, [&] { endpoint->on_body_aborted(exchange.request_); });
  }
}

// On the handler's greenlet.
void Server::run_handler(const ExchangePtr& exchange) {
  Request& request = exchange->request_;
  Response response(exchange);
  response.compress_from_ = options_.compress_from;
  response.compress_events_ = options_.compress_events;
  try {
    const auto answer = [&] {
      if (exchange->route_) {
        exchange->route_->handler(request, response);
      } else {
        answer_as_router(response);
      }
    };
    if (middlewares_.empty()) {
      answer();
    } else {
      bool is_endpoints = false;  // and perhaps still to be answered
      UniqueFunction<void()> handler = [&] {
        if (!exchange->endpoint_) return answer();
        is_endpoints = true;
        ask_endpoint(response);
      };
      Next::Chain{middlewares_, 0, middlewares_.size(), request, response, handler}.run();
      if (is_endpoints) return;
    }
    if (exchange->started() || (!response.sent() && !exchange->finished())) response.end();
  } catch (const TimeoutExpired&) {  // of a limit that the handler has set to itself
    fail(response);
  } catch (const Interrupt&) {
    answer_killed(response);
    throw;
  } catch (const BodyError& error) {  // the peer's mistake
    if (exchange->started()) return exchange->drop();
    answer_failure(response, error.status);
  } catch (...) {
    fail(response);
  }
}

// While what the handler threw is being handled.
void Server::fail(Response& failed) {
  Exchange& exchange = failed.exchange();
  report_failure(exchange.request_, std::current_exception());
  if (exchange.started()) return exchange.drop();
  answer_failure(failed, 500);
}

// Nothing of the application's runs any more: no page, no report. One that has begun is cut when it is let go
// of.
void Server::answer_killed(Response& killed) noexcept {
  Exchange& exchange = killed.exchange();
  if (exchange.started() || exchange.finished()) return;
  killed.forget_headers();
  guarded(&exchange.request_, [&] { exchange.respond(500, killed.header_views(), std::string_view()); });
}

// On a greenlet: without what the handler had set, but with what is to last.
void Server::answer_failure(Response& failed, int status) {
  const ExchangePtr& exchange = failed.exchange_;
  if (exchange->finished()) return;
  Request& request = exchange->request_;
  failed.forget_headers();
  if (const auto page = error_pages_.find(status); page != error_pages_.end()) {
    Response response(exchange);
    if (failed.lasting_) response.lasting_ = std::make_unique<Response::LastingList>(*failed.lasting_);
    response.status(status);
    const auto page_failed = [&] {
      report(&request, std::current_exception());
      if (exchange->started()) exchange->drop();
    };
    try {
      page->second(request, response);
      if (exchange->started() || (!response.sent() && !exchange->finished())) response.end();
      return;
    } catch (const TimeoutExpired&) {
      page_failed();
    } catch (const Interrupt&) {
      answer_killed(failed);
      throw;
    } catch (...) {
      page_failed();
    }
    if (exchange->finished()) return;
  }
  std::string text(http1::reason_phrase(status));
  if (!request.error_id().empty()) text += " (" + request.error_id() + ")";
  failed.append_header("Content-Type", "text/plain");
  exchange->respond(status, failed.header_views(), text + "\n");
}

void Server::note_access(const Exchange& exchange, bool complete) noexcept {
  if (!access_hook_) return;
  const auto took = exchange.began_ == loop::Clock::time_point() ? loop::Clock::duration::zero()
                                                                 : loop::Clock::now() - exchange.began_;
  guarded(&exchange.request_, [&] {
    access_hook_({exchange.request_, exchange.status_, exchange.answer_size_, took, complete});
  });
}

void Server::answer_without_file(Response& response) {
  response.exchange_->router_status_ = 404;
  answer_as_router(response);
}

// With what middlewares have set: an answer of the router is as much in need of their headers as any.
void Server::answer_as_router(Response& response) {
  const Request& request = response.exchange().request();
  const int status = response.exchange().router_status_;
  response.status(status);
  if (const auto page = error_pages_.find(status); page != error_pages_.end() && request.target() != "*") {
    if (status == 405) response.header("Allow", router_.allowed(routed_path(request)));
    return page->second(response.exchange().request(), response);
  }
  if (status == 404) return response.type("text/plain").send("Not Found\n");
  if (status == 413) return response.type("text/plain").send("Content Too Large\n");
  if (request.target() == "*") return response.send();
  response.header("Allow", router_.allowed(routed_path(request)));
  if (status == 204) return response.send();
  response.type("text/plain").send("Method Not Allowed\n");
}

void Server::report_failure(Request& request, std::exception_ptr error) noexcept {
  guarded(&request, [&] { request.error_id_ = random_id(kErrorIdSize); });
  report(&request, std::move(error));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the hook takes it by value
void Server::report(const Request* request, std::exception_ptr error) noexcept {
  try {
    if (error_hook_) return error_hook_(request, error);
    std::string what = request ? printable(request->target()) : std::string("connection");
    if (request && !request->error_id().empty()) what += " (" + request->error_id() + ")";
    Hub::current().report_error("http: " + what, error);
  } catch (...) {  // a hook that throws has had its chance
  }
}

void Server::later(UniqueFunction<void()> task) { Hub::current().post(std::move(task)); }

}  // namespace verdin::http
