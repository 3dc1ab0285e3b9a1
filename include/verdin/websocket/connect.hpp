// connect(): a WebSocket as a client, in sequential code.
//
//   websocket::Stream feed = websocket::connect("wss://example.org/feed");
//   feed.send("hello");
//   for (const websocket::Message& message : feed) show(message.data);
//
// The name is looked up, its addresses race (net/connect.hpp), "wss" is TLS with the server's certificate
// checked, and the server's answer is held to RFC 6455, section 4.1, in all of it. Through a proxy it is a
// tunnel (CONNECT), of "ws" as well: what the proxy is told is where to, and who asks. Redirects are not
// followed, as in browsers. What comes back is a Stream as a server has it (stream.hpp), with its pings,
// limits and back-pressure; it is closed (1000) when it is destroyed. Or it is a Connection that calls a
// handler (connection.hpp), which needs no greenlet once it is open.
//
// Threads: of the hub; blocks the greenlet, at most for ClientOptions::handshake_limit. Throws
// HandshakeError, std::invalid_argument for options, a URL or a header that cannot be sent, http::ClientError
// (proxy, protocol, too_large) for a proxy that does not lead there, net::TimedOut, net::ResolveError,
// net::TlsError, std::system_error.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/net/connect.hpp>
#include <verdin/net/tls_context.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/stream.hpp>

namespace verdin::websocket {

struct ClientOptions : StreamOptions {
  /// Besides those of the handshake: Origin, Authorization, Cookie, ...
  std::vector<std::pair<std::string, std::string>> headers{};
  /// From the look-up to the server's answer. 0: none.
  std::chrono::milliseconds handshake_limit{10'000};
  /// Instead of one that trusts what the system trusts.
  std::optional<net::TlsContext> tls{};
  /// Instead of the system's resolver; where there is a proxy, only its name is looked up.
  net::ResolveFunction resolve{};
  /// "http://host:port". Empty: none.
  std::string proxy{};
  /// Of the proxy, as "Basic" has them; both empty: none.
  std::string proxy_user{};
  std::string proxy_password{};
  /// Hosts that are reached straight, as http::ClientOptions::no_proxy has them; a port that the URL does not
  /// name is 80 for "ws" and 443 for "wss".
  std::string no_proxy{};
};

/// The server would not, or does not speak WebSocket as it should.
struct HandshakeError : std::runtime_error {
  HandshakeError(int http_status, const std::string& what) : std::runtime_error(what), status(http_status) {}
  int status;  ///< of its answer; 0 if there was none
};

/// `url`: "ws://host[:port][/path][?query]", or "wss://...". Options::deflate offers permessage-deflate as it
/// says; Options::subprotocols are offered in their order.
Stream connect(std::string_view url, const ClientOptions& options = {});

struct Connected {
  IntrusivePtr<Connection> connection;
  std::string subprotocol;  ///< that was agreed on; empty if none
};

/// The same, in callbacks: `handler` is called from the loop's next turn on, in hub context. Of the options
/// those of StreamOptions alone (inbox_limit, receive_parts) are not for it: see
/// Connection::pause() and receive_parts().
Connected connect(std::string_view url, ConnectionHandler& handler, const ClientOptions& options = {});

}  // namespace verdin::websocket
