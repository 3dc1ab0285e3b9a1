#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/tls_connect.hpp>
#include <verdin/runtime/shared/mutex.hpp>
#include <verdin/runtime/timeout.hpp>

namespace verdin::net {
namespace {

/// What the default context is made in: by the first that wants it, while others go on.
struct Default {
  shared::Mutex making;
  std::optional<TlsContext> context;
  const unsigned generation = loop::fork_generation();
};

/// A forked child may have none of those who were about to make it.
Default& the_default() {
  static std::atomic<Default*> latest{new Default};
  Default* known = latest.load();
  if (known->generation == loop::fork_generation()) return *known;
  auto anew = std::make_unique<Default>();
  return latest.compare_exchange_strong(known, anew.get()) ? *anew.release() : *known;
}

std::optional<Deadline::Clock::duration> left_of(Deadline limit) {
  const auto due = limit.due();
  return due ? std::optional(*due - std::min(*due, Deadline::Clock::now())) : std::nullopt;
}

TlsContext default_context(Deadline limit) {
  Default& common = the_default();
  const char* const late = "verdin: the system's certificates took too long";
  if (!common.making.try_lock_until(limit.due().value_or(Deadline::Clock::time_point::max())))
    throw TimedOut(late);
  const std::unique_lock turn(common.making, std::adopt_lock);
  if (!common.context) {
    common.context = with_timeout(left_of(limit), [] { return TlsContext::client(); });  // suspends
    if (!common.context) throw TimedOut(late);
  }
  return *common.context;
}

}  // namespace

TlsStream tls_connect(std::string_view host, std::uint16_t port, Deadline limit,
                      const TlsConnectOptions& options) {
  if (options.context && options.context->is_server())
    throw std::invalid_argument("verdin: tls_connect() with a server's context");
  limit = limit.or_in(std::nullopt);
  const TlsContext context = options.context ? *options.context : default_context(limit);
  Socket socket = options.resolve ? connect(host, port, options.resolve, limit, options.connect)
                                  : connect(host, port, limit, options.connect);
  TlsStream stream(std::move(socket), context, options.server_name.empty() ? host : options.server_name);
  stream.handshake(limit);
  return stream;
}

}  // namespace verdin::net
