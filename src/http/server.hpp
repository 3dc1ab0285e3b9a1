// Server: what an App is made of: the tables, the listeners and the list of connections. Internal.
//
// Counted, because handlers that still run keep it. All on the hub's thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/http/app.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/net/tls_context.hpp>
#include <verdin/runtime/event.hpp>

#include "http/connection.hpp"
#include "http/router.hpp"

namespace verdin::http {

class Server final : public RefCounted<Server>, public loop::AcceptHandler {
 public:
  explicit Server(const Options& options);
  ~Server();

  const Options& options() const noexcept { return options_; }
  Router& router() noexcept { return router_; }
  std::deque<Middleware>& middlewares() noexcept { return middlewares_; }
  void set_error_hook(ErrorHook hook) { error_hook_ = std::move(hook); }
  void set_access_hook(AccessHook hook) { access_hook_ = std::move(hook); }
  void add_stop_hook(UniqueFunction<void()> hook);
  void set_error_page(int status, Handler page) { error_pages_[status] = std::move(page); }
  void mount(std::string_view prefix, std::shared_ptr<Endpoint> endpoint);
  void add_routed_endpoint(std::shared_ptr<Endpoint> endpoint) {
    routed_endpoints_.push_back(std::move(endpoint));
  }

  // Listening and stopping (server_life.cpp).
  void listen(const Address& address);
  void listen(const Address& address, const net::TlsContext& context);
  std::uint16_t port() const;
  void start();
  void serve(loop::StreamPtr stream, bool secure);
  void stop();
  void stop_now();
  void shut_down() noexcept;
  /// Has the endpoints drop what they still hold of the hub's.
  void end_endpoints() noexcept;
  void forget_endpoints() noexcept;
  bool stopping() const noexcept { return stopping_; }
  bool stopped() const noexcept { return stopped_.is_set(); }
  void join() { stopped_.wait(); }
  /// There will be no other end.
  void release_waiters() { stopped_.set(); }
  std::size_t connections() const noexcept { return connection_count_; }

  // For connections (server.cpp).
  void resolve(Exchange& exchange);
  void dispatch(ExchangePtr exchange);
  void body_too_large(ExchangePtr exchange);
  void body_aborted(const Exchange& exchange);
  void forget(Connection& connection);
  bool notes_access() const noexcept { return static_cast<bool>(access_hook_); }
  void note_access(const Exchange& exchange, bool complete) noexcept;
  /// As the router does where it has no route.
  void answer_without_file(Response& response);
  /// What was thrown in the name of a request: it gets its id, and is reported.
  void report_failure(Request& request, std::exception_ptr error) noexcept;
  /// Runs `task` in the hub, soon, from no other stack.
  void later(UniqueFunction<void()> task);
  /// Calls, and reports what is thrown.
  template <typename F>
  bool guarded(const Request* request, F&& call) noexcept {
    try {
      call();
      return true;
    } catch (...) {
      report(request, std::current_exception());
      return false;
    }
  }

  /// Until then connections queue little: it took less than it had room for.
  loop::Clock::time_point kernel_is_short_until{};

  struct Mount {
    std::string prefix;
    std::shared_ptr<Endpoint> endpoint;
  };

 private:
  class Handling;

  /// What fails here is one connection less, and no end of the loop.
  void on_accept(loop::StreamPtr stream) override {
    guarded(nullptr, [&] { serve(std::move(stream), false); });
  }
  void serve_tls(loop::StreamPtr accepted, const net::TlsContext& context);

  Endpoint* mounted_at(std::string_view path) const noexcept;
  void use_route(Exchange& exchange, Router::Match match);
  void answer_without_route(ExchangePtr exchange);
  void start_handler(ExchangePtr exchange);
  void answer_without_stack(Exchange& exchange) noexcept;
  void ask(Endpoint& endpoint, ExchangePtr&& exchange);
  void ask_endpoint(Response& response);
  void run_handler(const ExchangePtr& exchange);
  void answer_as_router(Response& response);
  void fail(Response& failed);
  void answer_failure(Response& failed, int status);
  void answer_killed(Response& killed) noexcept;
  void report(const Request* request, std::exception_ptr error) noexcept;
  void watch_the_end();
  void stop_listening() noexcept;
  bool endpoints_are_done() const;
  template <typename F>
  void for_each_endpoint(F&& call) const;

  Options options_;
  Router router_;
  std::vector<Mount> mounts_;  // the longest prefix first
  std::vector<std::shared_ptr<Endpoint>> routed_endpoints_;
  std::deque<Middleware> middlewares_;  // one that runs, and perhaps blocks, must not be moved
  ErrorHook error_hook_;
  AccessHook access_hook_;
  std::vector<UniqueFunction<void()>> stop_hooks_;
  std::map<int, Handler> error_pages_;

  struct TlsAcceptor final : loop::AcceptHandler {
    TlsAcceptor(Server& its_server, const net::TlsContext& its_context)
        : server(its_server), context(its_context) {}
    void on_accept(loop::StreamPtr stream) override {
      server.guarded(nullptr, [&] { server.serve_tls(std::move(stream), context); });
    }

    Server& server;
    net::TlsContext context;
  };

  struct Listener {
    int fd = -1;  // until the loop has it
    std::uint16_t port = 0;
    std::unique_ptr<TlsAcceptor> tls;  // null: none
    loop::WatchPtr watch;              // destroyed before what it calls
  };
  std::vector<Listener> listeners_;
  Connection* first_ = nullptr;
  std::size_t connection_count_ = 0;
  std::size_t handshakes_ = 0;  // of TLS, under way
  std::unique_ptr<loop::Timer> end_timer_;
  loop::Clock::time_point stop_began_;
  Event stopped_;
  bool stopping_ = false;
};

}  // namespace verdin::http
