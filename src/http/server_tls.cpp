// The part of Server that speaks TLS: handshakes on greenlets of their own, then a connection as any other.
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include <verdin/net/loop_stream.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/spawn.hpp>

#include "http/server.hpp"

namespace verdin::http {

void Server::listen(const Address& address, const net::TlsContext& context) {
  if (!context.is_server()) throw std::invalid_argument("verdin: a client's TLS context cannot serve");
  auto acceptor = std::make_unique<TlsAcceptor>(*this, context);
  listen(address);
  listeners_.back().tls = std::move(acceptor);
}

void Server::serve_tls(loop::StreamPtr accepted, const net::TlsContext& context) {
  // What cannot be served is closed without a word: it would have to be said in TLS.
  if (stopping_ || connection_count_ + handshakes_ >= options_.max_connections) return;
  // A TLS stream carries itself: it takes the descriptor, of which the loop has read nothing yet.
  Descriptor taken(::fcntl(accepted->fd(), F_DUPFD_CLOEXEC, 0));
  accepted.reset();
  if (!taken) return;
  // Counted from here on, whether or not the greenlet comes to run.
  class Count {
   public:
    explicit Count(Server& server) : server_(&server) { ++server.handshakes_; }
    Count(Count&& other) noexcept : server_(std::move(other.server_)) {}
    Count& operator=(Count&&) = delete;
    ~Count() {
      if (server_) --server_->handshakes_;
    }

   private:
    IntrusivePtr<Server> server_;
  };
  const IntrusivePtr<Server> self(this);
  spawn_detached(
      [self, context, count = Count(*this), taken = std::move(taken)]() mutable {
        auto stream = std::make_unique<net::TlsStream>();
        try {
          const Count until_here = std::move(count);
          net::Socket socket = net::Socket::adopt(taken.get());
          taken.release();
          *stream = net::TlsStream::accept(std::move(socket), context);
        } catch (const std::system_error&) {
          return;  // the peer's affair: garbage, silence, an end
        }
        self->serve(net::loop_stream(std::move(stream)), true);
      },
      "TLS handshake");
}

}  // namespace verdin::http
