// TlsError: what TLS refuses.
//
// Codes of verdin.tls stand beside those of sockets (error.hpp): a limit that is over is TimedOut, a reset
// connection has its errno. A connection that has failed stays failed. Text that the peer sent is in no
// message.
#pragma once

#include <string>
#include <system_error>

namespace verdin::net {

enum class TlsErrc {
  protocol = 1,          ///< what came is not TLS, or breaks its rules
  truncated,             ///< the peer's end came without close_notify: there may have been more
  certificate_rejected,  ///< of the peer: none, untrusted, expired, revoked, ...
  wrong_host,            ///< the peer's certificate is another host's
  refused,               ///< the peer sent an alert
  no_common_protocol,    ///< of those that ALPN was to choose from
  bad_configuration,     ///< a certificate, a key, a list of ciphers
  failed,                ///< anything else, memory for one
  flooded,               ///< the peer sent messages of TLS without end (new keys, say), and no data
  of_parent,             ///< this process was forked off from the one whose connection it is
};

const std::error_category& tls_category() noexcept;
inline std::error_code make_error_code(TlsErrc code) noexcept {
  return {static_cast<int>(code), tls_category()};
}

struct TlsError : std::system_error {
  TlsError(TlsErrc code, const std::string& what);
};

}  // namespace verdin::net

template <>
struct std::is_error_code_enum<verdin::net::TlsErrc> : std::true_type {};
