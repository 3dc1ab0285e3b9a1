// tls_connect(): a TLS connection to a name: look-up, connection and handshake under one limit.
//
//   net::TlsStream stream = net::tls_connect("example.org", 443, 10s);
//   net::TlsStream other = net::tls_connect("db.internal", 5433, 10s, {.context = own_authorities});
//
// The name is asked of the resolver, its addresses race (connect.hpp), the server is told the name (SNI), and
// its certificate must be valid for it. Blocks; `limit` is that of the whole. Whoever is killed meanwhile
// leaves nothing behind.
//
// Without a context of its own it uses one of the process that trusts what the system trusts, and keeps
// sessions for the next connection to the same name. The first call has a thread make that one (some 20 ms),
// and all who call meanwhile wait for it, each within its limit. The thread goes on when nobody waits any
// more, so calls with limits that are too short for it find the context there one day. If it cannot be made,
// all who wait are told why, and the next call has it tried again.
//
// Throws what each step throws: ResolveError, std::system_error of connecting, TlsError, TimedOut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <verdin/net/connect.hpp>
#include <verdin/net/tls_stream.hpp>

namespace verdin::net {

struct TlsConnectOptions {
  std::optional<TlsContext> context{};  ///< of a client
  std::string server_name{};            ///< whose certificate is wanted, if that is another name than `host`
  ResolveFunction resolve{};            ///< instead of the system's resolver
  ConnectOptions connect{};
};

TlsStream tls_connect(std::string_view host, std::uint16_t port, Deadline limit = {},
                      const TlsConnectOptions& options = {});
/// The same over a connection that is there already, such as a tunnel through a proxy.
TlsStream tls_connect(Socket socket, std::string_view host, Deadline limit = {},
                      const TlsConnectOptions& options = {});

}  // namespace verdin::net
