// A Socket.IO client of raw packets, and a server for it on the same hub.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/verdin.hpp>

#include "support/engineio_peer.hpp"

namespace verdin::test {

/// A client over WebSocket, past the Engine.IO handshake.
class Peer {
 public:
  explicit Peer(http::App& app) : socket_(app, "/socket.io/") { socket_.receive(); }
  Peer(http::App& app, std::string_view connect) : Peer(app) {
    send(connect);
    connected_ = receive();
  }

  /// A Socket.IO packet, without the engine's 4.
  void send(std::string_view packet) { socket_.send("4" + std::string(packet)); }
  void send_binary(std::string_view data) { socket_.send_binary(data); }
  std::string receive() {
    const std::string packet = socket_.receive();
    return packet.starts_with('4') ? packet.substr(1) : packet;
  }
  const std::string& connected() const { return connected_; }
  std::string ask(std::string_view packet) {
    send(packet);
    return receive();
  }
  WebSocketPeer& engine() { return socket_; }

 private:
  WebSocketPeer socket_;
  std::string connected_;
};

struct Errors {
  void attach(sio::Server& io) {
    io.on_error(
        [this](const sio::ErrorInfo& error) { seen.emplace_back(error.kind, std::string(error.message)); });
  }
  std::size_t count(sio::ErrorInfo::Kind kind) const {
    std::size_t n = 0;
    for (const auto& error : seen) n += error.first == kind;
    return n;
  }
  std::vector<std::pair<sio::ErrorInfo::Kind, std::string>> seen;
};

template <typename Body>
void with_server(Body body, sio::Options options = {}) {
  verdin::run([&] {
    sio::Server io(std::move(options));
    Errors errors;
    errors.attach(io);
    http::App app;
    app.mount(io);
    body(app, io, errors);
  });
}

}  // namespace verdin::test
