// BroadcastOperator: whom an emit is for, put together step by step. Immutable: each step returns a new one.
//
//   io.to({"room1", "room2"}).except("muted").emit("news", text);
//   std::vector<int> votes = io.to("room1").timeout(5s).emit_with_ack<int>("vote", question);
//
// An emit is encoded once and reaches each socket once. From a greenlet or callback of another hub it is
// posted to the server's. Only emit_with_ack() blocks, and only on the server's hub (BlockingSwitchOutError).
// Both throw std::invalid_argument for reserved names, and what an argument's to_json throws.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/runtime/hub.hpp>
#include <verdin/socketio/adapter.hpp>
#include <verdin/socketio/impl/namespace_state.hpp>
#include <verdin/socketio/impl/pending_ack.hpp>

namespace verdin::sio {

class BroadcastOperator {
 public:
  explicit BroadcastOperator(IntrusivePtr<impl::NamespaceState> nsp) : nsp_(std::move(nsp)) {}

  using Rooms = std::initializer_list<std::string_view>;

  /// Adds rooms; all of them together are reached (each socket once).
  BroadcastOperator to(std::string_view room) const { return with(&BroadcastOptions::rooms, Rooms{room}); }
  BroadcastOperator to(Rooms rooms) const { return with(&BroadcastOptions::rooms, rooms); }
  BroadcastOperator to(const std::vector<std::string>& rooms) const {
    return with(&BroadcastOptions::rooms, rooms);
  }
  BroadcastOperator in(std::string_view room) const { return to(room); }
  BroadcastOperator in(Rooms rooms) const { return to(rooms); }
  BroadcastOperator in(const std::vector<std::string>& rooms) const { return to(rooms); }
  BroadcastOperator except(std::string_view room) const {
    return with(&BroadcastOptions::except, Rooms{room});
  }
  BroadcastOperator except(Rooms rooms) const { return with(&BroadcastOptions::except, rooms); }
  BroadcastOperator except(const std::vector<std::string>& rooms) const {
    return with(&BroadcastOptions::except, rooms);
  }
  /// Dropped for sockets that cannot take it at once.
  BroadcastOperator as_volatile() const {
    BroadcastOperator copy = *this;
    copy.to_.is_volatile = true;
    return copy;
  }
  /// This server only, in a cluster.
  BroadcastOperator local() const {
    BroadcastOperator copy = *this;
    copy.to_.local = true;
    return copy;
  }

  /// How long emit_with_ack() waits; without it, until everybody has answered or gone.
  BroadcastOperator timeout(loop::Clock::duration limit) const {
    BroadcastOperator copy = *this;
    copy.limit_ = limit;
    return copy;
  }

  template <typename... Values>
  void emit(std::string_view event, const Values&... values) const {
    impl::check_event_name(event);
    broadcast(impl::Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
      impl::encode_event_of(out, nsp_->name(), std::nullopt, event, attachments, values...);
    }));
  }

  /// Emits and blocks until all of this server's sockets that were reached have acknowledged: what they said,
  /// in the order in which it came. `Reply` is decoded as Socket::emit_with_ack() does. Throws
  /// MissingAcks<Reply>, an AckTimeout with the replies that did come, when the time is over, and as soon as
  /// nobody is left to wait for when some have gone; one that is no Reply is a missing one and is reported to
  /// the error hook.
  template <typename Reply = Args, typename... Values>
  std::vector<Reply> emit_with_ack(std::string_view event, const Values&... values) const {
    impl::check_event_name(event);
    impl::TypedBroadcastAck<Reply> pending(*nsp_);
    pending.ask(to_, impl::Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
                  impl::encode_event_of(out, nsp_->name(), pending.id(), event, attachments, values...);
                }));
    return pending.get(limit_);
  }

  std::vector<Socket> fetch_sockets() const;
  void sockets_join(std::string_view room) const;
  void sockets_leave(std::string_view room) const;
  void disconnect_sockets(bool close_connection = false) const;

 private:
  template <typename List>
  BroadcastOperator with(std::vector<std::string> BroadcastOptions::*list, const List& rooms) const {
    BroadcastOperator copy = *this;
    for (const auto& room : rooms) (copy.to_.*list).emplace_back(room);
    return copy;
  }
  void broadcast(const impl::Encoder& encoder) const { nsp_->broadcast(to_, encoder); }

  IntrusivePtr<impl::NamespaceState> nsp_;
  BroadcastOptions to_;
  std::optional<loop::Clock::duration> limit_;
};

}  // namespace verdin::sio
