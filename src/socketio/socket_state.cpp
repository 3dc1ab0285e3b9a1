#include <algorithm>
#include <cstring>

#include <verdin/base/random.hpp>
#include <verdin/protocol/socketio/encode.hpp>
#include <verdin/socketio/ack.hpp>
#include <verdin/socketio/impl/socket_state.hpp>
#include <verdin/socketio/socket.hpp>

#include "socketio/client.hpp"
#include "socketio/mailbox.hpp"

namespace verdin::sio {

std::string_view to_string(DisconnectReason reason) noexcept {
  switch (reason) {
    case DisconnectReason::transport_close:
      return "transport close";
    case DisconnectReason::transport_error:
      return "transport error";
    case DisconnectReason::ping_timeout:
      return "ping timeout";
    case DisconnectReason::parse_error:
      return "parse error";
    case DisconnectReason::forced_close:
      return "forced close";
    case DisconnectReason::forced_server_close:
      return "forced server close";
    case DisconnectReason::server_shutting_down:
      return "server shutting down";
    case DisconnectReason::server_namespace_disconnect:
      return "server namespace disconnect";
    case DisconnectReason::client_namespace_disconnect:
      return "client namespace disconnect";
  }
  return "";
}

std::string_view Socket::transport() const {
  const eio::Session* const session = state_->session();
  return session ? eio::to_string(session->transport()) : std::string_view();
}

namespace impl {

SocketState::SocketState(NamespaceState& nsp, Client& client, IntrusivePtr<const Handshake> handshake)
    : hub_(&Hub::current()), nsp_(&nsp), client_(&client), handshake_(std::move(handshake)) {
  const std::string id = random_id(kIdSize);
  std::memcpy(id_.data(), id.data(), kIdSize);
}

SocketState::~SocketState() = default;

SocketState::Extras& SocketState::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

const json::Value& SocketState::auth() const noexcept {
  static const json::Value nothing = json::Value::object();
  return extras_ && !extras_->auth.is_null() ? extras_->auth : nothing;
}

void SocketState::keep_auth(json::Value auth, std::size_t octets) {
  extras().auth = std::move(auth);
  extras().auth_octets = octets;
  client_->count_auth(octets);
}

eio::Session* SocketState::session() const noexcept { return client_ ? &client_->session() : nullptr; }

std::string_view namespace_name(const SocketState& socket) { return socket.nsp().name(); }

// ---- Sending

void SocketState::send(const Encoder& encoder, bool is_volatile) {
  if (Hub::current_or_null() != hub_) {
    hub_->post([self = IntrusivePtr(this), packet = make_packet(encoder), is_volatile] {
      self->send(packet, is_volatile);
    });
    return;
  }
  if (!connected_ || !client_) return;
  if (is_volatile && !client_->session().writable()) return;
  // Not straight into the session's queue: a to_json() of the application may emit to this very socket,
  // block, or end it, and would tear the frame.
  ServerState* server = nsp_->server();
  if (!server) return;
  std::string text = std::exchange(server->scratch, {});
  text.clear();
  std::vector<SharedBuffer> attachments;
  encoder(text, attachments);
  if (connected_ && client_) {
    eio::Session& session = client_->session();
    session.send_text(text);
    for (const SharedBuffer& attachment : attachments) session.send(eio::Message::binary(attachment.view()));
  }
  constexpr std::size_t kKept = 64 * 1024;
  server = nsp_->server();
  if (server && text.capacity() <= kKept) server->scratch = std::move(text);
}

void SocketState::send(const Packet& packet, bool is_volatile) {
  if (!connected_ || !client_) return;
  eio::Session& session = client_->session();
  if (is_volatile && !session.writable()) return;
  for (const eio::Message& message : packet.messages) session.send(message);
}

// ---- The application's side

void SocketState::on(IntrusivePtr<EventHandler> handler) {
  if (told_) return;
  auto& handlers = extras().handlers;
  for (auto& old : handlers) {
    if (old->event() == handler->event()) {
      old = std::move(handler);
      return;
    }
  }
  handlers.push_back(std::move(handler));
}

void SocketState::add_disconnecting(DisconnectHook hook) {
  if (!told_) extras().disconnecting.push_back(std::move(hook));
}

void SocketState::add_disconnect(DisconnectHook hook) {
  if (!told_) extras().disconnect.push_back(std::move(hook));
}

void SocketState::off(std::string_view event) {
  if (!extras_) return;
  std::erase_if(extras_->handlers, [&](const auto& handler) { return handler->event() == event; });
}

void SocketState::off(const EventHandler& handler) {
  if (extras_) std::erase_if(extras_->handlers, [&](const auto& entry) { return entry.get() == &handler; });
}

void SocketState::add_any(AnyListener listener) {
  if (!told_) extras().any.push_back(std::make_shared<AnyListener>(std::move(listener)));
}

void SocketState::clear_any() {
  if (extras_) extras_->any.clear();
}

void SocketState::join(std::string_view room) {
  if (Hub::current_or_null() != hub_) {
    return hub_->post([self = IntrusivePtr(this), room = std::string(room)] { self->join(room); });
  }
  if (!ended_ && client_ && room != id()) nsp_->adapter().join(*this, room);
}

void SocketState::leave(std::string_view room) {
  if (Hub::current_or_null() != hub_) {
    return hub_->post([self = IntrusivePtr(this), room = std::string(room)] { self->leave(room); });
  }
  nsp_->adapter().leave(*this, room);
}

std::vector<std::string> SocketState::rooms() const {
  std::vector<std::string> rooms;
  const bool disconnecting = extras_ && !extras_->last_rooms.empty();
  if (connected_ || disconnecting || !ended_) rooms.emplace_back(id());
  if (disconnecting) {
    rooms.insert(rooms.end(), extras_->last_rooms.begin() + 1, extras_->last_rooms.end());
  } else {
    for (std::string& room : nsp_->adapter().rooms(*this)) rooms.push_back(std::move(room));
  }
  return rooms;
}

void SocketState::disconnect(bool close_connection) {
  if (Hub::current_or_null() != hub_) {
    return hub_->post([self = IntrusivePtr(this), close_connection] { self->disconnect(close_connection); });
  }
  if (!client_) return;
  const IntrusivePtr<SocketState> alive(this);
  if (close_connection) return client_->close(DisconnectReason::server_namespace_disconnect);
  if (connected_)
    client_->write([&](std::string& out) { protocol::sio::encode_disconnect(out, nsp_->name()); });
  end(DisconnectReason::server_namespace_disconnect);
}

// ---- EventCall

Socket EventCall::make_socket() const { return Socket(IntrusivePtr(&socket)); }

Ack EventCall::make_ack() const { return Ack(IntrusivePtr(&socket), id); }

void EventCall::send_ack(const Encoder& encoder) const { socket.send(encoder); }

void EventCall::spend(const EventHandler& handler) const { socket.off(handler); }

void EventCall::decode_failed(const json::DecodeError& error) const {
  ServerState* const server = socket.nsp().server();
  if (!server) return;
  const std::string message = error.text();
  server->report({ErrorInfo::Kind::decode, socket.nsp().name(), socket.id(), event, message});
}

void check_event_name(std::string_view event) {
  if (protocol::sio::is_reserved_event(event)) {
    throw std::invalid_argument("verdin: '" + std::string(event) + "' is a name of the protocol's own");
  }
}

}  // namespace impl
}  // namespace verdin::sio
