// Server: Socket.IO 5 over Engine.IO 4, for the official clients 3.x and 4.x
// (https://socket.io/docs/v4/socket-io-protocol).
//
//   sio::Server io;
//   io.of("/chat").on_connection([](sio::Socket socket) { ... });
//   http::App app;
//   app.mount(io);
//   app.listen(5000).serve_forever();
//
// It is mounted on an http::App at Options::path, and serves the official client's files there. Its own
// handler functions are those of the main namespace "/". When the app stops, clients see their transport
// close, and reconnect.
//
// Threads: as Namespace. It must outlive the app. Stopping the app ends every socket, and their handlers are
// told; destroying the server with clients still connected cuts them and tells nobody.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/http/endpoint.hpp>
#include <verdin/socketio/namespace.hpp>
#include <verdin/socketio/options.hpp>

namespace verdin::sio {

class Server {
 public:
  explicit Server(Options options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// The namespace of that name, made if need be ("chat" and "/chat" are the same, "" is "/").
  Namespace of(std::string_view name) const;
  Namespace main() const { return of("/"); }

  /// Told of handlers that throw, arguments that do not decode, clients that break the protocol. Default:
  /// verdin::log().
  void on_error(ErrorHook hook);

  // The main namespace's.
  template <typename F>
  void use(F&& middleware) const {
    main().use(std::forward<F>(middleware));
  }
  void on_connection(UniqueFunction<void(Socket)> handler) const { main().on_connection(std::move(handler)); }
  void on_connect(UniqueFunction<void(Socket)> handler) const { main().on_connection(std::move(handler)); }
  template <typename F>
  void on(std::string_view event, F&& handler) const {
    main().on(event, std::forward<F>(handler));
  }
  void on_disconnect(UniqueFunction<void(Socket, DisconnectReason)> handler) const {
    main().on_disconnect(std::move(handler));
  }
  void on_disconnecting(UniqueFunction<void(Socket, DisconnectReason)> handler) const {
    main().on_disconnecting(std::move(handler));
  }
  template <typename... Values>
  void emit(std::string_view event, const Values&... values) const {
    main().emit(event, values...);
  }
  using Rooms = BroadcastOperator::Rooms;
  BroadcastOperator to(std::string_view room) const { return main().to(room); }
  BroadcastOperator to(Rooms rooms) const { return main().to(rooms); }
  BroadcastOperator to(const std::vector<std::string>& rooms) const { return main().to(rooms); }
  BroadcastOperator in(std::string_view room) const { return main().in(room); }
  BroadcastOperator in(Rooms rooms) const { return main().in(rooms); }
  BroadcastOperator in(const std::vector<std::string>& rooms) const { return main().in(rooms); }
  BroadcastOperator except(std::string_view room) const { return main().except(room); }
  BroadcastOperator except(Rooms rooms) const { return main().except(rooms); }
  BroadcastOperator except(const std::vector<std::string>& rooms) const { return main().except(rooms); }
  BroadcastOperator timeout(loop::Clock::duration limit) const { return main().timeout(limit); }
  BroadcastOperator as_volatile() const { return main().as_volatile(); }
  std::vector<Socket> sockets() const { return main().sockets(); }
  void disconnect_sockets(bool close_connection = false) const {
    main().disconnect_sockets(close_connection);
  }

  eio::Server& engine() const;

  // For http::App::mount().
  std::string_view endpoint_path() const;
  http::Endpoint& endpoint() const;

 private:
  class Endpoint;
  std::unique_ptr<impl::ServerState> state_;
  std::unique_ptr<Endpoint> endpoint_;
};

}  // namespace verdin::sio
