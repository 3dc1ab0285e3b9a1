// App: an HTTP server with its routes, its files and its mounted endpoints, on one hub.
//
//   http::App app;
//   app.get("/rooms/:slug", [](http::Request& q, http::Response& r) { r.send(q.param("slug")); });
//   app.listen(5000).serve_forever();
//
// Patterns: "/rooms/:slug" matches one segment, "/files/*" any tail (perhaps none); fixed segments win over
// ":name", which wins over "*". Escapes are decoded before they are compared, in patterns as in paths: "/%61"
// is "/a", and only "%2F" is no "/". HEAD is served by the GET handler, OPTIONS and 405 (with Allow) by the
// router. Mounted prefixes come before routes; the longest prefix wins.
//
// A handler runs on a greenlet of its own once the request's body is complete (or, with
// RouteOptions::stream_body, as soon as it can be read), and may block. What it throws
// is reported to on_error() and answered 500 with an id, which the report has, and nothing else. Middlewares
// run around handlers and files, in the order of use(), and before endpoints are asked: WebSockets among
// them, but not Engine.IO and Socket.IO, which have their own (Endpoint::is_behind_middlewares()).
//
// Threads: all calls on the thread of the hub that serves (routes may be added before there is one). Only
// serve_forever() blocks (and listen(), if the host is a name). listen() throws std::system_error, route
// functions (for a pattern that is none, or has two parameters of one name, too) and the constructor
// std::invalid_argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/http/endpoint.hpp>
#include <verdin/http/options.hpp>
#include <verdin/http/request.hpp>
#include <verdin/http/response.hpp>
#include <verdin/net/tls_context.hpp>

namespace verdin::http {

class Server;

using Handler = UniqueFunction<void(Request&, Response&)>;

/// What a middleware calls to go on to the next one, and to the handler in the end. Not to be kept.
class Next {
 public:
  struct Chain;
  explicit Next(const Chain& chain) : chain_(&chain) {}
  void operator()() const;

 private:
  const Chain* chain_;
};

using Middleware = UniqueFunction<void(Request&, Response&, const Next&)>;

/// `request` is null when the failure has none.
using ErrorHook = UniqueFunction<void(const Request* request, std::exception_ptr error)>;

/// What became of one request.
struct Access {
  const Request& request;
  int status;            ///< 0: none was sent; 101 also where an upgrade took the connection
  std::uint64_t octets;  ///< of the answer's body
  std::chrono::nanoseconds
      took;       ///< from the request's end (its head's, if its body is streamed) to the answer's
  bool complete;  ///< false: the peer went before the answer was made, or it was cut
};

/// In any context: it must not block.
using AccessHook = UniqueFunction<void(const Access&)>;

struct Address {
  std::string host{};
  std::uint16_t port = 0;
};

struct RouteOptions {
  /// The handler runs as soon as the head is there, and reads the body by Request::read(). "100 Continue" is
  /// sent when it first does.
  bool stream_body = false;
  /// Instead of Options::body_limit.
  std::optional<std::size_t> body_limit{};
};

struct StaticOptions {
  std::string index = "index.html";        // served for directories, "PREFIX/" too, not "PREFIX"; empty: none
  std::string cache_control = "no-cache";  // revalidated by ETag each time; empty: nothing is said
  bool precompressed = false;              // FILE.br or FILE.gz is sent for FILE to those who accept it
};

class App {
 public:
  explicit App(const Options& options = {});
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  /// Drops what is still open; whoever waits in serve_forever() or join() returns. Safe in anything that the
  /// App calls: handlers, middlewares, endpoints and hooks.
  ~App();

  App& get(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("GET", pattern, std::move(handler), options);
  }
  App& post(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("POST", pattern, std::move(handler), options);
  }
  App& put(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("PUT", pattern, std::move(handler), options);
  }
  App& patch(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("PATCH", pattern, std::move(handler), options);
  }
  App& del(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("DELETE", pattern, std::move(handler), options);
  }
  /// Without one, GET's handler serves HEAD, too.
  App& head(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("HEAD", pattern, std::move(handler), options);
  }
  /// Every method that has no route of its own for the pattern.
  App& any(std::string_view pattern, Handler handler, const RouteOptions& options = {}) {
    return route("*", pattern, std::move(handler), options);
  }
  App& route(std::string_view method, std::string_view pattern, Handler handler,
             const RouteOptions& options = {});
  /// An endpoint for exactly a pattern, every method and upgrade.
  App& route(std::string_view pattern, std::shared_ptr<Endpoint> endpoint);

  /// May be called while requests are served: those that are on their way do not meet the new one.
  App& use(Middleware middleware);

  /// The regular files below `directory`, for GET and HEAD: with ETag, Last-Modified and single ranges; no
  /// listings, no dot files, nothing outside (symbolic links are followed). `prefix` may have parameters.
  /// std::invalid_argument where there is no such folder now.
  App& static_files(std::string_view prefix, std::string directory, StaticOptions options = {});

  /// `prefix` and every path below it ("/chat" and "/chat/x", but not "/chats") go to `endpoint`. A prefix
  /// has no parameters: ":" and "*" in it stand for themselves.
  App& mount(std::string_view prefix, Endpoint& endpoint);
  App& mount(std::string_view prefix, std::shared_ptr<Endpoint> endpoint);
  /// Anything that knows its own place: endpoint_path(), and either an Endpoint itself or with endpoint().
  template <typename T>
  requires requires(T& object) { object.endpoint_path(); }
  App& mount(T& object) {
    if constexpr (requires { static_cast<Endpoint&>(object.endpoint()); }) {
      return mount(object.endpoint_path(), static_cast<Endpoint&>(object.endpoint()));
    } else {
      return mount(object.endpoint_path(), static_cast<Endpoint&>(object));
    }
  }

  /// Called for each exception that left a handler (a WebSocket's, too) or an endpoint; in the context where
  /// it was thrown. A Timeout is one; the kill of a handler's greenlet is none: its answer is a bare 500,
  /// without a page.
  App& on_error(ErrorHook hook);

  /// Called when a request has been answered, or will not be. Not for what is no request: that has no more to
  /// tell than its 400. What comes from the peer is as it came: see printable() for logs.
  App& on_access(AccessHook hook);

  /// Called when stop() begins, however it came to it (a signal, say): for whoever has to be told, a handler
  /// that waits for news and not for its peer, for one. In the context of who stopped it: it must not block.
  /// At once where that has been.
  App& on_stop(UniqueFunction<void()> hook);

  /// Makes the page for answers of that status which no handler made: 404 and 405 of the router, 404 of
  /// static_files(), 413 for a body above the limit, 500 for what a handler threw (Request::error_id() is in
  /// the report, too), 400 and 408 for streamed bodies that are none. The status is set already; headers that
  /// the handler had set are gone, but for Response::lasting_header().
  App& error_page(int status, Handler page);

  /// Binds; port 0 lets the kernel choose. Connections are accepted from start() on. May be called several
  /// times. A port alone is that of every IPv4 address of the machine; {"127.0.0.1", port} is for this
  /// machine only.
  App& listen(std::uint16_t port) { return listen(Address{"0.0.0.0", port}); }
  App& listen(const Address& address);
  /// The same over TLS, of a server's context (net/tls_context.hpp): "https" and "wss". A connection keeps
  /// some 17 KB (net/loop_stream.hpp). Handshakes are limited by the context; one that fails concerns nobody
  /// else.
  App& listen(const Address& address, const net::TlsContext& context);
  /// The port that the first listen() got.
  std::uint16_t port() const;

  /// Accepts on the current hub, in the background. The App must be destroyed or stopped before that hub
  /// ends.
  App& start();
  /// Serves a connection that something else accepted (on the current hub); `secure`: and that TLS carries.
  void serve(loop::StreamPtr stream, bool secure = false);
  /// start(), then blocks the greenlet until stop(), or SIGINT or SIGTERM, and until what was in flight has
  /// ended. Outside of verdin::run() it runs a hub of its own; what has greenlets beside the server calls it
  /// within: run([] { ...; spawn(tick); app.serve_forever(); }). A second signal ends it at once.
  void serve_forever();

  /// Begins a graceful stop and returns: no more connections, the hooks of on_stop(), on_stop() of the
  /// endpoints, responses in flight get "Connection: close", idle connections are closed, and handlers hear
  /// of it by EventStream and Response::peer_leaves(); what is left after Options::stop_grace is dropped.
  void stop();
  /// stop() has been called: answers that have no end of their own ought to come to one.
  bool stopping() const noexcept;
  /// stop() has been called and nothing is left.
  bool stopped() const noexcept;
  /// Blocks the greenlet until stopped().
  void join();

  /// Open connections, without those that were upgraded.
  std::size_t connections() const noexcept;
  const Options& options() const noexcept;

 private:
  IntrusivePtr<Server> server_;
};

}  // namespace verdin::http
