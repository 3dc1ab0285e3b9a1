#include <algorithm>
#include <array>
#include <memory>

#include <verdin/base/random.hpp>
#include <verdin/http/client.hpp>
#include <verdin/net/loop_stream.hpp>
#include <verdin/net/tls_connect.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/protocol/http1/response_parser.hpp>
#include <verdin/protocol/http1/url.hpp>
#include <verdin/protocol/websocket/client_handshake.hpp>
#include <verdin/protocol/websocket/handshake.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/websocket/connect.hpp>

#include "http/client/dial.hpp"
#include "http/client/no_proxy.hpp"
#include "websocket/check_options.hpp"
#include "websocket/stream_state.hpp"

namespace verdin::websocket {

namespace codec = protocol::websocket;
namespace http1 = protocol::http1;

namespace {

constexpr http1::Limits kAnswerLimits{32 * 1024, 0, 0, 200, 0, 0};
constexpr int kMostInterim = 16;

/// "wss" is "https", and "ws" is "http", with other letters (RFC 6455, section 3).
http1::Url parse_websocket_url(std::string_view text) {
  const std::string_view scheme = text.substr(0, std::min(text.find("://"), text.size()));
  const bool secure = http1::equals_ignoring_case(scheme, "wss");
  if (secure || http1::equals_ignoring_case(scheme, "ws")) {
    const std::string_view rest = text.substr(scheme.size());
    if (auto url = http1::parse_url((secure ? "https" : "http") + std::string(rest))) return *url;
  }
  throw std::invalid_argument("verdin: not a WebSocket URL: " + std::string(text.substr(0, 200)));
}

bool is_ours(std::string_view name) {
  constexpr std::string_view kPrefix = "Sec-WebSocket-";
  for (const char* ours : {"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"}) {
    if (http1::equals_ignoring_case(name, ours)) return true;
  }
  return http1::equals_ignoring_case(name.substr(0, kPrefix.size()), kPrefix);
}

std::string make_request(const http1::Url& url, std::string_view key, const ClientOptions& options) {
  impl::check_options(options, codec::Role::client);
  std::string request = "GET " + url.target + " HTTP/1.1\r\n";
  http1::append_header(request, "Host", url.authority());
  request += codec::handshake_headers(key, options.subprotocols, options.deflate);
  for (const auto& [name, value] : options.headers) {
    http1::check_header(name, value);
    if (is_ours(name)) throw std::invalid_argument("verdin: the handshake's own header: " + name);
    http1::append_header(request, name, value);
  }
  return request += "\r\n";
}

/// All values of that name, as one.
std::optional<std::string> joined(const http1::HeaderBlock& headers, std::string_view name) {
  if (headers.count(name) == 0) return std::nullopt;
  std::string all;
  for (const http1::HeaderField& field : headers) {
    if (http1::equals_ignoring_case(field.name, name))
      all.append(all.empty() ? "" : ", ").append(field.value);
  }
  return all;
}

/// Reads up to the end of the answer's head; returns what came behind it.
std::string read_answer(net::StreamSocket& socket, http1::ResponseParser& answer, net::Deadline limit) {
  std::array<char, 4096> buffer;
  std::string_view left;
  for (int interim = 0;;) {
    if (left.empty()) {
      const std::size_t size = socket.recv(buffer, limit);
      if (size == 0) throw HandshakeError(0, "verdin: the server ended the connection without an answer");
      left = {buffer.data(), size};
    }
    const http1::ParseState state = answer.feed(left, kAnswerLimits);
    if (state == http1::ParseState::failed) {
      throw HandshakeError(0,
                           std::string("verdin: the server's answer is no HTTP: ") + answer.error().reason);
    }
    if (state == http1::ParseState::more) continue;
    if (!answer.interim()) return std::string(left);
    if (++interim > kMostInterim) throw HandshakeError(0, "verdin: the server has no end of interim answers");
    answer = {};
  }
}

struct Agreement {
  std::string subprotocol;
  std::optional<codec::DeflateParams> deflate;
};

Agreement check(const http1::ResponseParser& answer, std::string_view key, const ClientOptions& options) {
  const http1::HeaderBlock headers = answer.headers();
  const auto upgrade = joined(headers, "Upgrade");
  const auto connection = joined(headers, "Connection");
  const auto accept = joined(headers, "Sec-WebSocket-Accept");
  const auto protocol = joined(headers, "Sec-WebSocket-Protocol");
  const auto extensions = joined(headers, "Sec-WebSocket-Extensions");
  const codec::HandshakeAnswer received{answer.status(), upgrade, connection, accept, protocol, extensions};
  const codec::AnswerVerdict verdict =
      codec::check_answer(received, key, options.subprotocols, options.deflate);
  if (!verdict.problem.empty()) {
    throw HandshakeError(answer.status(), "verdin: " + std::string(verdict.problem) + " (status " +
                                              std::to_string(answer.status()) + ")");
  }
  return {std::string(verdict.subprotocol), verdict.deflate};
}

/// None where `url` needs none.
std::optional<http1::Url> choose_proxy(const ClientOptions& options, const http1::Url& url) {
  const http::NoProxy straight(options.no_proxy);  // wrong entries are refused, needed or not
  if (options.proxy.empty()) return std::nullopt;
  auto proxy = http1::parse_url(options.proxy);
  if (!proxy || proxy->secure) throw std::invalid_argument("verdin: a proxy is \"http://host:port\"");
  if (straight.matches(url)) return std::nullopt;
  return proxy;
}

/// To where TLS or the handshake begins.
net::Socket reach(const http1::Url& url, const std::optional<http1::Url>& proxy, const ClientOptions& options,
                  net::Deadline limit) {
  if (proxy) {
    http::ClientOptions to_proxy;
    to_proxy.proxy_user = options.proxy_user;
    to_proxy.proxy_password = options.proxy_password;
    to_proxy.resolve = options.resolve;
    return http::dial_tunnel(to_proxy, *proxy, url, limit);
  }
  return options.resolve ? net::connect(url.host, url.port, options.resolve, limit)
                         : net::connect(url.host, url.port, limit);
}

net::TlsStream reach_securely(const http1::Url& url, const std::optional<http1::Url>& proxy,
                              const ClientOptions& options, net::Deadline limit) {
  net::TlsConnectOptions tls;
  tls.context = options.tls;
  tls.resolve = options.resolve;
  if (proxy) return net::tls_connect(reach(url, proxy, options, limit), url.host, limit, tls);
  return net::tls_connect(url.host, url.port, limit, tls);
}

/// Shakes hands over `socket`; what came behind the answer goes to `early_input`.
Agreement shake_hands(net::StreamSocket& socket, const http1::Url& url, const ClientOptions& options,
                      net::Deadline limit, std::string& early_input) {
  std::array<unsigned char, 16> octets;
  random_bytes(octets);
  const std::string key = codec::handshake_key(octets);
  socket.send_all(make_request(url, key, options), limit);
  http1::ResponseParser answer;
  early_input = read_answer(socket, answer, limit);
  return check(answer, key, options);
}

/// A connection on which the handshake is done.
struct Opened {
  loop::StreamPtr stream;
  std::string early_input;
  Agreement agreed;
};

Opened open(std::string_view url, const ClientOptions& options) {
  const http1::Url where = parse_websocket_url(url);
  static_cast<void>(make_request(where, {}, options));  // says what is wrong with it before anybody is asked
  const std::optional<http1::Url> proxy = choose_proxy(options, where);
  net::Deadline limit;
  if (options.handshake_limit.count() > 0) limit = options.handshake_limit;
  Opened opened;
  if (where.secure) {
    auto socket = std::make_unique<net::TlsStream>(reach_securely(where, proxy, options, limit));
    opened.agreed = shake_hands(*socket, where, options, limit, opened.early_input);
    opened.stream = net::loop_stream(std::move(socket));
  } else {
    net::Socket socket = reach(where, proxy, options, limit);
    opened.agreed = shake_hands(socket, where, options, limit, opened.early_input);
    opened.stream = Hub::current().loop().adopt(socket.release());
  }
  return opened;
}

}  // namespace

Stream connect(std::string_view url, const ClientOptions& options) {
  const auto kept = std::make_shared<const StreamOptions>(options);
  auto state = make_intrusive<impl::StreamState>(nullptr, kept, nullptr);
  Opened opened = open(url, options);
  state->begin_as_client(std::move(opened.stream), opened.early_input, opened.agreed.deflate,
                         std::move(opened.agreed.subprotocol));
  return Stream(std::move(state));
}

Connected connect(std::string_view url, ConnectionHandler& handler, const ClientOptions& options) {
  Opened opened = open(url, options);
  return {make_intrusive<Connection>(std::move(opened.stream), options, handler, opened.early_input,
                                     opened.agreed.deflate, Role::client),
          std::move(opened.agreed.subprotocol)};
}

}  // namespace verdin::websocket
