// Owners of OpenSSL's objects, and its queue of errors.
#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace verdin::net::impl {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

/// Around calls whose errors are looked at. The queue belongs to the thread, so to all its greenlets: it is
/// empty when the calls begin, and left empty. No switch may happen in between.
class ErrorQueue {
 public:
  ErrorQueue() noexcept { ERR_clear_error(); }
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
  ~ErrorQueue() { ERR_clear_error(); }

  /// The reason of the first error; 0 if there is none.
  unsigned long first() const noexcept { return ERR_peek_error(); }
  std::string text() const {
    const char* const reason = ERR_reason_error_string(first());
    return reason ? reason : "no reason given";
  }
};

}  // namespace verdin::net::impl
