// TlsContext: what the TLS connections of a server or a client have in common: certificates, whom to trust,
// protocols.
//
//   auto context = net::TlsContext::server({.identities = {{.certificate_file = "chain.pem",
//                                                           .key_file = "key.pem"}},
//                                           .alpn = {"http/1.1"}});
//   auto client = net::TlsContext::client();  // trusts what the system trusts, and checks the host's name
//
// A cheap handle: copy it. Any thread, any number of hubs. What it is made of is read when it is made, and
// again by reload(), which replaces it for connections to come or, if it throws, leaves all as it was
// (tickets stay valid); those that exist keep what they began with. Making and reloading read small files in
// the way of the thread, or, on a greenlet, without stalling the hub. Throws TlsError (bad_configuration),
// and std::system_error for files.
//
// A server chooses the first identity whose certificate is valid for the name that the client wants (SNI),
// else the first of all. TLS 1.2 is the oldest that is spoken, with forward secrecy and AEAD only; there is
// no renegotiation and no compression. A peer that sends more than 32 records in a row without any data, once
// hands are shaken (changes of keys, attempts to renegotiate: each costs far more here than there), has its
// connection fail (TlsErrc::flooded).
//
// Sessions are resumed: by a server through tickets (or, without those, a cache of session_cache_size), by a
// client for the last 256 host names. A resumed session was verified when it began. The keys of tickets are
// of the context, in memory only, and change with time: who steals one can read what was said under the
// tickets of ticket_key_lifetime (TLS 1.2 only; in TLS 1.3 each session has secrets of its own besides).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace verdin::net {

namespace impl {
class TlsContextState;
}

enum class TlsVersion { tls12, tls13 };
enum class TlsClientAuth { none, optional, required };

/// A certificate with the chain above it and its key, both PEM: from files, or as text.
struct TlsIdentity {
  std::string certificate_file{};
  std::string key_file{};  ///< empty: the key is in certificate_file
  std::string certificate_pem{};
  std::string key_pem{};
  std::string password{};  ///< of the key
};

/// Of both sides.
struct TlsOptions {
  TlsVersion oldest = TlsVersion::tls12;
  TlsVersion newest = TlsVersion::tls13;
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  ///< of TLS 1.2, as OpenSSL writes them
  std::string ciphersuites{};                           ///< of TLS 1.3; empty: OpenSSL's own
  std::chrono::milliseconds handshake_limit{10'000};
  /// Steps of handshakes (the costly part) that a hub does before it looks at everything else. 0: all.
  unsigned handshakes_per_turn = 8;
  /// An end without close_notify counts as an end, and not as an error. For peers that never send it, where
  /// the protocol above tells where messages end.
  bool allow_truncation = false;
  bool resumption = true;
};

struct TlsServerOptions {
  std::vector<TlsIdentity> identities{};  ///< at least one
  /// Protocols, the one liked best first. A client that offers others only is refused.
  std::vector<std::string> alpn{};
  TlsClientAuth client_auth = TlsClientAuth::none;
  std::string client_ca_file{};  ///< whose certificates clients may have
  std::string client_ca_pem{};
  bool tickets = true;
  std::size_t session_cache_size = 1024;
  std::chrono::seconds session_lifetime{7200};
  /// So long a key seals tickets, and so long again it still opens them; clients get a new ticket then.
  std::chrono::milliseconds ticket_key_lifetime{std::chrono::hours(2)};
  TlsOptions tls{};
};

struct TlsClientOptions {
  bool verify = true;        ///< the server's certificate and its name
  bool system_roots = true;  ///< trust what the system trusts
  std::string ca_file{};     ///< and these
  std::string ca_pem{};
  std::vector<std::string> alpn{};
  TlsIdentity identity{};  ///< for servers that ask for one
  TlsOptions tls{};
};

class TlsContext {
 public:
  static TlsContext server(TlsServerOptions options);
  static TlsContext client(TlsClientOptions options = {});

  bool is_server() const noexcept;
  /// Reads the files again.
  void reload();
  /// Of a server: tickets are sealed with a new key from now on; the one before still opens them, those
  /// before it no more. By itself that happens when the key is ticket_key_lifetime old.
  void rotate_ticket_keys();

 private:
  friend class TlsStream;
  explicit TlsContext(std::shared_ptr<impl::TlsContextState> state) noexcept;
  std::shared_ptr<impl::TlsContextState> state_;
};

}  // namespace verdin::net
