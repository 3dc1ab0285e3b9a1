// StreamServer: a greenlet for each connection that comes.
//
//   net::StreamServer server(net::Address::any_ipv6(8080), [](net::Socket& socket, const net::Address& peer)
//   {
//     while (const std::size_t size = socket.recv(buffer)) socket.send_all(...);
//   });
//   server.serve_forever();       // until stop(), from any greenlet or callback of the hub
//
// The handler has the socket until it returns; it is closed then, also after an exception, which goes to the
// hub's error hook and never concerns the server. A server of something else than TCP wraps the Socket it
// is given (moves it into a TLS stream, say, whose handshake then runs on the connection's greenlet, not the
// acceptor's) and calls on with a StreamSocket&.
//
// Limits: with max_connections, or in a Pool that is full, the listener is not watched, and connections wait
// in the kernel's queue (StreamServerOptions::listen.backlog). At most max_accept connections are taken
// before others run. When descriptors or memory run out the error is reported and accepting rests, from 10 ms
// on and twice as long each time up to 1 s; a reserve descriptor lets one connection be turned away each
// time, so that its peer learns of it. An error of the listener itself stops the server.
//
// It is bound by start(), not before, and may be started again after stop(), at the same port. Several hubs
// serve one port with a server each and listen.reuse_port, or with listen_together(). Threads: of one hub.
// Destroying it stops it; connections live on and keep what they need.
//
// In a child of fork() one that the parent has started is not started, and has no connections: stopping it
// there disturbs nobody (a Unix path stays), and start() has both processes accept from the one listener.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/net/socket.hpp>

namespace verdin {
class Pool;
}

namespace verdin::net {

struct StreamServerOptions {
  ListenOptions listen{};
  std::size_t max_connections = std::numeric_limits<std::size_t>::max();
  Pool* pool = nullptr;  ///< whose members the connections' greenlets are, besides; must outlive the server
  int max_accept = 100;  ///< connections taken in a row, at least 1
  std::chrono::milliseconds first_rest{10};
  std::chrono::milliseconds longest_rest{1000};
};

/// Where a server is to listen: "host:port", "[::1]:80", "unix:/path"; a port alone is dual stack (::), and
/// ":80" or "*:80" is IPv4 (0.0.0.0). Throws std::invalid_argument.
Address listening_address(std::string_view text);

/// `count` listeners that share a port (also where `address` has port 0): one for the server of each hub.
std::vector<Socket> listen_together(const Address& address, std::size_t count, ListenOptions options = {});

class StreamServer {
 public:
  using Handler = std::function<void(Socket& socket, const Address& peer)>;

  /// Throws std::invalid_argument for options that make no sense.
  StreamServer(const Address& address, Handler handler, const StreamServerOptions& options = {});
  /// With a socket that listens already.
  StreamServer(Socket listener, Handler handler, const StreamServerOptions& options = {});
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;
  ~StreamServer();

  /// Binds and begins to accept; does nothing if it does so already. Throws what binding throws.
  void start();
  bool started() const noexcept;
  /// Starts it if need be, and blocks until it is stopped. Whoever is killed here stops it.
  void serve_forever();
  /// Where it listens: since start(), with its real port.
  const Address& address() const noexcept;
  std::uint16_t port() const noexcept { return address().port(); }

  /// Accepts no more; the connections go on. From the hub, too.
  void stop() noexcept;
  /// stop(), then waits for the connections and kills those that are left after `limit`. False if any was.
  bool stop(loop::Clock::duration limit);
  /// As stop(limit), and draining() tells the handlers that they should come to an end.
  bool drain(loop::Clock::duration limit);
  bool draining() const noexcept;

  std::size_t connections() const noexcept;
  /// Times that accepting had to rest.
  std::size_t rests() const noexcept;

 private:
  class State;
  State& state() const noexcept;
  IntrusivePtr<State> state_;
};

}  // namespace verdin::net
