// A server's identity, and the authority that vouches for it, as contexts of TLS.
#pragma once

#include <string>
#include <utility>

#include <verdin/net/tls_context.hpp>

#include "support/certificates.hpp"

namespace verdin::test {

class TlsIdentity {
 public:
  /// `names` as in "DNS:one.test,IP:127.0.0.1".
  explicit TlsIdentity(const std::string& names) { certificates.sign("server", names); }

  net::TlsContext server(net::TlsServerOptions options = {}) const {
    options.identities = {
        {.certificate_file = certificates.path("server.pem"), .key_file = certificates.path("server.key")}};
    return net::TlsContext::server(options);
  }
  /// Trusts it, and nobody else.
  net::TlsContext client() const {
    return net::TlsContext::client({.system_roots = false, .ca_file = certificates.path("ca.pem")});
  }

  Certificates certificates;
};

}  // namespace verdin::test
