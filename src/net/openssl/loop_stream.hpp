// tls_loop_stream(): a TLS connection as the loop's kind of stream.
#pragma once

#include <memory>

#include <verdin/loop/stream.hpp>
#include <verdin/net/tls_stream.hpp>

#include "net/openssl/connection.hpp"

namespace verdin::net::impl {

/// Driven by readiness: it has no greenlets, and its handler is called in the hub. The handshake must be done
/// (see TlsConnection::shaken()). A descriptor is read to the end of what is there before it is waited for
/// again, so what OpenSSL holds is never forgotten.
loop::StreamPtr tls_loop_stream(std::unique_ptr<TlsConnection> connection);

/// Gets at what a TlsStream is.
struct TlsStreamInside {
  static TlsConnection& connection(TlsStream& stream) { return stream.connection(); }
  static std::unique_ptr<TlsConnection> take(TlsStream& stream) { return std::move(stream.connection_); }
};

}  // namespace verdin::net::impl
