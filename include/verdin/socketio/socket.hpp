// Socket: one client in one namespace. A cheap handle (one counted reference): copy it freely, keep it as
// long as you like; once the client has gone, what is sent goes nowhere.
//
//   socket.on("join", [=](std::string room) { socket.join(room); return true; });  // returned: the ack
//   sio::Args answer = socket.timeout(5s).emit_with_ack("question", 42);           // blocks the greenlet
//   bool agreed = socket.emit_with_ack<bool>("agreed?");
//
// Handlers take typed parameters, decoded from JSON and binary data: everything that json::decode knows, user
// types with json_fields() too; a last parameter std::optional may be missing; sio::Args takes all that is
// left; sio::Ack sends the acknowledgement by hand. What a handler returns is the acknowledgement (a
// std::tuple: several arguments; nothing: an empty one, after it returned). Arguments that do not decode are
// the client's error: the handler is not called, the server's error hook is. A handler that throws is
// reported there too, and no acknowledgement is sent. An event without a handler is dropped, unacknowledged.
//
// Handlers run on greenlets and may block. Events of one socket are handled in order, one after the other;
// sockets do not wait for one another. Events that came before the socket left are still handled, then its
// disconnect handlers run, within Options::max_left_octets. All handlers are dropped when the socket has
// gone, so they may hold the Socket itself.
//
// Threads: emit(), to(), except(), broadcast(), id(), join(), leave(), disconnect() may be called on any hub
// or thread while the server's hub runs (from others the call is posted there); everything else on the
// server's hub only. Only emit_with_ack() blocks.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/socketio/ack.hpp>
#include <verdin/socketio/broadcast_operator.hpp>
#include <verdin/socketio/disconnect_reason.hpp>
#include <verdin/socketio/errors.hpp>
#include <verdin/socketio/handshake.hpp>
#include <verdin/socketio/impl/event_handler.hpp>
#include <verdin/socketio/impl/pending_ack.hpp>
#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio {

class Namespace;

class Socket {
 public:
  explicit Socket(IntrusivePtr<impl::SocketState> state) : state_(std::move(state)) {}

  /// 20 characters; public, unlike the id of the connection below it. A room of that name holds this socket
  /// alone.
  std::string id() const { return std::string(state_->id()); }
  bool connected() const { return state_->connected(); }
  Namespace nsp() const;
  const Handshake& handshake() const { return *state_->handshake(); }
  /// What the client gave as `auth`: an object, empty if there was none. Bounded by Options::max_auth_octets.
  const json::Value& auth() const { return state_->auth(); }
  /// "polling" or "websocket", as of now.
  std::string_view transport() const;

  // ---- Sending

  template <typename... Values>
  void emit(std::string_view event, const Values&... values) const {
    send_event(event, false, values...);
  }
  /// Dropped if it could not leave at once.
  template <typename... Values>
  void volatile_emit(std::string_view event, const Values&... values) const {
    send_event(event, true, values...);
  }
  /// The same for whom BroadcastOperator::as_volatile() is familiar: socket.as_volatile().emit("position", x,
  /// y).
  class Volatile {
   public:
    explicit Volatile(IntrusivePtr<impl::SocketState> socket) : socket_(std::move(socket)) {}
    template <typename... Values>
    void emit(std::string_view event, const Values&... values) const {
      Socket(socket_).send_event(event, true, values...);
    }

   private:
    IntrusivePtr<impl::SocketState> socket_;
  };
  Volatile as_volatile() const { return Volatile(state_); }

  /// Emits and blocks until the client acknowledges. What it said is returned as Args, or as the `Reply`
  /// asked for: its first argument, or several as a std::tuple. Throws SocketDisconnected if it goes away
  /// first, and BadAck if it said something else.
  template <typename Reply = Args, typename... Values>
  Reply emit_with_ack(std::string_view event, const Values&... values) const {
    return ask<Reply>(std::nullopt, event, values...);
  }

  class Timed {
   public:
    Timed(IntrusivePtr<impl::SocketState> socket, loop::Clock::duration limit)
        : socket_(std::move(socket)), limit_(limit) {}
    /// As above, and throws AckTimeout when the time is over.
    template <typename Reply = Args, typename... Values>
    Reply emit_with_ack(std::string_view event, const Values&... values) const {
      return Socket(socket_).ask<Reply>(limit_, event, values...);
    }

   private:
    IntrusivePtr<impl::SocketState> socket_;
    loop::Clock::duration limit_;
  };
  Timed timeout(loop::Clock::duration limit) const { return Timed(state_, limit); }

  /// Everybody else: in the namespace, in rooms, outside of rooms.
  BroadcastOperator broadcast() const {
    return BroadcastOperator(IntrusivePtr(&state_->nsp())).except(state_->id());
  }
  using Rooms = BroadcastOperator::Rooms;
  BroadcastOperator to(std::string_view room) const { return broadcast().to(room); }
  BroadcastOperator to(Rooms rooms) const { return broadcast().to(rooms); }
  BroadcastOperator to(const std::vector<std::string>& rooms) const { return broadcast().to(rooms); }
  BroadcastOperator in(std::string_view room) const { return to(room); }
  BroadcastOperator in(Rooms rooms) const { return to(rooms); }
  BroadcastOperator in(const std::vector<std::string>& rooms) const { return to(rooms); }
  BroadcastOperator except(std::string_view room) const { return broadcast().except(room); }
  BroadcastOperator except(Rooms rooms) const { return broadcast().except(rooms); }
  BroadcastOperator except(const std::vector<std::string>& rooms) const { return broadcast().except(rooms); }

  // ---- Handlers

  /// One handler an event: a second call replaces the first. It goes before the namespace's handler of that
  /// event. Throws std::invalid_argument for reserved names.
  template <typename F>
  void on(std::string_view event, F&& handler) const {
    impl::check_event_name(event);
    state_->on(impl::make_event_handler(event, std::forward<F>(handler)));
  }
  /// The same for the next event of that name whose arguments decode, and no more.
  template <typename F>
  void once(std::string_view event, F&& handler) const {
    impl::check_event_name(event);
    state_->on(impl::make_event_handler(event, std::forward<F>(handler), true));
  }
  void off(std::string_view event) const { state_->off(event); }
  /// Hears every event, before its handler and also if there is none; may block. Such listeners add up.
  void on_any(UniqueFunction<void(const std::string& event, const Args& arguments)> listener) const {
    state_->add_any(std::move(listener));
  }
  /// Takes all of these off.
  void off_any() const { state_->clear_any(); }
  /// rooms() is still as it was. Runs before on_disconnect().
  void on_disconnecting(UniqueFunction<void(DisconnectReason)> handler) const {
    state_->add_disconnecting(std::move(handler));
  }
  void on_disconnect(UniqueFunction<void(DisconnectReason)> handler) const {
    state_->add_disconnect(std::move(handler));
  }

  // ---- Rooms

  void join(std::string_view room) const { state_->join(room); }
  void join(const std::vector<std::string>& rooms) const {
    for (const std::string& room : rooms) state_->join(room);
  }
  void join(Rooms rooms) const {
    for (const std::string_view room : rooms) state_->join(room);
  }
  void leave(std::string_view room) const { state_->leave(room); }
  /// Its own id first, then those it joined.
  std::vector<std::string> rooms() const { return state_->rooms(); }

  /// Leaves the namespace (the client sees "io server disconnect" and does not come back by itself); with
  /// `close_connection` all namespaces, and the connection ends.
  void disconnect(bool close_connection = false) const { state_->disconnect(close_connection); }

  /// The application's own data: made by T's default constructor at first use, kept until the last handle
  /// goes. Throws std::logic_error if it was first used with another type.
  template <typename T>
  T& data() const {
    return state_->data<T>();
  }

  friend bool operator==(const Socket& a, const Socket& b) noexcept { return a.state_ == b.state_; }

 private:
  template <typename... Values>
  void send_event(std::string_view event, bool is_volatile, const Values&... values) const {
    impl::check_event_name(event);
    state_->send(impl::Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
                   impl::encode_event_of(out, impl::namespace_name(*state_), std::nullopt, event, attachments,
                                         values...);
                 }),
                 is_volatile);
  }

  template <typename Reply, typename... Values>
  Reply ask(std::optional<loop::Clock::duration> limit, std::string_view event,
            const Values&... values) const {
    impl::check_event_name(event);
    impl::TypedAck<Reply> pending(*state_);
    state_->send(impl::Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
      impl::encode_event_of(out, impl::namespace_name(*state_), pending.id(), event, attachments, values...);
    }));
    return pending.get(limit);
  }

  IntrusivePtr<impl::SocketState> state_;
};

}  // namespace verdin::sio
