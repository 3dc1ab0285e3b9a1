// From options to OpenSSL's contexts.
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <verdin/net/file.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/runtime/hub.hpp>

#include "net/background_threads.hpp"
#include "net/openssl/connection.hpp"
#include "net/openssl/context_state.hpp"

namespace verdin::net::impl {
namespace {

constexpr std::size_t kLargestFile = std::size_t{16} << 20;
constexpr std::array<unsigned char, 6> kSessionContext{'v', 'e', 'r', 'd', 'i', 'n'};

[[noreturn]] void refuse(const std::string& what) { throw TlsError(TlsErrc::bad_configuration, what); }

/// Of a thread that may block: outside of greenlets.
std::string read_blocking(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::string data;
  std::array<char, 4096> buffer;
  ssize_t n = -1;
  while (file && (n = ::read(file.get(), buffer.data(), buffer.size())) > 0 && data.size() < kLargestFile)
    data.append(buffer.data(), static_cast<std::size_t>(n));
  if (n < 0) throw std::system_error(errno, std::generic_category(), "verdin: open " + path);
  if (n > 0) refuse("a file is larger than 16 MB: " + path);
  return data;
}

std::string read_any(const std::string& path) {
  const Hub* const hub = Hub::current_or_null();
  return hub && !hub->in_hub() ? read_file(path, kLargestFile) : read_blocking(path);
}

/// The text, or what is in the file.
std::string text_of(const std::string& pem, const std::string& file) {
  return pem.empty() && !file.empty() ? read_any(file) : pem;
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX))));
}

/// Never asks at the terminal.
int give_password(char* to, int size, int /*for_writing*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  return static_cast<int>(text.copy(to, text.size()));
}

struct IdentityText {
  std::string certificate;
  std::string key;
};

IdentityText read_identity(const TlsIdentity& identity) {
  IdentityText text{text_of(identity.certificate_pem, identity.certificate_file),
                    text_of(identity.key_pem, identity.key_file)};
  if (text.key.empty()) text.key = text.certificate;
  return text;
}

/// Where the text has no more of what was looked for, and not: where that cannot be read.
void check_end(const ErrorQueue& errors, const char* what) {
  const unsigned long last = ERR_peek_last_error();
  if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
    refuse(std::string(what) + errors.text());
}

void use_identity(SSL_CTX* context, const IdentityText& text, const std::string& password) {
  const ErrorQueue errors;
  std::string nothing = password;
  const BioPtr certificates = reader_of(text.certificate);
  const X509Ptr own(PEM_read_bio_X509_AUX(certificates.get(), nullptr, give_password, &nothing));
  if (!own) refuse("there is no certificate: " + errors.text());
  const BioPtr keys = reader_of(text.key);
  const KeyPtr key(PEM_read_bio_PrivateKey(keys.get(), nullptr, give_password, &nothing));
  if (!key) refuse("there is no key that can be read: " + errors.text());
  if (SSL_CTX_use_certificate(context, own.get()) != 1 || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    refuse("the certificate and its key cannot be used: " + errors.text());
  ERR_clear_error();
  while (X509* const above = PEM_read_bio_X509(certificates.get(), nullptr, give_password, &nothing)) {
    if (SSL_CTX_add0_chain_cert(context, above) != 1) {
      X509_free(above);
      refuse("the chain of certificates cannot be used: " + errors.text());
    }
  }
  check_end(errors, "a certificate of the chain cannot be read: ");
}

void trust(SSL_CTX* context, const std::string& pem, bool tell_clients) {
  const ErrorQueue errors;
  const BioPtr reader = reader_of(pem);
  int count = 0;
  std::string nothing;
  while (const X509Ptr ca{PEM_read_bio_X509(reader.get(), nullptr, give_password, &nothing)}) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) != 1)
      refuse("a certificate cannot be trusted: " + errors.text());
    if (tell_clients) SSL_CTX_add_client_CA(context, ca.get());
    ++count;
  }
  check_end(errors, "a certificate to trust cannot be read: ");
  if (count == 0) refuse("there is no certificate to trust");
}

/// More than a hundred certificates: some 20 ms, and files.
void trust_the_systems(SSL_CTX* context) {
  const auto load = [](SSL_CTX* into) {
    const ErrorQueue errors;
    if (SSL_CTX_set_default_verify_paths(into) != 1)
      refuse("the system's certificates cannot be used: " + errors.text());
  };
  const Hub* const hub = Hub::current_or_null();
  if (!hub || hub->in_hub()) return load(context);
  SSL_CTX_up_ref(context);  // the thread's, which may go on when nobody waits any more
  verdin::impl::file_threads().call(
      [load, own = std::shared_ptr<SSL_CTX>(context, SSL_CTX_free)] { load(own.get()); });
}

std::string wire_format(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& each : protocols) {
    if (each.empty() || each.size() > 255) refuse("a protocol's name has 1 to 255 octets");
    wire += static_cast<char>(each.size());
    wire += each;
  }
  return wire;
}

SslCtxPtr new_context(const TlsOptions& options, bool server) {
  const ErrorQueue errors;
  SslCtxPtr context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (!context) throw TlsError(TlsErrc::failed, errors.text());
  const auto number = [](TlsVersion version) {
    return version == TlsVersion::tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  };
  SSL_CTX_set_min_proto_version(context.get(), number(options.oldest));
  SSL_CTX_set_max_proto_version(context.get(), number(options.newest));
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (options.allow_truncation) SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_msg_callback(context.get(), &TlsConnection::on_message);
  SSL_CTX_set_read_ahead(context.get(), 1);  // one system call for a record, not two
  if (SSL_CTX_set_cipher_list(context.get(), options.ciphers.c_str()) != 1)
    refuse("no cipher is left of " + options.ciphers);
  if (!options.ciphersuites.empty() &&
      SSL_CTX_set_ciphersuites(context.get(), options.ciphersuites.c_str()) != 1)
    refuse("these are no cipher suites: " + options.ciphersuites);
  return context;
}

int choose_identity(SSL* ssl, int* /*alert*/, void* of) {
  const auto& loaded = *static_cast<const LoadedTls*>(of);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  for (const SslCtxPtr& context : loaded.contexts) {
    X509* const certificate = SSL_CTX_get0_certificate(context.get());
    if (X509_check_host(certificate, name, 0, 0, nullptr) != 1) continue;
    SSL_set_SSL_CTX(ssl, context.get());
    break;
  }
  return SSL_TLSEXT_ERR_OK;
}

int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void* of) {
  const std::string& ours = static_cast<const LoadedTls*>(of)->alpn;
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void set_server_sessions(SSL_CTX* context, const TlsServerOptions& options) {
  SSL_CTX_set_session_id_context(context, kSessionContext.data(), kSessionContext.size());
  SSL_CTX_set_timeout(context, static_cast<long>(options.session_lifetime.count()));
  SSL_CTX_sess_set_cache_size(context,
                              static_cast<long>(std::max<std::size_t>(options.session_cache_size, 1)));
  SSL_CTX_set_session_cache_mode(context,
                                 options.tls.resumption ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  if (!options.tickets || !options.tls.resumption) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (!options.tls.resumption) SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TlsConnection::on_ticket);
}

void set_client_auth(SSL_CTX* context, const TlsServerOptions& options, const std::string& ca) {
  if (options.client_auth == TlsClientAuth::none) return;
  trust(context, ca, true);
  const int must = options.client_auth == TlsClientAuth::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | must, nullptr);
}

}  // namespace

std::shared_ptr<LoadedTls> load_server(const TlsServerOptions& options) {
  if (options.identities.empty()) refuse("a server needs a certificate");
  if (options.ticket_key_lifetime.count() <= 0) refuse("keys of tickets must live for some time");
  const std::string ca = options.client_auth == TlsClientAuth::none
                             ? std::string()
                             : text_of(options.client_ca_pem, options.client_ca_file);
  auto loaded = std::make_shared<LoadedTls>();
  loaded->alpn = wire_format(options.alpn);
  for (const TlsIdentity& identity : options.identities) {
    const IdentityText text = read_identity(identity);
    SslCtxPtr context = new_context(options.tls, true);
    use_identity(context.get(), text, identity.password);
    set_server_sessions(context.get(), options);
    set_client_auth(context.get(), options, ca);
    if (!options.alpn.empty()) SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, loaded.get());
    loaded->contexts.push_back(std::move(context));
  }
  SSL_CTX* const first = loaded->contexts[0].get();
  SSL_CTX_set_tlsext_servername_callback(first, choose_identity);
  SSL_CTX_set_tlsext_servername_arg(first, loaded.get());
  return loaded;
}

std::shared_ptr<LoadedTls> load_client(const TlsClientOptions& options) {
  auto loaded = std::make_shared<LoadedTls>();
  loaded->alpn = wire_format(options.alpn);
  const bool has_identity =
      !options.identity.certificate_file.empty() || !options.identity.certificate_pem.empty();
  const IdentityText identity = has_identity ? read_identity(options.identity) : IdentityText();
  const std::string ca = text_of(options.ca_pem, options.ca_file);
  SslCtxPtr context = new_context(options.tls, false);
  if (has_identity) use_identity(context.get(), identity, options.identity.password);
  if (options.verify) {
    if (options.system_roots) trust_the_systems(context.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!ca.empty()) trust(context.get(), ca, false);
  if (options.tls.resumption) {
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), &TlsConnection::on_session);
  } else {
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  }
  loaded->contexts.push_back(std::move(context));
  return loaded;
}

}  // namespace verdin::net::impl
