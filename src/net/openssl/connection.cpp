#include "net/openssl/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <verdin/net/error.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/sleep.hpp>

#include "loop/plain_calls.hpp"
#include "net/openssl/bio.hpp"
#include "net/openssl/handshake_budget.hpp"

namespace verdin::net::impl {
namespace {

constexpr std::size_t kLongestHost = 255;  // of SNI
constexpr std::size_t kRecord = 16 * 1024;
constexpr std::size_t kFlushFrom = 64 * 1024;
constexpr unsigned kCallsAtOnce = 64;
// Each change of keys costs some 60 us (OpenSSL 3.0), and 27 octets to ask for.
constexpr unsigned kMostRecordsWithoutData = 32;
// A record holds thousands of the smallest ones; a handshake has some ten, of all that there are.
constexpr unsigned kMostMessagesWithoutData = 256;
// Who has said nothing for so long keeps nobody from running.
constexpr std::chrono::seconds kCalm{1};

/// One greenlet at a time.
class Claim {
 public:
  Claim(loop::LocalFlag& taken, const char* what) : taken_(taken) {
    if (taken) throw ConcurrentUse(std::string("verdin: two greenlets ") + what + " one TLS stream at once");
    taken_ = true;
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { taken_ = false; }

 private:
  loop::LocalFlag& taken_;
};

}  // namespace

TlsConnection::TlsConnection(Socket socket, std::shared_ptr<TlsContextState> context, std::string_view host)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      loaded_(context_->loaded()),
      ssl_(SSL_new(loaded_->contexts[0].get())) {
  if (socket_.buffered() > 0)  // whoever sent it, nothing vouches for it
    throw TlsError(TlsErrc::protocol, "more was received before the handshake than was read");
  BIO* const bio = ssl_ ? new_tls_bio({&socket_, &out_, &sent_, &socket_error_, &eof_}) : nullptr;
  if (!bio) throw TlsError(TlsErrc::failed, "no memory for a connection");
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  if (context_->is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    prepare_client(host);
  }
}

TlsConnection::~TlsConnection() {
  const ErrorQueue errors;
  ssl_.reset();
}

void TlsConnection::prepare_client(std::string_view host) {
  if (host.empty() && context_->verifies_server())
    throw std::invalid_argument("verdin: a TLS client that verifies must know whom it wants to reach");
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.find('\0') != host.npos || host.size() > kLongestHost)
    throw std::invalid_argument("verdin: this cannot be a host's name");
  host_ = host;
  const ErrorQueue errors;
  const std::string& alpn = loaded_->alpn;
  if (!alpn.empty())
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
  if (host_.empty()) return;
  const auto literal = Address::try_parse_ip(host_, 0);
  bool sound = true;
  if (literal) {
    const auto octets = literal->ip();
    sound = X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl_.get()), octets.data(), octets.size()) == 1;
  } else {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    sound = SSL_set1_host(ssl_.get(), host_.c_str()) == 1 &&
            SSL_set_tlsext_host_name(ssl_.get(), host_.c_str()) == 1;
  }
  if (!sound) throw TlsError(TlsErrc::failed, "no memory for a connection");
  if (const SessionPtr session = context_->take_session(host_)) SSL_set_session(ssl_.get(), session.get());
}

int TlsConnection::on_session(SSL* ssl, SSL_SESSION* session) {
  auto* const self = static_cast<TlsConnection*>(SSL_get_app_data(ssl));
  if (!self || self->host_.empty()) return 0;
  try {
    self->context_->keep_session(self->host_, SessionPtr(session));
  } catch (const std::bad_alloc&) {  // then the next connection begins anew; the session is freed
  }
  return 1;
}

int TlsConnection::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                             EVP_MAC_CTX* mac, int seal) {
  auto* const self = static_cast<TlsConnection*>(SSL_get_app_data(ssl));
  if (!self) return -1;
  TicketKeys& keys = self->context_->ticket_keys();
  if (seal) return keys.seal(name, iv, cipher, mac);
  const int opened = keys.open(name, iv, cipher, mac);
  // A ticket of TLS 1.3 is good for one connection, which gets another.
  return opened == 1 && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : opened;
}

/// OpenSSL reads on inside of one call for as long as there is something to read and none of it is data:
/// changes of keys, tickets, attempts to negotiate anew; in a handshake, a server's requests for one. So a
/// peer could keep the hub for itself.
void TlsConnection::on_message(int sent, int /*version*/, int type, const void* /*data*/,
                               std::size_t /*size*/, SSL* ssl, void*) {
  auto* const self = static_cast<TlsConnection*>(SSL_get_app_data(ssl));
  if (sent || !self) return;
  if (type == SSL3_RT_HANDSHAKE) {
    if (++self->messages_without_data_ <= kMostMessagesWithoutData) return;
  } else {
    // Called before it is known what is in this one, so it may be data behind the last that is allowed.
    if (type != SSL3_RT_HEADER || !self->shaken_) return;
    if (++self->records_without_data_ <= kMostRecordsWithoutData + 1) return;
  }
  self->flooded_ = true;
  SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);  // it returns, and reads no more
}

/// What a call of OpenSSL that gave `result` waits for; what went wrong is noted.
TlsConnection::Wish TlsConnection::wish_of(int result, const ErrorQueue& errors) {
  if (flooded_) {
    note_flood();
    return Wish::none;
  }
  switch (const int kind = SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_ZERO_RETURN:
      return Wish::none;
    case SSL_ERROR_WANT_READ:
      return Wish::read;
    case SSL_ERROR_WANT_WRITE:
      return Wish::write;
    default:
      note_failure(kind, errors);
      return Wish::none;
  }
}

void TlsConnection::note_failure(int kind, const ErrorQueue& errors) {
  const int reason = ERR_GET_REASON(errors.first());
  failure_text_ = errors.text();
  if (socket_error_ != 0) {
    failure_ = std::error_code(socket_error_, std::generic_category());
  } else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING || (kind == SSL_ERROR_SYSCALL && eof_)) {
    failure_ = TlsErrc::truncated;
  } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long verdict = SSL_get_verify_result(ssl_.get());
    failure_text_ = X509_verify_cert_error_string(verdict);
    const bool other_host =
        verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
    failure_ = other_host ? TlsErrc::wrong_host : TlsErrc::certificate_rejected;
  } else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    failure_ = TlsErrc::certificate_rejected;
  } else if (reason == SSL_R_NO_APPLICATION_PROTOCOL) {
    failure_ = TlsErrc::no_common_protocol;
  } else if (reason >= SSL_AD_REASON_OFFSET) {
    failure_ = TlsErrc::refused;
  } else {
    failure_ = reason == ERR_R_MALLOC_FAILURE ? TlsErrc::failed : TlsErrc::protocol;
  }
}

void TlsConnection::handshake(Deadline limit, std::error_code& error) {
  if (!socket_.open()) error = Errc::closed;
  if (made_.is_parents()) error = TlsErrc::of_parent;
  if (error || (shaken_ && !failure_)) return;
  const Deadline own_limit(context_->options().handshake_limit);
  limit = limit.earlier(own_limit.due().value_or(loop::Clock::time_point::max()));
  if (!handshake_turn_.try_lock_until(limit.due().value_or(loop::Clock::time_point::max()))) {
    error = Errc::timed_out;
    return;
  }
  const std::unique_lock turn(handshake_turn_, std::adopt_lock);
  shake_hands(limit, error);
}

void TlsConnection::shake_hands(Deadline limit, std::error_code& error) {
  while (!failure_ && !shaken_) {
    if (!await_handshake_turn(context_->options().handshakes_per_turn, limit)) error = Errc::timed_out;
    if (!socket_.open()) error = Errc::closed;
    if (error) return;
    const Wish wish = step_handshake();
    if (failure_) break;
    if (!flush(limit, error)) return;
    if (wish == Wish::none) {
      finish_handshake();
    } else if (wish == Wish::read && !await(wish, limit, error)) {
      return;
    }
  }
  if (!failure_) return;
  std::error_code ignored;
  flush_now(ignored);  // the alert that tells the peer
  error = failure_;
}

/// Wish::none: it is done, or has failed.
TlsConnection::Wish TlsConnection::step_handshake() {
  const ErrorQueue errors;
  const int result = SSL_do_handshake(ssl_.get());
  const Wish wish = wish_of(result, errors);
  if (result != 1 && wish == Wish::none && !failure_) note_early_end();
  return wish;
}

/// OpenSSL calls it the end, and no error, when the peer says so in the middle of a handshake.
void TlsConnection::note_early_end() {
  failure_ = eof_ ? TlsErrc::truncated : TlsErrc::refused;
  failure_text_ = "the peer ended the connection before a handshake was done";
}

void TlsConnection::note_flood() {
  failure_ = TlsErrc::flooded;
  failure_text_ = "the peer sends messages of TLS, and no data";
}

void TlsConnection::forget_what_came_without_data() {
  records_without_data_ = 0;
  messages_without_data_ = 0;
}

void TlsConnection::forget_if_calm() {
  if (messages_without_data_ + records_without_data_ == 0) return;
  if (loop::Clock::now() - last_without_data_ >= kCalm) forget_what_came_without_data();
}

void TlsConnection::finish_handshake() {
  shaken_ = true;
  forget_what_came_without_data();
  // TLS 1.2 gives no new session to one that was resumed.
  if (!host_.empty() && SSL_session_reused(ssl_.get()) == 1 && SSL_version(ssl_.get()) < TLS1_3_VERSION)
    context_->keep_session(host_, SessionPtr(SSL_get1_session(ssl_.get())));
}

/// False if `limit` is over, or the socket says no.
bool TlsConnection::await(Wish wish, Deadline limit, std::error_code& error) {
  try {
    const bool ready = wish == Wish::write ? socket_.wait_write(limit) : socket_.wait_read(limit);
    if (!ready) error = Errc::timed_out;
    return ready;
  } catch (const std::system_error& failure) {
    error = failure.code();
    return false;
  }
}

bool TlsConnection::flush_now(std::error_code& error) noexcept {
  while (pending() > 0) {
    const ssize_t n = loop::plain::send(socket_.fd(), out_.data() + sent_, pending(), 0);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
      flushed_ += static_cast<std::uint64_t>(n);
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) error = std::error_code(errno, std::generic_category());
      return false;
    }
  }
  out_ = std::string();  // an idle connection keeps no buffer
  sent_ = 0;
  return true;
}

bool TlsConnection::flush(Deadline limit, std::error_code& error) {
  while (!flush_now(error)) {
    if (error || !await(Wish::write, limit, error)) return false;
  }
  return true;
}

void TlsConnection::let_others_run() {
  if (++calls_at_once_ < kCallsAtOnce) return;
  calls_at_once_ = 0;
  if (Hub* const hub = Hub::current_or_null(); hub && !hub->in_hub()) hub->yield();
}

std::size_t TlsConnection::recv(std::span<char> into, Deadline limit, std::error_code& error) {
  const Claim claim(reading_, "read from");
  handshake(limit, error);
  if (error || into.empty()) return 0;
  let_others_run();
  for (;;) {
    const Attempt attempt = try_recv(into);
    if (attempt.size > 0) return attempt.size;
    error = failure_;
    if (error || attempt.wish == Wish::none || !await(attempt.wish, limit, error)) return 0;
    calls_at_once_ = 0;
  }
}

TlsConnection::Attempt TlsConnection::try_recv(std::span<char> into) {
  forget_if_calm();
  const unsigned before = records_without_data_ + messages_without_data_;
  Attempt attempt;
  {
    const ErrorQueue errors;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &attempt.size);
    if (result != 1) attempt.wish = wish_of(result, errors);
  }
  calls_at_once_ += records_without_data_;
  attempt.idle = records_without_data_;
  if (attempt.size > 0) {
    forget_what_came_without_data();
  } else if (records_without_data_ + messages_without_data_ != before) {
    last_without_data_ = loop::Clock::now();
  }
  std::error_code ignored;
  if (pending() > 0 && !writing_) flush_now(ignored);  // an alert, or the answer to a change of keys
  // After what is no data it keeps the one for writing, 16.6 KB. Only between records: OpenSSL
  // before 3.0.14 frees what it still reads from otherwise (CVE-2024-4741).
  if (attempt.wish != Wish::none && std::string_view(SSL_rstate_string(ssl_.get())) == "RH")
    SSL_free_buffers(ssl_.get());
  return attempt;
}

std::size_t TlsConnection::send(std::span<const std::string_view> pieces, Deadline limit,
                                std::error_code& error) {
  const Claim claim(writing_, "write to");
  handshake(limit, error);
  if (!error && said_goodbye_) error = std::error_code(EPIPE, std::generic_category());
  if (error) return 0;
  let_others_run();
  std::size_t taken = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (pending() >= kFlushFrom && !flush(limit, error)) return taken;
      const std::size_t size = encode(piece.substr(0, kRecord), limit, error);
      if (error) return taken;
      taken += size;
      piece.remove_prefix(size);
    }
  }
  flush(limit, error);
  return taken;
}

/// Into out_: how much of it.
std::size_t TlsConnection::encode(std::string_view data, Deadline limit, std::error_code& error) {
  using std::chrono::milliseconds;
  for (milliseconds pause{1}; !error; pause = std::min(pause * 2, milliseconds(20))) {
    const Attempt attempt = try_send(data);
    if (attempt.size > 0) return attempt.size;
    if (attempt.wish == Wish::write) {
      flush(limit, error);
    } else if (attempt.wish == Wish::read) {
      await_rest(pause, limit, error);
    } else {
      error = failure_;
    }
  }
  return 0;
}

TlsConnection::Attempt TlsConnection::try_send(std::string_view data) {
  Attempt attempt;
  const ErrorQueue errors;
  const int result = SSL_write_ex(ssl_.get(), data.data(), std::min(data.size(), kRecord), &attempt.size);
  if (result == 1) return attempt;
  attempt.size = 0;
  attempt.wish = wish_of(result, errors);
  if (attempt.wish == Wish::none && !failure_) note_early_end();
  return attempt;
}

/// The peer has begun a message (new keys, say) and not ended it, and OpenSSL writes nothing until it has. It
/// reads on whenever it is asked to write; the socket cannot be waited for, because who reads may do that.
void TlsConnection::await_rest(std::chrono::milliseconds pause, Deadline limit, std::error_code& error) {
  if (limit.passed()) {
    error = Errc::timed_out;
    return;
  }
  const auto next = loop::Clock::now() + pause;
  sleep_until(std::min(limit.due().value_or(next), next));
  if (!socket_.open()) error = Errc::closed;
}

bool TlsConnection::say_goodbye() {
  if (!shaken_ || failure_ || said_goodbye_) return false;
  const ErrorQueue errors;
  said_goodbye_ = true;
  SSL_shutdown(ssl_.get());  // into out_
  return true;
}

void TlsConnection::shutdown_write(Deadline limit, std::error_code& error) {
  const Claim claim(writing_, "write to");
  if (made_.is_parents()) error = TlsErrc::of_parent;
  if (error) return;
  say_goodbye();
  if (!flush(limit, error)) return;
  try {
    socket_.shutdown_write(limit);
  } catch (const std::system_error& failure) {
    error = failure.code();
  }
}

void TlsConnection::close() noexcept {
  if (socket_.open() && !made_.is_parents()) {
    try {
      std::error_code ignored;
      say_goodbye();
      flush_now(ignored);
    } catch (...) {  // no memory: then without
    }
  }
  socket_.close();
}

}  // namespace verdin::net::impl
