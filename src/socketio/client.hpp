// Client: one Engine.IO session as Socket.IO sees it: decodes its packets and hands them to its sockets, one
// for each namespace it has joined. Deletes itself at the session's end; in the hub only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <verdin/engineio/session.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/protocol/socketio/packet.hpp>
#include <verdin/socketio/handshake.hpp>
#include <verdin/socketio/impl/namespace_state.hpp>
#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio::impl {

class Client final : public eio::SessionHandler, public RefCounted<Client> {
 public:
  static void begin(ServerState& server, eio::Session& session, const http::Request& request);

  Client(ServerState& server, eio::Session& session, const http::Request& request);
  virtual ~Client();

  ServerState& server() const noexcept { return *server_; }
  eio::Session& session() const noexcept { return *session_; }

  /// The session takes text that `append` writes.
  template <typename Append>
  void write(Append&& append) {
    session_->write_text(std::forward<Append>(append));
  }

  /// `socket` is out: refused, or disconnected.
  void forget(SocketState& socket);
  /// Ends every socket for `reason`, and the connection.
  void close(DisconnectReason reason);
  /// What a client must not do, or cannot be understood.
  void protocol_error(DisconnectReason reason, std::string_view what);
  /// A socket got in: the client has done what connect_timeout waits for.
  void joined();

  /// How many of its sockets want nothing more read.
  void count_paused(int change);
  /// What waits in the mailboxes of its sockets.
  void add_held(std::size_t octets);
  void remove_held(std::size_t octets);
  /// How many acknowledgements its sockets wait for: they come by the same way as the events, so reading goes
  /// on, and a client that then sends far more than its mailboxes hold is closed.
  void count_acks(int change);
  bool overwhelms(std::size_t events) const;
  /// How many sockets have left while their handlers still run.
  void count_leaving(int change) noexcept { leaving_ += change; }
  /// What the `auth` of its sockets takes, and what of it one of them takes no more.
  void count_auth(std::size_t octets) noexcept { auth_ += octets; }
  void forget_auth(std::size_t octets) noexcept { auth_ -= octets; }

 private:
  struct PendingPacket;

  void on_message(std::span<char> text) override;
  void on_binary(std::span<char> data) override;
  void on_close(eio::CloseReason reason, std::string_view description) override;

  void on_connect(const protocol::sio::PacketHeader& header, json::View auth);
  void on_packet(const protocol::sio::PacketHeader& header, std::span<char> text, json::View payload);
  void begin_binary(const protocol::sio::PacketHeader& header, std::span<char> text);
  void complete_binary();
  SocketState* find(std::string_view nsp) const;
  void end_sockets(DisconnectReason reason);
  void on_timer();
  void start_timer();
  void update_reading();

  ServerState* server_;
  IntrusivePtr<eio::Session> session_;  // dropped with the connection
  IntrusivePtr<const Handshake> handshake_;
  std::vector<IntrusivePtr<SocketState>> sockets_;  // joined, or about to
  std::unique_ptr<PendingPacket> pending_;          // a binary packet whose attachments are still to come
  std::unique_ptr<loop::Timer> timer_;              // until a namespace is joined; while a packet is pending
  int paused_ = 0;
  int leaving_ = 0;
  int acks_ = 0;
  std::size_t held_ = 0;
  std::size_t auth_ = 0;
  bool reads_ = true;
  bool closed_ = false;
  bool has_joined_ = false;
};

}  // namespace verdin::sio::impl
