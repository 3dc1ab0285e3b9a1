// Stream: a WebSocket connection as a greenlet sees it, in sequential code; and route(), which makes them.
//
//   websocket::route(app, "/echo", [](websocket::Stream& peer) {
//     for (const websocket::Message& message : peer) peer.send(message);
//   });
//
// connect.hpp makes one as a client. A message whose length is not known is sent through a MessageSink, and
// received part by part where StreamOptions::receive_parts is set.
//
// The app's middlewares run before the handshake is answered, and may answer in its place (401, a redirect);
// what they set (cookies, say) is on the 101 or on the refusal. They are through when the function begins,
// which runs on a greenlet of its own for each connection and has their ContextVars (not their Locals). The
// connection is closed when it returns (1000) or throws (1011; what it threw goes to App::on_error with its
// request, or where that is not set to the hub's error hook).
//
// A close frame is answered at once, and a fault of the peer's as well: one that closes or breaks the rules
// right behind its messages gets no answer to them, though receive() still gives them.
//
// Threads: greenlets of the connection's hub; one receives at a time, any may send. receive() and send()
// block; they throw what interrupts a greenlet, and std::bad_alloc. Pings are answered whether or not anyone
// receives. Messages that wait to be received are limited: above StreamOptions::inbox_limit octets nothing
// more is read from the peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
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

namespace impl {
class ChannelsState;
class StreamState;
}  // namespace impl

struct Message {
  std::string data;
  bool binary = false;

  bool operator==(const Message&) const = default;
};

/// A message as it arrives. One of text may end within a character; the last may be empty.
struct Part {
  std::string data;
  bool binary = false;
  bool last = false;
  /// Octets of the message that follow this part, where the peer has said so: see MessagePart.
  std::optional<std::uint64_t> remaining;
};

/// A message on its way in parts. Other messages that are sent meanwhile leave behind it, within
/// Options::drop_limit; send() and wait_until_unsent() do not wait for them, since it may be who calls them
/// that has to finish this one first. Of one greenlet; it must not outlive its Stream.
class MessageSink {
 public:
  MessageSink(MessageSink&& other) noexcept;
  MessageSink& operator=(MessageSink&&) = delete;
  /// Not finished: the peer cannot be told otherwise than by closing the connection (1011; cut within a
  /// frame).
  ~MessageSink();

  /// Blocks while more than Options::send_limit is unsent. False if the connection is closed. Not the length
  /// that was announced: std::logic_error.
  bool write(std::string_view part);
  bool finish();

 private:
  friend class Stream;
  explicit MessageSink(IntrusivePtr<impl::StreamState> state) noexcept;
  IntrusivePtr<impl::StreamState> state_;  // null: finished
};

class Stream {
 public:
  explicit Stream(IntrusivePtr<impl::StreamState> state);
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&&) = delete;
  /// A client's connection is closed (1000) if it is open; a server's when its function has returned. Where
  /// there is no memory to say so, it is cut (1006).
  /// Other greenlets may be in calls on it: receive() has none for them then, send() false, and
  /// wait_for_end() waits on. They must not begin another.
  ~Stream();

  /// Blocks for the next message; none once the connection is closed by either side and what came before is
  /// received. But what a peer has sent above StreamOptions::inbox_limit is not read: if it leaves (FIN)
  /// while the inbox stays full for Options::ping_interval, that is lost, and ended() is 1006. With
  /// StreamOptions::receive_parts it is put together, up to Options::max_message_size (else 1009).
  std::optional<Message> receive();
  /// Blocks for the next part; without StreamOptions::receive_parts each message is one.
  std::optional<Part> receive_part();

  /// `for (Message& message : stream)`: receive() until there is none.
  class Iterator;
  Iterator begin();
  std::default_sentinel_t end() const noexcept { return {}; }

  /// Blocks while more than Options::send_limit is unsent. False if the connection is closed.
  bool send(std::string_view text);
  bool send_binary(std::string_view octets);
  bool send(const Message& message) {
    return message.binary ? send_binary(message.data) : send(message.data);
  }

  /// Blocks while more than `most` octets are queued and not yet taken by the kernel. A peer that takes
  /// nothing for Options::backpressure_timeout is dropped (1008).
  void wait_until_unsent(std::size_t most);

  /// Begins a message; blocks while another is on its way through a sink, or more than Options::send_limit is
  /// unsent. With a `length` it is one frame of that many octets, which no other number can finish, and
  /// behind which pings wait, too: see Connection::begin_message().
  MessageSink begin_text(std::optional<std::uint64_t> length = {}) { return begin_message(false, length); }
  MessageSink begin_binary(std::optional<std::uint64_t> length = {}) { return begin_message(true, length); }

  /// Begins to close: nothing more comes in, though what has come can be received. Does not wait for the
  /// peer. For code and reason see Connection::close().
  void close(std::uint16_t code = close_code::kNormal, std::string_view reason = {});
  /// Blocks until it has ended, on either side: after close() until the peer has answered, or
  /// Options::close_timeout. So that the end is seen, messages above StreamOptions::inbox_limit are dropped
  /// where nobody will receive them; until then they wait, and with them the end. The route's function may
  /// receive, and whoever has received before: each until its greenlet has ended, or waits here itself.
  /// What is dropped are whole messages, and the rest of one that is half received.
  Close wait_for_end();
  bool is_open() const noexcept;
  bool is_client() const noexcept;
  /// How it ended; none before.
  const std::optional<Close>& ended() const noexcept;

  /// The request that opened it, with its headers and parameters. Of a client: std::logic_error.
  const http::Request& request() const;
  /// The subprotocol that was agreed on; empty if none.
  std::string_view subprotocol() const noexcept;

 private:
  friend class Subscriber;
  friend class impl::ChannelsState;
  MessageSink begin_message(bool binary, std::optional<std::uint64_t> length);
  IntrusivePtr<impl::StreamState> state_;  // null: moved away
};

/// An input iterator over what is received.
class Stream::Iterator {
 public:
  using value_type = Message;
  using difference_type = std::ptrdiff_t;

  explicit Iterator(Stream& stream) : stream_(&stream), message_(stream.receive()) {}
  Message& operator*() noexcept { return *message_; }
  Message* operator->() noexcept { return &*message_; }
  Iterator& operator++() {
    message_ = stream_->receive();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return !message_; }

 private:
  Stream* stream_;
  std::optional<Message> message_;
};

inline Stream::Iterator Stream::begin() { return Iterator(*this); }

struct StreamOptions : Options {
  /// Octets that may wait to be received.
  std::size_t inbox_limit = 1 << 20;
  /// Messages come in parts, as they arrive, and have no limit of size: see Stream::receive_part().
  bool receive_parts = false;
};

struct RouteOptions : StreamOptions {
  /// Whose pages may connect, as "https://example.org:8443", or "*" alone for everybody: see
  /// http/origin.hpp. All others are answered 403.
  std::vector<std::string> origins;
};

using StreamHandler = UniqueFunction<void(Stream&)>;

/// Serves WebSockets at exactly `pattern` (see http::App). When the app stops, connections are closed with
/// 1001. Throws std::invalid_argument, also for origins and other options that are none.
void route(http::App& app, std::string_view pattern, StreamHandler handler, RouteOptions options = {});

}  // namespace verdin::websocket
