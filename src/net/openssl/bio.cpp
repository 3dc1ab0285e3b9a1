#include "net/openssl/bio.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <new>

#include <sys/socket.h>

#include <verdin/net/socket.hpp>

#include "loop/plain_calls.hpp"

namespace verdin::net::impl {
namespace {

/// What a peer that reads nothing can make us keep (answers to its changes of keys, say).
constexpr std::size_t kMostUnsent = 256 * 1024;

TlsBioEnds& ends_of(BIO* bio) { return *static_cast<TlsBioEnds*>(BIO_get_data(bio)); }

int read_some(BIO* bio, char* data, std::size_t size, std::size_t* got) {
  const TlsBioEnds& ends = ends_of(bio);
  BIO_clear_retry_flags(bio);
  ssize_t n;
  do {
    n = loop::plain::recv(ends.from->fd(), data, size, 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    *got = static_cast<std::size_t>(n);
    return 1;
  }
  if (n == 0) {
    *ends.eof = true;
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_read(bio);
  } else {
    *ends.error = errno;
  }
  return 0;
}

int write_all(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  const TlsBioEnds& ends = ends_of(bio);
  BIO_clear_retry_flags(bio);
  if (ends.to->size() - *ends.sent > kMostUnsent) {
    BIO_set_retry_write(bio);
    return 0;
  }
  try {
    ends.to->append(data, size);
  } catch (const std::bad_alloc&) {  // not through C
    *ends.error = ENOMEM;
    return 0;
  }
  *written = size;
  return 1;
}

long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return *ends_of(bio).eof ? 1 : 0;
    default:
      return 0;
  }
}

int destroy(BIO* bio) {
  delete static_cast<TlsBioEnds*>(BIO_get_data(bio));
  return 1;
}

BIO_METHOD* make_method() {
  BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "verdin");
  if (!method) return nullptr;
  BIO_meth_set_read_ex(method, read_some);
  BIO_meth_set_write_ex(method, write_all);
  BIO_meth_set_ctrl(method, control);
  BIO_meth_set_destroy(method, destroy);
  return method;
}

/// For the life of the process. Not an initialiser's: a child that was forked meanwhile would wait for ever.
BIO_METHOD* the_method() {
  static constinit std::atomic<BIO_METHOD*> known{nullptr};
  if (BIO_METHOD* const method = known.load()) return method;
  BIO_METHOD* const made = make_method();
  BIO_METHOD* other = nullptr;
  if (!made || known.compare_exchange_strong(other, made)) return made;
  BIO_meth_free(made);
  return other;
}

}  // namespace

BIO* new_tls_bio(const TlsBioEnds& ends) {
  BIO_METHOD* const method = the_method();
  auto own_ends = std::make_unique<TlsBioEnds>(ends);
  BIO* const bio = method ? BIO_new(method) : nullptr;
  if (!bio) return nullptr;
  BIO_set_data(bio, own_ends.release());
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace verdin::net::impl
