// From an HTTP request to a WebSocket connection: the server's side of the opening handshake (RFC 6455,
// section 4.2), for who writes an http::Endpoint of callbacks; route() of stream.hpp does all this by itself.
//
//   void on_upgrade(http::ExchangePtr exchange) override {
//     connection_ = websocket::accept(exchange, origins_, options_, *this);  // an http::Origins
//   }
//
// Browsers let any page open a WebSocket to any server, with its cookies: a server that does not ask whose
// page it is serves the pages of others as well. An http::Origins that is made without a list knows the
// server's own.
//
// Threads: the hub's. Nothing blocks. Throws std::bad_alloc, and std::invalid_argument for an extra header
// that could split the response.
#pragma once

#include <span>
#include <string_view>

#include <verdin/http/exchange.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/options.hpp>

namespace verdin::websocket {

/// Checks the handshake and answers it. Who is not welcome to `origins` gets 403. If it is good: 101, and the
/// connection, which feeds `handler` from the loop's next turn on (what came right behind the request
/// included). If not: 400, 405 or 426 are answered, and null is returned. permessage-deflate is agreed on if
/// the options have it, other extensions are declined. `extra` headers are added to the 101, and those that
/// the app's middlewares have set, as far as they have a place there.
IntrusivePtr<Connection> accept(const http::ExchangePtr& exchange, const http::Origins& origins,
                                const Options& options, ConnectionHandler& handler,
                                std::span<const http::Header> extra = {});

/// The same for pages of every origin: for who has asked by himself, or means everybody.
IntrusivePtr<Connection> accept(const http::ExchangePtr& exchange, const Options& options,
                                ConnectionHandler& handler, std::span<const http::Header> extra = {});

/// Answers a request that is not accepted: `status` 400, 403 or 405, or 426 with Upgrade and
/// Sec-WebSocket-Version. The connection is closed.
void refuse(http::Exchange& exchange, int status, std::string_view reason);

}  // namespace verdin::websocket
