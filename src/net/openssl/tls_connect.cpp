#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/tls_connect.hpp>
#include <verdin/runtime/shared/future.hpp>

#include "net/background_threads.hpp"

namespace verdin::net {
namespace {

/// Makes the default context on a thread, whoever still waits for it.
/// What OpenSSL keeps for a thread goes with this, and not with the thread: those of the background may end
/// when the process has given up OpenSSL, and nobody would free it.
struct ThreadState {
  ThreadState() = default;
  ThreadState(const ThreadState&) = delete;
  ThreadState& operator=(const ThreadState&) = delete;
  ~ThreadState() { OPENSSL_thread_stop(); }
};

TlsContext make_default() {
  const ThreadState of_here;
  return TlsContext::client();
}

struct Making final : verdin::impl::BackgroundJob {
  void work() noexcept override {
    try {
      made.set_value(make_default());
    } catch (...) {
      made.set_exception(std::current_exception());
    }
  }
  shared::Promise<TlsContext> made;
};

/// One for a process and its generation of forks: a child may lack the thread that was about to make it.
struct Default {
  std::mutex mutex;
  shared::Future<TlsContext> made;
  const unsigned generation = loop::fork_generation();
};

Default& the_default() {
  static constinit std::atomic<Default*> latest{nullptr};
  Default* known = latest.load();
  if (known && known->generation == loop::fork_generation()) return *known;
  auto anew = std::make_unique<Default>();
  return latest.compare_exchange_strong(known, anew.get()) ? *anew.release() : *known;
}

/// The one that is there or being made; what has failed is tried again.
shared::Future<TlsContext> making() {
  Default& common = the_default();
  const std::scoped_lock lock(common.mutex);
  if (!common.made.valid() || common.made.exception()) {
    const IntrusivePtr<Making> job(new Making);
    verdin::impl::file_threads().start(job);
    common.made = job->made.future();
  }
  return common.made;
}

TlsContext default_context(Deadline limit) {
  const auto made = making();
  const auto due = limit.due();
  if (due && !made.wait_for(loop::time_until(*due)))
    throw TimedOut("verdin: the system's certificates took too long");
  return made.get();
}

void check_context(const TlsConnectOptions& options) {
  if (options.context && options.context->is_server())
    throw std::invalid_argument("verdin: tls_connect() with a server's context");
}

TlsStream shake_hands(Socket socket, const TlsContext& context, std::string_view host, Deadline limit,
                      const TlsConnectOptions& options) {
  TlsStream stream(std::move(socket), context, options.server_name.empty() ? host : options.server_name);
  stream.handshake(limit);
  return stream;
}

}  // namespace

TlsStream tls_connect(std::string_view host, std::uint16_t port, Deadline limit,
                      const TlsConnectOptions& options) {
  check_context(options);
  limit = limit.or_in(std::nullopt);
  const TlsContext context = options.context ? *options.context : default_context(limit);
  Socket socket = options.resolve ? connect(host, port, options.resolve, limit, options.connect)
                                  : connect(host, port, limit, options.connect);
  return shake_hands(std::move(socket), context, host, limit, options);
}

TlsStream tls_connect(Socket socket, std::string_view host, Deadline limit,
                      const TlsConnectOptions& options) {
  check_context(options);
  limit = limit.or_in(std::nullopt);
  const TlsContext context = options.context ? *options.context : default_context(limit);
  return shake_hands(std::move(socket), context, host, limit, options);
}

}  // namespace verdin::net
