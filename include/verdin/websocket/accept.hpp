// From an HTTP request to a WebSocket connection: the server's side of the opening handshake (RFC 6455,
// section 4.2), for who writes an http::Endpoint of callbacks; route() of stream.hpp does all this by itself.
//
//   void on_upgrade(http::ExchangePtr exchange) override {
//     connection_ = websocket::accept(exchange, options_, *this);
//   }
//
// Browsers let any page open a WebSocket to any server, with its cookies, and no CORS stands in between: it
// is the server that must ask whose page it is. So only the server's own pages are let in, and who has no
// Origin (that is no page's script), unless an http::Origins says who else: a list, or everybody
// (http::Origins::any()).
//
// Threads: the hub's. Nothing blocks. Throws std::bad_alloc, and std::invalid_argument for an extra header
// that could split the response and for options that are none (see options.hpp).
#pragma once

#include <span>
#include <string_view>

#include <verdin/http/exchange.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/options.hpp>

namespace verdin::websocket {

/// Checks the handshake and answers it. Who is not welcome to `origins` (http/origin.hpp) gets 403. If it is
/// good: 101, and the connection, which feeds `handler` from the loop's next turn on (what came right behind
/// the request included). If not: 400, 405 or 426 are answered, and null is returned. permessage-deflate is
/// agreed on if the options have it, other extensions are declined. `extra` headers are added to the 101, and
/// those that the app's middlewares have set, as far as they have a place there.
IntrusivePtr<Connection> accept(const http::ExchangePtr& exchange, const http::Origins& origins,
                                const Options& options, ConnectionHandler& handler,
                                std::span<const http::Header> extra = {});

/// The same for the server's own pages only: http::Origins().
IntrusivePtr<Connection> accept(const http::ExchangePtr& exchange, const Options& options,
                                ConnectionHandler& handler, std::span<const http::Header> extra = {});

/// Which of Options::subprotocols accept() agrees on with the client, or has agreed on: the first that it
/// names; empty if none. Valid as long as the request.
std::string_view agreed_subprotocol(const http::Request& request, const Options& options);

/// Answers a request that is not accepted: `status` 400, 403 or 405, or 426 with Upgrade and
/// Sec-WebSocket-Version. The connection is closed.
void refuse(http::Exchange& exchange, int status, std::string_view reason);

}  // namespace verdin::websocket
