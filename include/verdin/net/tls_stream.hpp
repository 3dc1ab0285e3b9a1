// TlsStream: a StreamSocket that speaks TLS over a Socket.
//
//   net::TlsStream stream(net::connect(addresses), context, "example.org");
//   stream.send_all("GET / HTTP/1.0\r\n\r\n");
//
//   net::StreamServer server(address, net::over_tls(context, [](net::TlsStream& stream, const net::Address&)
//   {
//     while (const std::size_t size = stream.recv(buffer)) stream.send_all(...);
//   }));
//
// The handshake is done by handshake(), or by the first call that needs it; it is limited by the context
// (TlsOptions::handshake_limit) besides the call's own limit. All else is as stream_socket.hpp says: one
// reads while another writes, kills and limits leave the stream usable (not a handshake that was cut short).
// recv() gives 0 only when the peer has said that this is its end (close_notify); a connection that just ends
// is TlsErrc::truncated. shutdown_write() says it, and so does close(), as far as the kernel takes it at
// once.
//
// An idle connection keeps no buffers: about 15 KB. Threads: of its Socket's hub. In a child of fork() its
// parent's are of no use (TlsErrc::of_parent), since both would speak to the peer with the same keys; closing
// one there says nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <verdin/net/socket.hpp>
#include <verdin/net/stream_socket.hpp>
#include <verdin/net/tls_context.hpp>
#include <verdin/net/tls_error.hpp>

namespace verdin::net {

namespace impl {
class TlsConnection;
struct TlsStreamInside;
}  // namespace impl

class TlsStream final : public StreamSocket {
 public:
  /// None: closed.
  TlsStream() noexcept;
  /// Of a server's context: the side that accepted. Of a client's: `host` is whom to reach, a name or an
  /// address; std::invalid_argument if there is none, unless verification is off. TlsError (protocol) if
  /// `socket` has received more than was read of it: that came unprotected.
  TlsStream(Socket socket, const TlsContext& context, std::string_view host = {});
  TlsStream(TlsStream&& other) noexcept;
  TlsStream& operator=(TlsStream&& other) noexcept;
  ~TlsStream() override;

  /// The side that accepted, shaken hands: as the constructor and handshake() do it, but that a peer which
  /// has not said hello, all of it, costs no memory of TLS, which is some 50 KB during a handshake.
  static TlsStream accept(Socket socket, const TlsContext& context, Deadline limit = {});

  /// Once is enough. TlsError says more than the error codes of the other calls.
  void handshake(Deadline limit = {});

  // ---- Of the connection, after the handshake.

  /// "TLSv1.3"
  std::string version() const;
  std::string cipher() const;
  /// The protocol agreed on; empty if there is none.
  std::string alpn() const;
  /// Whom the client wanted (SNI); empty if it did not say.
  std::string server_name() const;
  bool resumed() const;
  /// The peer's certificate as PEM; empty if it has none.
  std::string peer_certificate() const;
  /// Its subject, as RFC 2253 writes it.
  std::string peer_subject() const;

  /// What carries it: for options. Octets that are read or sent there break the connection.
  Socket& socket();

  bool open() const noexcept override;
  int fd() const noexcept override;
  Address local_address() const override;
  Address peer_address() const override;

 private:
  std::size_t do_recv(std::span<char> into, Deadline limit, std::error_code& error) override;
  std::size_t do_send_all(std::span<const std::string_view> pieces, Deadline limit,
                          std::error_code& error) override;
  void do_shutdown_write(Deadline limit, std::error_code& error) override;
  void do_close() noexcept override;
  impl::TlsConnection& connection() const;

  friend struct impl::TlsStreamInside;
  std::unique_ptr<impl::TlsConnection> connection_;
};

/// For a StreamServer: the handshake is done on the connection's greenlet, then `handler` has the stream,
/// which is closed when it returns. Handshakes that fail are told to `failed` (nothing by default: any
/// scanner of ports makes some).
std::function<void(Socket&, const Address&)> over_tls(
    TlsContext context, std::function<void(TlsStream&, const Address&)> handler,
    std::function<void(const Address&, const std::system_error&)> failed = {});

}  // namespace verdin::net
