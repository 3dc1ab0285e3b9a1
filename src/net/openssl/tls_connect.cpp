#include <stdexcept>
#include <utility>

#include <verdin/net/tls_connect.hpp>

namespace verdin::net {
namespace {

const TlsContext& default_context() {
  static const TlsContext context = TlsContext::client();
  return context;
}

}  // namespace

TlsStream tls_connect(std::string_view host, std::uint16_t port, Deadline limit,
                      const TlsConnectOptions& options) {
  const TlsContext& context = options.context ? *options.context : default_context();
  if (context.is_server()) throw std::invalid_argument("verdin: tls_connect() with a server's context");
  limit = limit.or_in(std::nullopt);
  Socket socket = options.resolve ? connect(host, port, options.resolve, limit, options.connect)
                                  : connect(host, port, limit, options.connect);
  TlsStream stream(std::move(socket), context, options.server_name.empty() ? host : options.server_name);
  stream.handshake(limit);
  return stream;
}

}  // namespace verdin::net
