#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/protocol/websocket/handshake.hpp>
#include <verdin/websocket/accept.hpp>

#include "websocket/check_options.hpp"

namespace verdin::websocket {

namespace codec = protocol::websocket;

namespace {

codec::HandshakeRequest handshake_of(const http::Request& request) {
  codec::HandshakeRequest handshake;
  handshake.method = request.method();
  handshake.http_1_1 = request.version() == http::http1::Version::http11;
  handshake.upgrade = request.header("Upgrade");
  handshake.connection = request.header("Connection");
  handshake.key = request.header("Sec-WebSocket-Key");
  handshake.version = request.header("Sec-WebSocket-Version");
  handshake.protocols = request.header("Sec-WebSocket-Protocol");
  handshake.extensions = request.header("Sec-WebSocket-Extensions");
  return handshake;
}

/// Of a header that a middleware has set: the handshake says it itself, or speaks of a body that is not
/// there.
bool has_no_place(std::string_view name) {
  constexpr std::string_view kPrefix = "Sec-WebSocket-";
  constexpr std::array<std::string_view, 7> kNames{
      "Connection",       "Upgrade",      "Content-Length", "Transfer-Encoding",
      "Content-Encoding", "Content-Type", "Allow"};
  const auto is_it = [name](std::string_view known) {
    return http::http1::equals_ignoring_case(known, name);
  };
  return std::any_of(kNames.begin(), kNames.end(), is_it) ||
         http::http1::equals_ignoring_case(name.substr(0, kPrefix.size()), kPrefix);
}

std::string answer_to(const codec::HandshakeRequest& handshake, std::string_view subprotocol,
                      const std::optional<codec::DeflateAgreement>& deflate,
                      std::span<const http::Header> of_middlewares, std::span<const http::Header> extra) {
  std::string head;
  http::http1::append_status_line(head, 101);
  http::http1::append_header(head, "Upgrade", "websocket");
  http::http1::append_header(head, "Connection", "Upgrade");
  const codec::AcceptKey key = codec::accept_key(*handshake.key);
  http::http1::append_header(head, "Sec-WebSocket-Accept", codec::as_text(key));
  if (!subprotocol.empty()) http::http1::append_header(head, "Sec-WebSocket-Protocol", subprotocol);
  if (deflate) http::http1::append_header(head, "Sec-WebSocket-Extensions", deflate->answer);
  for (const http::Header& header : of_middlewares) {
    if (!has_no_place(header.name)) http::http1::append_header(head, header.name, header.value);
  }
  for (const http::Header& header : extra) {
    http::http1::check_header(header.name, header.value);
    http::http1::append_header(head, header.name, header.value);
  }
  return head += "\r\n";
}

}  // namespace

IntrusivePtr<Connection> accept(const http::ExchangePtr& exchange, const http::Origins& origins,
                                const Options& options, ConnectionHandler& handler,
                                std::span<const http::Header> extra) {
  impl::check_options(options, codec::Role::server);
  if (!origins.welcome(exchange->request())) {
    refuse(*exchange, 403, "origin not allowed");
    return nullptr;
  }
  const codec::HandshakeRequest handshake = handshake_of(exchange->request());
  if (const codec::HandshakeVerdict verdict = check_handshake(handshake); !verdict.ok()) {
    refuse(*exchange, verdict.status, verdict.reason);
    return nullptr;
  }
  std::optional<codec::DeflateAgreement> deflate;
  if (options.deflate && handshake.extensions) {
    deflate = codec::agree_on_deflate(*handshake.extensions, *options.deflate);
  }
  const std::string answer = answer_to(handshake, agreed_subprotocol(exchange->request(), options), deflate,
                                       exchange->headers_of_middlewares(), extra);
  std::string early_input;
  loop::StreamPtr stream = exchange->take_stream(early_input);
  if (!stream) return nullptr;
  stream->send(answer);
  std::optional<codec::DeflateParams> params;
  if (deflate) params = deflate->params;
  return make_intrusive<Connection>(std::move(stream), options, handler, early_input, params);
}

IntrusivePtr<Connection> accept(const http::ExchangePtr& exchange, const Options& options,
                                ConnectionHandler& handler, std::span<const http::Header> extra) {
  return accept(exchange, http::Origins(), options, handler, extra);
}

std::string_view agreed_subprotocol(const http::Request& request, const Options& options) {
  const auto offered = request.header("Sec-WebSocket-Protocol");
  return offered ? codec::select_subprotocol(*offered, options.subprotocols) : std::string_view();
}

void refuse(http::Exchange& exchange, int status, std::string_view reason) {
  exchange.close_after();
  std::vector<http::Header> headers{{"Content-Type", "text/plain; charset=utf-8"}};
  if (status == 426) {
    headers.push_back({"Upgrade", "websocket"});
    headers.push_back({"Sec-WebSocket-Version", codec::kVersion});
  }
  if (status == 405) headers.push_back({"Allow", "GET"});
  for (const http::Header& header : exchange.headers_of_middlewares()) {
    if (!has_no_place(header.name)) headers.push_back(header);
  }
  exchange.respond(status, headers, reason);
}

}  // namespace verdin::websocket
