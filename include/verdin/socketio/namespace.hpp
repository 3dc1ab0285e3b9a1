// Namespace: one channel of a server, with sockets, handlers and rooms of its own. A cheap handle.
//
//   auto chat = io.of("/chat");
//   chat.use([](sio::Socket s) -> std::optional<sio::ConnectError> { ... });
//   chat.on_connection([](sio::Socket s) { s.emit("hello"); });
//   chat.on("nickname", [](sio::Socket s, std::string nick) { return std::tuple{true, nick}; });
//
// Middlewares and handlers run on greenlets and may block; see socket.hpp for what handlers take and return.
// A handler of the namespace has the socket as its first parameter, where it wants it, and costs a connection
// nothing: prefer it to one of each socket. Threads: the server's hub (before it runs: the thread that will
// run it), but for emit() and what returns a BroadcastOperator, which any may call.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/socketio/broadcast_operator.hpp>
#include <verdin/socketio/socket.hpp>

namespace verdin::sio {

class Namespace {
 public:
  explicit Namespace(IntrusivePtr<impl::NamespaceState> state) : state_(std::move(state)) {}

  const std::string& name() const { return state_->name(); }

  /// Asked in order before a client gets in. It refuses by returning or throwing a ConnectError (another
  /// exception is reported, and refuses with "internal error"). May return nothing or
  /// std::optional<ConnectError>.
  template <typename F>
  void use(F&& middleware) const {
    if constexpr (std::is_void_v<std::invoke_result_t<std::decay_t<F>&, Socket>>) {
      state_->middlewares.emplace_back(
          [f = std::decay_t<F>(std::forward<F>(middleware))](Socket socket) mutable {
            f(std::move(socket));
            return std::optional<ConnectError>();
          });
    } else {
      state_->middlewares.emplace_back(std::forward<F>(middleware));
    }
  }
  /// A client is in: its CONNECT is answered, and what the handler emits follows. Its events wait until the
  /// handler returns.
  void on_connection(UniqueFunction<void(Socket)> handler) const {
    state_->connection_hooks.push_back(std::move(handler));
  }
  void on_connect(UniqueFunction<void(Socket)> handler) const { on_connection(std::move(handler)); }
  template <typename F>
  void on(std::string_view event, F&& handler) const {
    impl::check_event_name(event);
    state_->handlers.insert_or_assign(std::string(event),
                                      impl::make_event_handler(event, std::forward<F>(handler)));
  }
  void on_disconnecting(UniqueFunction<void(Socket, DisconnectReason)> handler) const {
    state_->disconnecting_hooks.push_back(std::move(handler));
  }
  void on_disconnect(UniqueFunction<void(Socket, DisconnectReason)> handler) const {
    state_->disconnect_hooks.push_back(std::move(handler));
  }

  template <typename... Values>
  void emit(std::string_view event, const Values&... values) const {
    all().emit(event, values...);
  }
  using Rooms = BroadcastOperator::Rooms;
  BroadcastOperator to(std::string_view room) const { return all().to(room); }
  BroadcastOperator to(Rooms rooms) const { return all().to(rooms); }
  BroadcastOperator to(const std::vector<std::string>& rooms) const { return all().to(rooms); }
  BroadcastOperator in(std::string_view room) const { return all().in(room); }
  BroadcastOperator in(Rooms rooms) const { return all().in(rooms); }
  BroadcastOperator in(const std::vector<std::string>& rooms) const { return all().in(rooms); }
  BroadcastOperator except(std::string_view room) const { return all().except(room); }
  BroadcastOperator except(Rooms rooms) const { return all().except(rooms); }
  BroadcastOperator except(const std::vector<std::string>& rooms) const { return all().except(rooms); }
  BroadcastOperator timeout(loop::Clock::duration limit) const { return all().timeout(limit); }
  BroadcastOperator as_volatile() const { return all().as_volatile(); }
  BroadcastOperator all() const { return BroadcastOperator(state_); }

  /// Connected sockets.
  std::size_t size() const { return state_->adapter().socket_count(); }
  std::vector<Socket> sockets() const { return all().fetch_sockets(); }
  std::optional<Socket> find(std::string_view socket_id) const {
    impl::SocketState* const found = state_->adapter().find(socket_id);
    return found ? std::optional<Socket>(Socket(IntrusivePtr(found))) : std::nullopt;
  }
  void disconnect_sockets(bool close_connection = false) const { all().disconnect_sockets(close_connection); }

  friend bool operator==(const Namespace& a, const Namespace& b) noexcept { return a.state_ == b.state_; }

 private:
  IntrusivePtr<impl::NamespaceState> state_;
};

inline Namespace Socket::nsp() const { return Namespace(IntrusivePtr(&state_->nsp())); }

}  // namespace verdin::sio
