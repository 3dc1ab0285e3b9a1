// TLS from a peer that sends anything, to a server, to a client, and between the two: an error that is
// defined or none, no wait without end, nothing left behind. The first octet chooses.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <verdin/net/error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

namespace {

using verdin::net::Socket;
using verdin::net::TlsContext;
using verdin::net::TlsStream;

constexpr std::chrono::seconds kLimit{5};  // not reached
constexpr std::chrono::milliseconds kSilence{20};

void require(bool holds) {
  if (!holds) std::abort();
}

std::string pem_of(int (*write)(BIO*, void*), void* what) {
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  require(write(out.get(), what) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// A certificate that is its own authority.
verdin::net::TlsIdentity make_identity() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  require(key && certificate);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("one.test"), -1,
                             -1, 0);
  X509_set_issuer_name(certificate, name);
  require(X509_sign(certificate, key, EVP_sha256()) > 0);
  verdin::net::TlsIdentity identity;
  identity.certificate_pem = pem_of(
      [](BIO* out, void* what) { return PEM_write_bio_X509(out, static_cast<X509*>(what)); }, certificate);
  identity.key_pem = pem_of(
      [](BIO* out, void* what) {
        return PEM_write_bio_PrivateKey(out, static_cast<EVP_PKEY*>(what), nullptr, nullptr, 0, nullptr,
                                        nullptr);
      },
      key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

struct Contexts {
  verdin::net::TlsIdentity identity = make_identity();
  TlsContext server = TlsContext::server({.identities = {identity}, .alpn = {"http/1.1"}});
  TlsContext client =
      TlsContext::client({.system_roots = false, .ca_pem = identity.certificate_pem, .alpn = {"http/1.1"}});
};

const Contexts& contexts() {
  static const Contexts all;
  return all;
}

/// Whatever it says: not that its time was over.
void use(TlsStream& stream) {
  std::error_code error;
  std::array<char, 100> buffer;
  stream.send_all("hello", error, kLimit);
  for (int i = 0; i < 100 && !error; ++i) {
    if (stream.recv(buffer, error, kLimit) == 0) break;
  }
  require(error != verdin::net::Errc::timed_out);
  stream.close();
}

/// A peer that says `text`, in pieces, and goes.
void say(Socket socket, std::string_view text, std::size_t piece) {
  std::error_code error;
  while (!text.empty() && !error) {
    const std::string_view next = text.substr(0, piece);
    text.remove_prefix(next.size());
    socket.send_all(next, error, kLimit);
    verdin::yield();
  }
  if (!error) socket.shutdown_write();
  std::array<char, 1024> dropped;
  while (!error && socket.recv(dropped, error, kLimit) > 0) {
  }
}

/// What passes from one side to the other, with `text` mixed into it from octet `at` on. A length that was
/// changed has one side wait for more than there will be, and the other for an answer: it ends then.
void mix(Socket& from, Socket& to, std::string_view text, std::size_t at) {
  std::array<char, 1024> buffer;
  std::error_code error;
  std::size_t passed = 0;
  while (const std::size_t n = from.recv(buffer, error, kSilence)) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t position = passed + i;
      if (position >= at && position - at < text.size()) buffer[i] ^= text[position - at];
    }
    passed += n;
    if (to.send_all(std::string_view(buffer.data(), n), error, kLimit) < n) break;
  }
  to.close();
  from.close();
}

void between(std::string_view text, std::size_t at, bool both) {
  auto [a, a2] = Socket::pair();
  auto [b, b2] = Socket::pair();
  TlsStream client(std::move(a), contexts().client, "one.test");
  TlsStream server(std::move(b), contexts().server);
  auto onward = verdin::spawn([&, &from = a2, &to = b2] { mix(from, to, text, at); });
  auto backward = verdin::spawn([&, &from = b2, &to = a2] { mix(from, to, both ? text : "", at); });
  auto other = verdin::spawn([&] { use(server); });
  use(client);
  verdin::join_all(other, onward, backward);
}

void play(std::string_view input) {
  const auto mode = static_cast<unsigned char>(input.front());
  const auto detail = static_cast<unsigned char>(input[1]);
  const std::string_view text = input.substr(2);
  if (mode % 4 >= 2) return between(text.substr(0, 64), std::size_t{detail} * 8, mode % 4 == 3);
  auto [a, b] = Socket::pair();
  TlsStream stream = mode % 4 == 0 ? TlsStream(std::move(a), contexts().server)
                                   : TlsStream(std::move(a), contexts().client, "one.test");
  auto peer =
      verdin::spawn([&, socket = std::move(b)]() mutable { say(std::move(socket), text, 1 + detail); });
  use(stream);
  peer.join();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 20'000) return 0;
  contexts();
  verdin::run([&] {
    play({reinterpret_cast<const char*>(data), size});
    require(verdin::Hub::current().greenlet_count() >= 1);
  });
  return 0;
}
