// Session: one Engine.IO connection, whichever transport carries it at the moment; and SessionHandler, what
// it feeds.
//
// It begins on long-polling or on WebSocket and may move from the first to the second without losing or
// reordering a message. It keeps the heartbeat, bounds what it queues for a peer that does not read, and owns
// no greenlet.
//
// Threads: the hub's that serves it; callbacks come in hub context and must not block. No call on a Session
// calls back. Nothing throws but std::bad_alloc. The server owns a session while it lives; an IntrusivePtr
// keeps the object (then closed) longer. The handler must outlive the session or be taken off with
// set_handler(nullptr).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/engineio/message.hpp>
#include <verdin/engineio/options.hpp>
#include <verdin/http/exchange.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/websocket/connection.hpp>

namespace verdin::eio {

class Server;

/// Why a session ended, in the words of the official server.
enum class CloseReason : std::uint8_t {
  transport_close,  ///< the peer closed it, or its connection ended
  transport_error,  ///< a transport's rules were broken, or the connection broke
  ping_timeout,
  parse_error,
  forced_close,  ///< by this side
};
/// "transport close", ...
std::string_view to_string(CloseReason reason) noexcept;

class SessionHandler {
 public:
  /// Valid until the call returns; may be changed. json::kPadding octets behind it are readable.
  virtual void on_message(std::span<char> text) = 0;
  virtual void on_binary(std::span<char> data) = 0;
  /// The last call, once, for every end but close() and drop().
  virtual void on_close(CloseReason reason, std::string_view description) = 0;

 protected:
  ~SessionHandler() = default;
};

class Session final : public RefCounted<Session>, private websocket::ConnectionHandler {
 public:
  /// A secret of 132 bits: whoever has it is the peer.
  std::string_view id() const noexcept { return {id_, kIdSize}; }
  Transport transport() const noexcept { return ws_ ? Transport::websocket : Transport::polling; }
  bool is_open() const noexcept { return state_ == State::open; }
  Server& server() const noexcept { return *server_; }

  void set_handler(SessionHandler* handler) noexcept { handler_ = handler; }

  /// Queue a message. Over WebSocket it leaves before the loop polls again, over polling with the next
  /// answer. Dropped if the session is not open.
  void send(const Message& message);
  void send_text(std::string_view text);
  /// As send_text(), with text that `append(std::string&)` writes straight into the queue. `append` must only
  /// append, and must not use the session.
  template <typename Append>
  void write_text(Append&& append);

  /// Could a message leave at once? What volatile messages are dropped by.
  bool writable() const noexcept;
  std::size_t unsent() const noexcept;

  /// Back-pressure: while paused nothing is delivered, and nothing more is read; what was read already comes
  /// after resume(), from the loop. The heartbeat goes on asking, and ends a session whose peer has gone
  /// meanwhile: what that peer had sent and was not taken is lost.
  void pause();
  void resume();

  /// Ends it: what is queued still goes to the peer.
  void close() { close_with(websocket::close_code::kNormal); }
  /// The same, telling the peer that the server is going away.
  void close_for_shutdown() { close_with(websocket::close_code::kGoingAway); }
  /// Ends it at once; what is queued is lost.
  void drop();

  static constexpr std::size_t kIdSize = 22;

 private:
  friend class RefCounted<Session>;
  friend class Server;
  struct Post;
  struct Polling;
  class Probe;
  enum class State : std::uint8_t {
    open,
    lingering,  // closed, but a polling peer has yet to fetch what is queued
    closed
  };

  explicit Session(Server& server);
  ~Session();

  // Beginnings, by the server.
  void begin_polling(http::ExchangePtr first_get);
  void begin_websocket(IntrusivePtr<websocket::Connection> connection);
  void start_heartbeat();

  // Polling, polling.cpp.
  void on_get(http::ExchangePtr exchange);
  void on_post(http::ExchangePtr exchange);
  void on_body_too_large(http::Exchange& exchange);
  void on_post_begun() noexcept;
  void on_post_aborted();
  void queue(const Message& message);
  bool held_back() const noexcept;
  void take_post();
  void release_post();
  void flush_soon();
  void flush_polling();
  void answer_get(std::string_view payload);
  void end_polling();

  // The upgrade, upgrade.cpp.
  void begin_upgrade(const http::ExchangePtr& exchange, const websocket::Options& options);
  void complete_upgrade(IntrusivePtr<websocket::Connection> connection);
  void abandon_upgrade();

  // websocket::ConnectionHandler
  void on_text(std::span<char> message) override;
  void on_binary(std::span<char> message) override;
  void on_close(const websocket::Close& close) override;

  void on_packet(protocol::eio::PacketType type, std::span<char> data);
  void on_heartbeat_timer();
  void close_with(std::uint16_t websocket_code);
  void fail(CloseReason reason, std::string_view description);
  void end();
  /// Nobody will fetch the last packets: no connection is accepted any more.
  void stop_lingering() {
    if (state_ == State::lingering) end();
  }

  Server* server_;
  SessionHandler* handler_ = nullptr;
  IntrusivePtr<websocket::Connection> ws_;
  std::unique_ptr<Polling> polling_;  // until the session has moved to WebSocket
  std::unique_ptr<Probe> probe_;      // while it tries to
  loop::Timer timer_;                 // the heartbeat, or the end of lingering
  char id_[kIdSize];
  State state_ = State::open;
  bool awaiting_pong_ : 1 = false;
  bool paused_ : 1 = false;
  bool flush_queued_ : 1 = false;
  bool posting_ : 1 = false;      // the body of a POST is on its way
  bool overlapping_ : 1 = false;  // and so is that of another
};

template <typename Append>
void Session::write_text(Append&& append) {
  if (state_ != State::open) return;
  if (ws_) {
    websocket::MessageWriter writer(*ws_);
    writer.out() += protocol::eio::digit(protocol::eio::PacketType::message);
    append(writer.out());
    writer.finish(websocket::Opcode::text);
    return;
  }
  std::string text;
  append(text);
  queue(Message::text(text));
}

}  // namespace verdin::eio
