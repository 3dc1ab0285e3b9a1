// loop_stream(): any StreamSocket (a TlsStream, say) as the loop's kind of stream, on which HTTP, WebSocket
// and Engine.IO are built: http::App::serve() takes one, and so HTTPS is
//
//   net::StreamServer server(address, net::over_tls(context, ...));   // see TlsStream for the handshake
//
// A plain Socket needs none of it: `hub.loop().adopt(socket.release())` costs less. A TlsStream whose
// handshake is done is driven by readiness: no greenlets, and its handler is called in hub context; idle, it
// keeps about 17 KB (OpenSSL's). Any other socket is carried by two greenlets, one each way (with a buffer of
// 4 KB), which do the handshake if there is one to be done; the handler is called on them, and must not block
// all the same.
//
// Either way what is sent is copied, that of a SharedBuffer too: it is encrypted for each.
//
// Threads: of the hub. Nothing blocks. Throws std::bad_alloc. Ownership: as of any loop::Stream; the socket
// is the stream's. Dropping it closes the socket, with what TLS says at an end; retire() sends what is queued
// first.
#pragma once

#include <memory>

#include <verdin/loop/stream.hpp>
#include <verdin/net/stream_socket.hpp>

namespace verdin::net {

loop::StreamPtr loop_stream(std::unique_ptr<StreamSocket> socket);

}  // namespace verdin::net
