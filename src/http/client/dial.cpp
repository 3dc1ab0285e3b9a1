#include "http/client/dial.hpp"

#include <array>

#include <verdin/net/error.hpp>
#include <verdin/net/tls_connect.hpp>
#include <verdin/protocol/base64.hpp>
#include <verdin/protocol/http1/response_parser.hpp>

namespace verdin::http {

namespace {

net::Socket connect_to(const ClientOptions& options, const http1::Url& url, net::Deadline limit) {
  return options.resolve ? net::connect(url.host, url.port, options.resolve, limit)
                         : net::connect(url.host, url.port, limit);
}

/// Asks a proxy for a tunnel (RFC 9110 section 9.3.6).
void ask_for_tunnel(net::Socket& socket, const ClientOptions& options, const http1::Url& url,
                    net::Deadline limit) {
  const std::string where = url.host_and_port();
  std::string request = "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n";
  const std::string authorization = proxy_authorization(options);
  if (!authorization.empty()) request += "Proxy-Authorization: " + authorization + "\r\n";
  socket.send_all(request + "\r\n", limit);
  http1::ResponseParser head;
  std::array<char, 2048> buffer;
  while (true) {
    if (limit.passed()) throw net::TimedOut("verdin: asking a proxy");
    const std::size_t size = socket.recv(buffer, limit);
    if (size == 0) throw ClientError(ClientError::Kind::proxy, "the proxy closed the connection");
    std::string_view data(buffer.data(), size);
    http1::ParseState state = head.feed(data, options.limits);
    while (state == http1::ParseState::done && head.interim()) {
      head = http1::ResponseParser();
      state = head.feed(data, options.limits);
    }
    if (state == http1::ParseState::failed)
      throw ClientError(ClientError::Kind::protocol, head.error().reason);
    if (state == http1::ParseState::more) continue;
    if (head.status() < 200 || head.status() > 299)
      throw ClientError(ClientError::Kind::proxy, "the proxy answered " + std::to_string(head.status()));
    if (!data.empty()) throw ClientError(ClientError::Kind::proxy, "the proxy speaks before it is spoken to");
    return;
  }
}

}  // namespace

std::string proxy_authorization(const ClientOptions& options) {
  if (options.proxy_user.empty() && options.proxy_password.empty()) return {};
  std::string text = "Basic ";
  protocol::append_base64(text, options.proxy_user + ":" + options.proxy_password);
  return text;
}

net::Socket dial_tunnel(const ClientOptions& options, const http1::Url& proxy, const http1::Url& url,
                        net::Deadline limit) {
  net::Socket socket = connect_to(options, proxy, limit);
  ask_for_tunnel(socket, options, url, limit);
  return socket;
}

std::unique_ptr<net::StreamSocket> dial(const ClientOptions& options, const std::optional<http1::Url>& proxy,
                                        const http1::Url& url, net::Deadline limit) {
  net::TlsConnectOptions tls;
  tls.context = options.tls;
  tls.resolve = options.resolve;
  if (url.secure && !proxy)
    return std::make_unique<net::TlsStream>(net::tls_connect(url.host, url.port, limit, tls));
  if (!url.secure) return std::make_unique<net::Socket>(connect_to(options, proxy ? *proxy : url, limit));
  return std::make_unique<net::TlsStream>(
      net::tls_connect(dial_tunnel(options, *proxy, url, limit), url.host, limit, tls));
}

}  // namespace verdin::http
