// Stream: a WebSocket connection as a greenlet sees it, in sequential code; and route(), which makes them.
//
//   websocket::route(app, "/echo", [](websocket::Stream& peer) {
//     while (auto message = peer.receive()) peer.send(*message);
//   });
//
// The function runs on a greenlet of its own for each connection, which is closed when it returns (1000) or
// throws (1011; what it threw goes to the hub's error hook).
//
// A close frame is answered at once: a peer that closes right behind its messages gets no answer to them,
// though receive() still gives them.
//
// Threads: greenlets of the connection's hub; one receives at a time, any may send. receive() and send()
// block; they throw what interrupts a greenlet, and std::bad_alloc. Pings are answered whether or not anyone
// receives. Messages that wait to be received are limited: above RouteOptions::inbox_limit octets nothing
// more is read from the peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/http/app.hpp>
#include <verdin/websocket/options.hpp>

namespace verdin::websocket {

struct Message {
  std::string data;
  bool binary = false;
};

namespace impl {
class StreamState;
}

class Stream {
 public:
  explicit Stream(IntrusivePtr<impl::StreamState> state);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  /// Blocks for the next message; none once the connection is closed by either side and what came before is
  /// received.
  std::optional<Message> receive();

  /// Blocks while more than Options::send_limit is unsent. False if the connection is closed.
  bool send(std::string_view text);
  bool send_binary(std::string_view octets);
  bool send(const Message& message) {
    return message.binary ? send_binary(message.data) : send(message.data);
  }

  /// Begins to close: receive() gives nothing more. Does not wait for the peer.
  void close(std::uint16_t code = close_code::kNormal, std::string_view reason = {});
  bool is_open() const noexcept;
  /// How it ended; none before.
  const std::optional<Close>& ended() const noexcept;

  /// The request that opened it, with its headers and parameters.
  const http::Request& request() const noexcept;
  /// The subprotocol that was agreed on; empty if none.
  std::string_view subprotocol() const noexcept;

 private:
  friend class Subscriber;
  IntrusivePtr<impl::StreamState> state_;
};

struct RouteOptions : Options {
  /// Whose pages may connect, as "https://example.org:8443"; "*" is everybody. Requests without an Origin
  /// header (not from a browser) and those from the page's own host are always welcome; all others are
  /// answered 403.
  std::vector<std::string> origins;
  /// A peer of which nothing is heard between two pings is gone. 0: no pings.
  std::chrono::milliseconds ping_interval{25'000};
  /// Octets that may wait to be received.
  std::size_t inbox_limit = 1 << 20;
};

using StreamHandler = UniqueFunction<void(Stream&)>;

/// Serves WebSockets at exactly `pattern` (see http::App). When the app stops, connections are closed with
/// 1001.
void route(http::App& app, std::string_view pattern, StreamHandler handler, RouteOptions options = {});

}  // namespace verdin::websocket
