// TlsContextState: what a TlsContext is: options, what was made of them, a client's sessions. Any thread.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/siphash.hpp>
#include <verdin/net/tls_context.hpp>

#include "net/openssl/handles.hpp"
#include "net/openssl/ticket_keys.hpp"

namespace verdin::net::impl {

/// Never changed once it is made. Connections hold it.
struct LoadedTls {
  std::vector<SslCtxPtr> contexts;  // one for each identity; the first is what connections begin with
  std::string alpn;                 // as it is sent
};

class TlsContextState {
 public:
  explicit TlsContextState(TlsServerOptions options);
  explicit TlsContextState(TlsClientOptions options);

  bool is_server() const noexcept { return is_server_; }
  const TlsOptions& options() const noexcept { return is_server_ ? server_.tls : client_.tls; }
  bool verifies_server() const noexcept { return !is_server_ && client_.verify; }
  std::shared_ptr<const LoadedTls> loaded() const;
  void reload();
  TicketKeys& ticket_keys() noexcept { return ticket_keys_; }

  /// A client's sessions, by the name of the host. One is taken out when it is used: a ticket of TLS 1.3 is
  /// good for one connection.
  void keep_session(std::string_view host, SessionPtr session);
  SessionPtr take_session(std::string_view host);

 private:
  using Sessions = std::list<std::pair<std::string, SessionPtr>>;

  std::shared_ptr<LoadedTls> load() const;

  const bool is_server_;
  const TlsServerOptions server_{};
  const TlsClientOptions client_{};
  TicketKeys ticket_keys_;
  mutable std::mutex mutex_;
  std::shared_ptr<LoadedTls> loaded_;
  Sessions sessions_;  // the latest first
  StringMap<Sessions::iterator> by_host_;
};

/// Makes what the options say; throws TlsError and std::system_error.
std::shared_ptr<LoadedTls> load_server(const TlsServerOptions& options);
std::shared_ptr<LoadedTls> load_client(const TlsClientOptions& options);

}  // namespace verdin::net::impl
