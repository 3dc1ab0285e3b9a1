// DatagramServer: calls a handler for each datagram that comes.
//
//   net::DatagramServer server(net::Address::any_ipv6(9999),
//                              [](net::DatagramServer::Datagram& datagram) { datagram.reply(datagram.data);
//                              });
//   server.serve_forever();
//
// Datagrams are received and sent many at a time (recvmmsg(2), sendmmsg(2)). Each handler runs on a greenlet
// of its own, with a copy of the data, and may block; with in_turn it is called on the server's, one after
// the other, without a copy, and what it waits for keeps the others waiting. While max_handlers are at work
// nothing is received: the kernel drops what its buffer does not hold. Datagrams are never cut: 64 KiB.
//
// send() and reply() queue: what the handlers of a turn have to say leaves together. Nobody learns whether a
// datagram arrived; what the system refuses to send is counted (refused()), and reported to the hub's error
// hook only when it is an error of the socket. While the queue is full, send() waits for room.
//
// An exception of a handler goes to the hub's error hook. Threads: of one hub. Destroying it stops it;
// handlers that are at work go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/net/socket.hpp>

namespace verdin::net {

struct DatagramServerOptions {
  bool in_turn = false;
  bool reuse_port = false;          ///< several servers (of several hubs) share a port
  std::size_t max_handlers = 1000;  ///< at work at once
  std::size_t max_queued = 1024;    ///< datagrams that wait to be sent
  std::size_t batch = 32;           ///< datagrams in one system call; each has a buffer of 64 KiB
};

class DatagramServer {
 private:
  class State;
  State& state() const noexcept;

 public:
  struct Datagram {
    std::string_view data;  ///< until the handler returns
    Address from;
    void reply(std::string_view answer);

   private:
    friend class DatagramServer;
    Datagram(std::string_view octets, const Address& peer, State& server) noexcept
        : data(octets), from(peer), server_(&server) {}
    State* server_;
  };
  using Handler = std::function<void(Datagram& datagram)>;

  DatagramServer(const Address& address, Handler handler, const DatagramServerOptions& options = {});
  /// With a socket that is bound already.
  DatagramServer(Socket socket, Handler handler, const DatagramServerOptions& options = {});
  DatagramServer(const DatagramServer&) = delete;
  DatagramServer& operator=(const DatagramServer&) = delete;
  ~DatagramServer();

  /// Binds and begins to receive; does nothing if it does so already.
  void start();
  bool started() const noexcept;
  void serve_forever();
  /// From the hub, too. What is still queued is dropped. It may be started again.
  void stop() noexcept;
  const Address& address() const noexcept;
  std::uint16_t port() const noexcept { return address().port(); }

  void send(std::string_view data, const Address& to);
  /// Datagrams that the system would not send.
  std::size_t refused() const noexcept;
  std::size_t handlers() const noexcept;

 private:
  IntrusivePtr<State> state_;
};

}  // namespace verdin::net
