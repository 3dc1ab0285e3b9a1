// BroadcastOperator: whom an emit is for, put together step by step. Immutable: each step returns a new one.
//
//   io.to("room1").to("room2").except("muted").emit("news", text);
//
// An emit is encoded once and reaches each socket once. From a greenlet or callback of another hub it is
// posted to the server's. Nothing blocks. emit() throws std::invalid_argument for reserved names, and what an
// argument's to_json throws.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/runtime/hub.hpp>
#include <verdin/socketio/adapter.hpp>
#include <verdin/socketio/impl/namespace_state.hpp>

namespace verdin::sio {

class BroadcastOperator {
 public:
  explicit BroadcastOperator(IntrusivePtr<impl::NamespaceState> nsp) : nsp_(std::move(nsp)) {}

  /// Adds rooms; all of them together are reached (each socket once).
  BroadcastOperator to(std::string_view room) const { return with(&BroadcastOptions::rooms, {room}); }
  BroadcastOperator to(const std::vector<std::string>& rooms) const {
    return with_all(&BroadcastOptions::rooms, rooms);
  }
  BroadcastOperator in(std::string_view room) const { return to(room); }
  BroadcastOperator except(std::string_view room) const { return with(&BroadcastOptions::except, {room}); }
  BroadcastOperator except(const std::vector<std::string>& rooms) const {
    return with_all(&BroadcastOptions::except, rooms);
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

  template <typename... Values>
  void emit(std::string_view event, const Values&... values) const {
    impl::check_event_name(event);
    broadcast(impl::Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
      impl::encode_event_of(out, nsp_->name(), std::nullopt, event, attachments, values...);
    }));
  }

  std::vector<Socket> fetch_sockets() const;
  void sockets_join(std::string_view room) const;
  void sockets_leave(std::string_view room) const;
  void disconnect_sockets(bool close_connection = false) const;

 private:
  BroadcastOperator with(std::vector<std::string> BroadcastOptions::*list,
                         std::initializer_list<std::string_view> rooms) const {
    BroadcastOperator copy = *this;
    for (std::string_view room : rooms) (copy.to_.*list).emplace_back(room);
    return copy;
  }
  BroadcastOperator with_all(std::vector<std::string> BroadcastOptions::*list,
                             const std::vector<std::string>& rooms) const {
    BroadcastOperator copy = *this;
    (copy.to_.*list).insert((copy.to_.*list).end(), rooms.begin(), rooms.end());
    return copy;
  }
  void broadcast(const impl::Encoder& encoder) const { nsp_->broadcast(to_, encoder); }

  IntrusivePtr<impl::NamespaceState> nsp_;
  BroadcastOptions to_;
};

}  // namespace verdin::sio
