// The long-polling side of a session: a GET that waits for packets, POSTs that bring some.
#include <optional>
#include <vector>

#include <verdin/engineio/server.hpp>
#include <verdin/protocol/engineio/payload.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/utf8.hpp>

#include "engineio/cors.hpp"
#include "engineio/session_parts.hpp"

namespace verdin::eio {

using protocol::eio::PacketType;

namespace {

/// A Content-Type of application/octet-stream, whatever its case and parameters (RFC 9110, 8.3.1).
bool is_octet_stream(std::string_view content_type) noexcept {
  const std::string_view media_type = content_type.substr(0, content_type.find_first_of("; \t"));
  return protocol::http1::equals_ignoring_case(media_type, "application/octet-stream");
}

void respond(http::Exchange& exchange, const http::Origins& origins, int status, std::string_view type,
             std::string_view body) {
  std::vector<http::Header> headers;
  origins.append_headers(exchange.request(), headers);
  headers.push_back({"Content-Type", type});
  headers.push_back({"Cache-Control", "no-store"});
  exchange.respond(status, headers, body);
}

constexpr std::string_view kHtml = "text/html";
constexpr std::string_view kText = "text/plain; charset=UTF-8";

}  // namespace

void Session::begin_polling(http::ExchangePtr first_get) {
  polling_ = std::make_unique<Polling>();
  send(Message::packet(PacketType::open, server_->open_packet_data(*this, Transport::polling)));
  start_heartbeat();
  on_get(std::move(first_get));
}

void Session::on_get(http::ExchangePtr exchange) {
  const http::Origins& origins = server_->origins_;
  if (!polling_) return respond(*exchange, origins, 400, kHtml, "");
  if (polling_->get) {
    // Overlapping polls would reorder: the protocol ends the session.
    respond(*exchange, origins, 400, kHtml, "");
    answer_get({"1", 1});
    return fail(CloseReason::transport_error, "two polling requests at once");
  }
  polling_->get = std::move(exchange);
  polling_->get->on_abort([session = IntrusivePtr<Session>(this)] {
    if (!session->polling_) return;
    session->polling_->get.reset();
    session->fail(CloseReason::transport_error, "a polling request was aborted");
  });
  if (polling_->queue.empty()) return;
  if (state_ == State::lingering) return flush_polling();
  flush_soon();
}

void Session::on_post(http::ExchangePtr exchange) {
  const http::Origins& origins = server_->origins_;
  posting_ = false;
  if (state_ == State::lingering) {  // a peer that was told to go says goodbye
    respond(*exchange, origins, 200, kHtml, "ok");
    return end();
  }
  if (!polling_ || state_ != State::open) return respond(*exchange, origins, 400, kHtml, "");
  const auto type = exchange->request().header("content-type");
  if ((type && is_octet_stream(*type)) || polling_->post || overlapping_) {
    respond(*exchange, origins, 400, kHtml, "");
    return fail(CloseReason::transport_error, "a request that polling does not allow");
  }
  std::string body = exchange->request().take_body();
  const std::size_t size = body.size();
  if (!protocol::is_utf8(body)) {
    respond(*exchange, origins, 400, kHtml, "");
    return fail(CloseReason::parse_error, "a payload that is not UTF-8");
  }
  body.resize(size + json::kPadding);
  polling_->post =
      std::make_unique<Post>(std::move(exchange), std::move(body), size, server_->options_.max_payload);
  take_post();
  if (state_ != State::open || !polling_ || !polling_->post) return;
  const http::ExchangePtr held = polling_->post->exchange;
  held->on_abort([session = IntrusivePtr<Session>(this)] {
    if (!session->ws_) session->fail(CloseReason::transport_error, "a polling request was aborted");
  });
}

/// Nothing more is to be taken from the peer for now.
bool Session::held_back() const noexcept {
  return paused_ || (!ws_ && polling_ && polling_->queued() > server_->options_.send_limit);
}

/// Delivers what is left of the POST under way until the session is held back; at its end it is answered.
void Session::take_post() {
  if (!polling_ || !polling_->post || held_back()) return;
  // A handler may end the session, and Polling with it.
  std::unique_ptr<Post> post = std::move(polling_->post);
  protocol::eio::Packet packet;
  while (state_ == State::open && !held_back() && post->reader.next(packet)) {
    if (!packet.binary) {
      on_packet(packet.type, packet.data);
    } else if (handler_) {
      handler_->on_binary(packet.data);
    }
  }
  const http::Origins& origins = server_->origins_;
  if (state_ != State::open) return respond(*post->exchange, origins, 200, kHtml, "ok");
  if (post->reader.error() != protocol::eio::PacketError::none) {
    respond(*post->exchange, origins, 400, kHtml, "");
    return fail(CloseReason::parse_error, describe(post->reader.error()));
  }
  if (held_back()) {
    polling_->post = std::move(post);
    return;
  }
  respond(*post->exchange, origins, 200, kHtml, "ok");
  if (ws_) end_polling();
}

void Session::on_body_too_large(http::Exchange& exchange) {
  respond(exchange, server_->origins_, 413, kHtml, "");
  fail(CloseReason::transport_error, "a request body over the limit");
}

void Session::on_post_begun() noexcept {
  overlapping_ = overlapping_ || posting_;
  posting_ = true;
}

void Session::on_post_aborted() {
  posting_ = false;
  if (!ws_) fail(CloseReason::transport_error, "a polling request was aborted");
}

/// Has the server call flush_polling() and take_post(), in the hub and on its own stack.
void Session::flush_soon() {
  if (flush_queued_) return;
  flush_queued_ = true;
  server_->queue_flush(*this);
}

void Session::queue(const Message& message) {
  if (!polling_) return;
  // Like a slow reader over WebSocket. Later, as no call on a session calls back.
  if (polling_->queued() >= server_->options_.drop_limit && !polling_->queue.empty()) return flush_soon();
  polling_->queue.push_back(message);
  polling_->octets += message.content().size();
  // At the end of the turn, so that one answer carries all that the turn produced.
  if (polling_->get && state_ == State::open) flush_soon();
}

void Session::flush_polling() {
  if (!polling_ || ws_) return;
  if (!polling_->get) {
    if (state_ == State::open && polling_->queued() >= server_->options_.drop_limit) {
      fail(CloseReason::transport_error, "slow reader");
    }
    return;
  }
  if (polling_->queue.empty()) return;
  // The close packet goes alone, as from the official server: a client looks at it before it has dealt with
  // what came in the same payload, and would drop that.
  const bool holds_close_back = state_ == State::lingering && polling_->queue.size() > 1;
  std::optional<Message> close;
  if (holds_close_back) {
    close = polling_->queue.back();
    polling_->queue.pop_back();
  }
  std::string payload;
  payload.reserve(polling_->octets + 2 * polling_->queue.size());
  for (const Message& message : polling_->queue) {
    if (message.is_binary()) {
      protocol::eio::append_binary_to_payload(payload, message.content());
    } else {
      protocol::eio::append_encoded_to_payload(payload, message.content());
    }
  }
  polling_->queue.clear();
  polling_->queue.shrink_to_fit();
  polling_->octets = 0;
  polling_->ping_waits = false;
  if (close) polling_->queue.push_back(*close);
  answer_get(payload);
  if (state_ == State::lingering && !close) end();
}

void Session::answer_get(std::string_view payload) {
  const http::ExchangePtr get = std::move(polling_->get);
  respond(*get, server_->origins_, 200, kText, payload);
}

/// What is left of a POST is not taken any more; the peer hears nothing bad of it.
void Session::release_post() {
  if (!polling_ || !polling_->post) return;
  const std::unique_ptr<Post> post = std::move(polling_->post);
  respond(*post->exchange, server_->origins_, 200, kHtml, "ok");
}

/// Everything has moved to WebSocket: what came by polling is delivered, and what came behind it follows.
void Session::end_polling() {
  polling_.reset();
  if (!paused_) ws_->resume();
}

}  // namespace verdin::eio
