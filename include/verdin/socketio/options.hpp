// Options of a Socket.IO server. The names are Socket.IO's where it has the option; defaults are safe in
// public.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <verdin/engineio/options.hpp>
#include <verdin/protocol/socketio/packet.hpp>
#include <verdin/socketio/impl/client_dir.hpp>

namespace verdin::sio {

class Adapter;

struct Options {
  /// Transports, heartbeat, payload limit, origins. The path is replaced by `path` below.
  eio::Options engine{};
  std::string path = "/socket.io/";
  /// A client that has joined no namespace by then is closed; an unfinished binary packet too.
  std::chrono::milliseconds connect_timeout{45'000};
  protocol::sio::Limits limits{};  ///< attachments of a packet, length of a namespace's name
  /// Joined by one client at a time, or left while their handlers still run.
  std::size_t max_namespaces = 64;
  /// Events waiting for a handler that blocks, and octets of them for all sockets of a client together; with
  /// more, nothing is read from the client.
  std::size_t max_mailbox = 256;
  std::size_t max_mailbox_octets = 1'000'000;
  /// Octets of events that wait behind handlers of sockets that have left, of all clients together: they are
  /// still handled, and a client that leaves and comes again must not pile them up. With more, those of the
  /// socket that leaves are dropped, and the server's error hook is told.
  std::size_t max_left_octets = 16 * 1024 * 1024;
  /// What the `auth` of all sockets of a client may take of memory, for it is kept as long as they: 64 octets
  /// for each value and each key in it, and the length of its strings. A CONNECT that brings more is answered
  /// with the connect_error "Auth too large", and no middleware is asked.
  std::size_t max_auth_octets = 128 * 1024;
  /// The official client's files below `path`, compressed for whom accepts that, with the CORS headers of
  /// `engine.cors`.
  bool serve_client = true;
  /// Where they lie: the `dist` folder of npm's socket.io-client. By default where an installed Verdin has
  /// them, and in a build tree what CMake was told as VERDIN_CLIENT_DIR (a folder that scripts/demo fills).
  /// Without the files their names are answered 404, and a warning goes to verdin::log() once, when the
  /// server is made: set_log_sink() comes before.
  std::string client_dir = impl::kClientDir;
  /// Makes the adapter of each namespace; empty: in this process's memory.
  std::function<std::unique_ptr<Adapter>()> adapter{};
};

}  // namespace verdin::sio
