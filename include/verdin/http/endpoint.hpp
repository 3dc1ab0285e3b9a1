// Endpoint: code that answers requests in hub context, without a greenlet: what Engine.IO and WebSocket are
// built on.
//
// Every call comes on the hub's thread, in hub context (behind middlewares: on the greenlet that they ran on,
// which ends when the call returns): it must not block and must not throw (what it throws is reported to the
// app's error hook and answered 500). An endpoint must outlive the App that it is mounted on.
#pragma once

#include <cstddef>

#include <verdin/http/exchange.hpp>

namespace verdin::http {

class Endpoint {
 public:
  virtual ~Endpoint() = default;

  /// The body is complete and within body_limit().
  virtual void on_request(ExchangePtr exchange) = 0;

  /// A GET that asks for "Upgrade: websocket"; exchange->take_stream() gives the connection. By default like
  /// any request. While the app stops it is answered 503 instead.
  virtual void on_upgrade(ExchangePtr exchange) { on_request(std::move(exchange)); }

  /// Whether the app's middlewares (App::use) run before on_request() and on_upgrade() are called, which they
  /// are not if one of them answers. False is for what has such of its own: Engine.IO and Socket.IO. What is
  /// answered before the body is there (on_body_too_large()) never meets them.
  virtual bool is_behind_middlewares() const { return true; }

  /// Called when the head is complete, before the body is read.
  virtual std::size_t body_limit(const Request&, std::size_t default_limit) { return default_limit; }

  /// The head announces a body over the limit, or a chunked one passed it; its octets are dropped, and the
  /// connection closes behind the answer. By default 413.
  virtual void on_body_too_large(ExchangePtr exchange);

  /// The body of a request for which body_limit() was asked will not come to its end: the peer went away, was
  /// too slow, or broke the framing. (After on_body_too_large() nothing follows.)
  virtual void on_body_aborted(const Request&) {}

  /// The app is shutting down: answer what is held, close what was upgraded.
  virtual void on_stop() {}
  /// What still has to end after on_stop() (open streams, unsent farewells); the app waits for 0, or for its
  /// grace to pass.
  virtual std::size_t active() const { return 0; }
  /// The grace is over, or nothing is left to wait for: drop at once whatever is still held. The hub may end
  /// next.
  virtual void on_end() {}

 protected:
  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
};

}  // namespace verdin::http
