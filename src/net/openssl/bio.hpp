// The BIO through which OpenSSL reads from a Socket, without waiting, and writes to a string.
#pragma once

#include <cstddef>
#include <string>

#include <openssl/bio.h>

namespace verdin::net {
class Socket;
}

namespace verdin::net::impl {

/// Whose fields these are must outlive the BIO.
struct TlsBioEnds {
  const Socket* from;
  std::string* to;
  const std::size_t* sent;  // how much of `to` is gone
  int* error;               // an errno
  bool* eof;
};

/// Null: no memory.
BIO* new_tls_bio(const TlsBioEnds& ends);

}  // namespace verdin::net::impl
