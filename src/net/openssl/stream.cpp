#include <cerrno>
#include <stdexcept>
#include <utility>

#include <openssl/pem.h>

#include <verdin/base/log.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/tls_stream.hpp>

#include "net/openssl/client_hello.hpp"
#include "net/openssl/connection.hpp"

namespace verdin::net {
namespace {

class TlsCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "verdin.tls"; }
  std::string message(int code) const override {
    switch (static_cast<TlsErrc>(code)) {
      case TlsErrc::protocol:
        return "what came is not TLS, or breaks its rules";
      case TlsErrc::truncated:
        return "the connection ended without close_notify";
      case TlsErrc::certificate_rejected:
        return "the peer's certificate was rejected";
      case TlsErrc::wrong_host:
        return "the peer's certificate is another host's";
      case TlsErrc::refused:
        return "the peer refused";
      case TlsErrc::no_common_protocol:
        return "there is no protocol that both sides speak";
      case TlsErrc::bad_configuration:
        return "the configuration cannot be used";
      case TlsErrc::failed:
        return "TLS has failed";
      case TlsErrc::flooded:
        return "the peer sends messages of TLS, and no data";
      case TlsErrc::of_parent:
        return "the connection is that of the process which has forked this one";
    }
    return "unknown";
  }
};

std::string written_to(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

const std::error_category& tls_category() noexcept {
  static const TlsCategory category;
  return category;
}

TlsError::TlsError(TlsErrc code, const std::string& what)
    : std::system_error(make_error_code(code), "verdin: TLS: " + what) {}

TlsStream::TlsStream() noexcept = default;
TlsStream::TlsStream(Socket socket, const TlsContext& context, std::string_view host)
    : connection_(std::make_unique<impl::TlsConnection>(std::move(socket), context.state_, host)) {}
TlsStream::TlsStream(TlsStream&& other) noexcept = default;
TlsStream& TlsStream::operator=(TlsStream&& other) noexcept {
  if (this != &other) {
    do_close();
    StreamSocket::operator=(std::move(other));
    connection_ =
        std::move(other.connection_);  // the base has no such member. NOLINT(bugprone-use-after-move)
  }
  return *this;
}
TlsStream::~TlsStream() { TlsStream::do_close(); }

impl::TlsConnection& TlsStream::connection() const {
  if (!connection_) throw Closed("verdin: there is no TLS stream");
  return *connection_;
}

TlsStream TlsStream::accept(Socket socket, const TlsContext& context, Deadline limit) {
  if (!context.is_server()) throw std::invalid_argument("verdin: a client's TLS context cannot serve");
  const Deadline own_limit(context.state_->options().handshake_limit);
  const Deadline due =
      limit.or_in(socket.timeout()).earlier(own_limit.due().value_or(loop::Clock::time_point::max()));
  // What has been read of it already is another mistake, which the constructor tells.
  if (socket.open() && socket.buffered() == 0 && !impl::await_client_hello(socket, due))
    throw_error(Errc::timed_out, "TLS handshake");
  TlsStream stream(std::move(socket), context);
  stream.handshake(due);
  return stream;
}

void TlsStream::handshake(Deadline limit) {
  std::error_code error;
  connection().handshake(limit.or_in(timeout()), error);
  if (!error) return;
  if (error.category() == tls_category())
    throw TlsError(static_cast<TlsErrc>(error.value()), connection().failure_text());
  throw_error(error, "TLS handshake");
}

std::string TlsStream::version() const { return SSL_get_version(connection().ssl()); }
std::string TlsStream::cipher() const { return SSL_get_cipher_name(connection().ssl()); }
bool TlsStream::resumed() const { return SSL_session_reused(connection().ssl()) == 1; }

std::string TlsStream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(connection().ssl(), &name, &size);
  return name ? std::string(reinterpret_cast<const char*>(name), size) : std::string();
}

std::string TlsStream::server_name() const {
  const char* const name = SSL_get_servername(connection().ssl(), TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

std::string TlsStream::peer_certificate() const {
  const impl::ErrorQueue errors;
  X509* const certificate = SSL_get0_peer_certificate(connection().ssl());
  const impl::BioPtr text(BIO_new(BIO_s_mem()));
  if (!certificate || !text || PEM_write_bio_X509(text.get(), certificate) != 1) return {};
  return written_to(text.get());
}

std::string TlsStream::peer_subject() const {
  const impl::ErrorQueue errors;
  const X509* const certificate = SSL_get0_peer_certificate(connection().ssl());
  const impl::BioPtr text(BIO_new(BIO_s_mem()));
  if (!certificate || !text) return {};
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  return written_to(text.get());
}

Socket& TlsStream::socket() { return connection().socket(); }
bool TlsStream::open() const noexcept { return connection_ && connection_->socket().open(); }
int TlsStream::fd() const noexcept { return connection_ ? connection_->socket().fd() : -1; }
Address TlsStream::local_address() const { return connection().socket().local_address(); }
Address TlsStream::peer_address() const { return connection().socket().peer_address(); }

std::size_t TlsStream::do_recv(std::span<char> into, Deadline limit, std::error_code& error) {
  return connection().recv(into, limit, error);
}

std::size_t TlsStream::do_send_all(std::span<const std::string_view> pieces, Deadline limit,
                                   std::error_code& error) {
  return connection().send(pieces, limit, error);
}

void TlsStream::do_shutdown_write(Deadline limit, std::error_code& error) {
  connection().shutdown_write(limit, error);
}

void TlsStream::do_close() noexcept {
  if (connection_) connection_->close();
}

std::function<void(Socket&, const Address&)> over_tls(
    TlsContext context, std::function<void(TlsStream&, const Address&)> handler,
    std::function<void(const Address&, const std::system_error&)> failed) {
  return [context = std::move(context), handler = std::move(handler), failed = std::move(failed)](
             Socket& socket, const Address& peer) {
    TlsStream stream;
    try {
      stream = TlsStream::accept(std::move(socket), context);
    } catch (const std::system_error& error) {
      if (failed) failed(peer, error);
      return;
    }
    handler(stream, peer);
  };
}

}  // namespace verdin::net
