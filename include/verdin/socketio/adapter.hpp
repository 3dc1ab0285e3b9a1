// Adapter: who is in which room of one namespace, and how a packet reaches them. The default keeps it in
// memory; others add the other machines of a cluster.
//
// Threads: the hub's of its server. Nothing blocks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/engineio/message.hpp>
#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio {

/// One Socket.IO packet, encoded once: its text, then its attachments.
struct Packet {
  std::vector<eio::Message> messages;
};

/// Whom a broadcast is for: the union of `rooms` (everybody, if there are none), without the union of
/// `except`. A room may be any socket's id.
struct BroadcastOptions {
  std::vector<std::string> rooms;
  std::vector<std::string> except;
  bool is_volatile = false;
  bool local = false;  ///< this server only
};

class Adapter {
 public:
  Adapter() = default;
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;
  virtual ~Adapter() = default;

  /// `socket` has connected: its own id is a room from now on.
  virtual void add_socket(impl::SocketState& socket) = 0;
  virtual void join(impl::SocketState& socket, std::string_view room) = 0;
  virtual void leave(impl::SocketState& socket, std::string_view room) = 0;
  /// Leaves every room, its own too.
  virtual void remove_socket(impl::SocketState& socket) = 0;
  /// The rooms it joined, without its own id.
  virtual std::vector<std::string> rooms(const impl::SocketState& socket) const = 0;

  virtual void broadcast(const Packet& packet, const BroadcastOptions& to) = 0;
  /// The sockets of this server that a broadcast would reach.
  virtual std::vector<IntrusivePtr<impl::SocketState>> select(const BroadcastOptions& to) = 0;
  virtual std::size_t socket_count() const = 0;
  /// This server's socket of that id, or null.
  virtual impl::SocketState* find(std::string_view id) const = 0;
};

std::unique_ptr<Adapter> make_memory_adapter();

}  // namespace verdin::sio
