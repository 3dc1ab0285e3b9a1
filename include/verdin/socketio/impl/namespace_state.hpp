// Internal. NamespaceState and ServerState: what Namespace and Server handles refer to. The hub's only.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/siphash.hpp>
#include <verdin/engineio/server.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/socketio/adapter.hpp>
#include <verdin/socketio/errors.hpp>
#include <verdin/socketio/impl/event_handler.hpp>
#include <verdin/socketio/options.hpp>

namespace verdin::sio {

class Socket;

namespace impl {

class Client;
class ServerState;

class NamespaceState final : public SharedRefCounted<NamespaceState> {
 public:
  using ConnectionHook = UniqueFunction<void(Socket)>;
  using Middleware = UniqueFunction<std::optional<ConnectError>(Socket)>;
  using DisconnectHook = UniqueFunction<void(Socket, DisconnectReason)>;

  NamespaceState(ServerState& server, std::string name);

  const std::string& name() const noexcept { return name_; }
  /// Null when the server is gone; handles may live longer.
  ServerState* server() const noexcept { return server_; }
  void server_is_gone() noexcept { server_ = nullptr; }
  Adapter& adapter() noexcept { return *adapter_; }
  std::uint64_t next_ack_id() noexcept { return next_ack_id_++; }

  void broadcast(const BroadcastOptions& to, const Encoder& encoder);

  StringMap<IntrusivePtr<EventHandler>> handlers;
  // Deques: one that is added while another runs, and perhaps blocks, must not move that.
  std::deque<Middleware> middlewares;
  std::deque<ConnectionHook> connection_hooks;
  std::deque<DisconnectHook> disconnecting_hooks;
  std::deque<DisconnectHook> disconnect_hooks;

 private:
  ServerState* server_;
  std::string name_;
  std::unique_ptr<Adapter> adapter_;
  std::uint64_t next_ack_id_ = 0;
};

class ServerState {
 public:
  explicit ServerState(Options options);
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;
  ~ServerState();

  NamespaceState& of(std::string_view name);
  NamespaceState* find_namespace(std::string_view name) const;
  eio::Server& engine() noexcept { return engine_; }
  const Options& options() const noexcept { return options_; }
  json::Document& document() noexcept { return document_; }
  void report(const ErrorInfo& error) noexcept;

  /// For work that found no stack: until there is one, it is tried again and again.
  void redo_later(IntrusivePtr<SocketState> socket, SocketState::Work work) noexcept;
  /// The hub ends.
  void forget_undone() noexcept;

  std::atomic<Hub*> hub{nullptr};  // that serves it: from the first connection to the app's end
  bool stopping = false;
  std::size_t left_octets = 0;  // in the mailboxes of sockets that have left
  std::string scratch;          // for the text of one packet
  ErrorHook error_hook;

 private:
  struct Undone {
    IntrusivePtr<SocketState> socket;
    SocketState::Work work;
  };
  void redo();

  Options options_;
  StringMap<IntrusivePtr<NamespaceState>> namespaces_;
  json::Document document_;  // one packet at a time is looked at
  eio::Server engine_;
  std::vector<Undone> undone_;
  std::unique_ptr<loop::Timer> redo_timer_;
};

/// Encodes a packet for many receivers.
Packet make_packet(const Encoder& encoder);

}  // namespace impl
}  // namespace verdin::sio
