#include <algorithm>
#include <cstring>

#include <verdin/base/random.hpp>
#include <verdin/engineio/server.hpp>
#include <verdin/engineio/session.hpp>

#include "engineio/session_parts.hpp"

namespace verdin::eio {

using protocol::eio::PacketType;

std::string_view to_string(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::transport_close:
      return "transport close";
    case CloseReason::transport_error:
      return "transport error";
    case CloseReason::ping_timeout:
      return "ping timeout";
    case CloseReason::parse_error:
      return "parse error";
    case CloseReason::forced_close:
      return "forced close";
  }
  return "";
}

Session::Session(Server& server)
    : server_(&server), timer_(Hub::current().loop(), loop::on_timer<&Session::on_heartbeat_timer>, this) {
  const std::string id = random_id(kIdSize);
  std::memcpy(id_, id.data(), kIdSize);
}

Session::~Session() = default;

void Session::begin_websocket(IntrusivePtr<websocket::Connection> connection) {
  ws_ = std::move(connection);
  send(Message::packet(PacketType::open, server_->open_packet_data(*this, Transport::websocket)));
  start_heartbeat();
}

void Session::start_heartbeat() {
  awaiting_pong_ = false;
  timer_.start(server_->options_.ping_interval);
}

void Session::on_heartbeat_timer() {
  const IntrusivePtr<Session> alive(this);
  if (state_ == State::lingering) return end();
  if (awaiting_pong_ && !paused_) return fail(CloseReason::ping_timeout, {});
  // While nothing is read, the pong may be what is not. The peer is asked all the same: it counts on that.
  if (awaiting_pong_ && ws_ && ws_->peer_gone())
    return fail(CloseReason::transport_close, "gone while paused");
  if (awaiting_pong_ && polling_ && polling_->ping_waits) return fail(CloseReason::ping_timeout, {});
  static const Message ping = Message::packet(PacketType::ping);
  timer_.start(awaiting_pong_ ? server_->options_.ping_interval : server_->options_.ping_timeout);
  awaiting_pong_ = true;
  if (polling_) polling_->ping_waits = !ws_;
  send(ping);
}

void Session::send(const Message& message) {
  if (state_ != State::open) return;
  if (ws_) {
    ws_->send_frame(message.frame());
  } else {
    queue(message);
  }
}

void Session::send_text(std::string_view text) {
  if (!ws_) return send(Message::text(text));
  write_text([text](std::string& out) { out += text; });
}

bool Session::writable() const noexcept {
  if (state_ != State::open) return false;
  if (ws_) return ws_->unsent() == 0;
  return polling_ && polling_->get && polling_->queue.empty();
}

std::size_t Session::unsent() const noexcept {
  if (ws_) return ws_->unsent();
  return polling_ ? polling_->queued() : 0;
}

void Session::pause() {
  paused_ = true;
  if (ws_) ws_->pause();
}

void Session::resume() {
  if (!paused_) return;
  paused_ = false;
  if (awaiting_pong_ && state_ == State::open) timer_.start(server_->options_.ping_timeout);
  // What is left of a POST comes before what comes over the WebSocket.
  if (polling_ && polling_->post) return flush_soon();
  if (ws_) ws_->resume();
}

void Session::on_text(std::span<char> message) {
  const IntrusivePtr<Session> alive(this);
  protocol::eio::Packet packet;
  if (protocol::eio::parse_packet(message, packet) != protocol::eio::PacketError::none) {
    return fail(CloseReason::parse_error, "not an Engine.IO packet");
  }
  on_packet(packet.type, packet.data);
}

void Session::on_binary(std::span<char> message) {
  const IntrusivePtr<Session> alive(this);
  if (state_ == State::open && handler_) handler_->on_binary(message);
}

void Session::on_close(const websocket::Close& close) {
  const IntrusivePtr<Session> alive(this);
  ws_.reset();
  const bool fault = !close.clean && close.code != websocket::close_code::kAbnormal;
  fail(fault ? CloseReason::transport_error : CloseReason::transport_close, close.reason);
}

void Session::on_packet(PacketType type, std::span<char> data) {
  if (state_ != State::open) return;
  switch (type) {
    case PacketType::message:
      if (handler_) handler_->on_message(data);
      return;
    case PacketType::pong:
      if (awaiting_pong_) start_heartbeat();
      return;
    case PacketType::close:
      return fail(CloseReason::transport_close, "closed by the client");
    case PacketType::ping:
      return fail(CloseReason::transport_error, "invalid heartbeat direction");
    case PacketType::open:
      return fail(CloseReason::parse_error, "an open packet from a client");
    case PacketType::upgrade:
      return fail(CloseReason::parse_error, "an upgrade that was not begun");
    case PacketType::noop:
      return;  // no harm
  }
}

void Session::close_with(std::uint16_t websocket_code) {
  if (state_ != State::open) return;
  const IntrusivePtr<Session> alive(this);
  if (ws_) {
    ws_->set_handler(nullptr);
    ws_->close(websocket_code);
    return end();
  }
  release_post();
  queue(Message::packet(PacketType::close));
  state_ = State::lingering;
  // No longer than a peer that has vanished would be believed in.
  const Options& options = server_->options_;
  timer_.start(std::min(options.linger, options.ping_interval + options.ping_timeout));
  flush_polling();
}

void Session::drop() {
  if (state_ == State::closed) return;
  const IntrusivePtr<Session> alive(this);
  if (ws_) {
    ws_->set_handler(nullptr);
    ws_->abort();
  }
  end();
}

/// The end that the peer or the time has made: the handler is told.
void Session::fail(CloseReason reason, std::string_view description) {
  if (state_ != State::open) {
    if (state_ == State::lingering) end();
    return;
  }
  if (ws_) {
    ws_->set_handler(nullptr);
    // A peer that does not answer pings will not answer a close frame either; its socket is not kept waiting.
    if (reason == CloseReason::ping_timeout) {
      ws_->abort();
    } else {
      ws_->close();
    }
  }
  SessionHandler* const handler = std::exchange(handler_, nullptr);
  end();
  if (handler) handler->on_close(reason, description);
}

/// Frees everything and leaves the server's table.
void Session::end() {
  if (state_ == State::closed) return;
  const IntrusivePtr<Session> alive(this);
  state_ = State::closed;
  handler_ = nullptr;
  timer_.stop();
  abandon_upgrade();
  ws_.reset();
  release_post();
  if (polling_ && polling_->get) answer_get("6");
  polling_.reset();
  server_->forget(*this);
}

}  // namespace verdin::eio
