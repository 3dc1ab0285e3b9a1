#include "socketio/client.hpp"

#include <algorithm>

#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/socketio/decode.hpp>
#include <verdin/protocol/socketio/encode.hpp>

namespace verdin::sio::impl {

using protocol::sio::PacketError;
using protocol::sio::PacketHeader;
using protocol::sio::PacketType;

/// Text and attachments so far; each of the two no more than a message may have.
struct Client::PendingPacket {
  std::string text;  // with padding behind it
  std::size_t text_size = 0;
  std::size_t wanted = 0;
  std::size_t octets = 0;  // of the attachments
  std::vector<SharedBuffer> attachments;
};

namespace {

DisconnectReason translate(eio::CloseReason reason) {
  switch (reason) {
    case eio::CloseReason::transport_close:
      return DisconnectReason::transport_close;
    case eio::CloseReason::transport_error:
      return DisconnectReason::transport_error;
    case eio::CloseReason::ping_timeout:
      return DisconnectReason::ping_timeout;
    case eio::CloseReason::parse_error:
      return DisconnectReason::parse_error;
    case eio::CloseReason::forced_close:
      return DisconnectReason::forced_close;
  }
  return DisconnectReason::transport_error;
}

/// What `root` takes of memory as a json::Value, about. Counts no further than a little beyond `limit`.
std::size_t memory_of(json::View root, std::size_t limit) {
  constexpr std::size_t kEach = 64;  // a Value, or a key's string, and the allocator's share
  std::size_t octets = 0;
  std::vector<json::View> open;  // each in it is counted: no more than limit / kEach
  const auto count = [&](json::View value) {
    octets += kEach + value.as_string().value_or(std::string_view()).size();
    if (value.is_array() || value.is_object()) open.push_back(value);
    return octets <= limit;
  };
  count(root);
  while (!open.empty() && octets <= limit) {
    const json::View container = open.back();
    open.pop_back();
    for (const json::View element : container.array()) {
      if (!count(element)) return octets;
    }
    for (const json::Member member : container.object()) {
      octets += kEach + member.key.size();
      if (!count(member.value)) return octets;
    }
  }
  return octets;
}

}  // namespace

void Client::begin(ServerState& server, eio::Session& session, const http::Request& request) {
  auto* const client = new Client(server, session, request);
  client->add_ref();  // the connection's, dropped at its end
  session.set_handler(client);
  client->start_timer();
}

Client::Client(ServerState& server, eio::Session& session, const http::Request& request)
    : server_(&server), session_(&session), handshake_(new Handshake(request)) {}

Client::~Client() = default;

void Client::start_timer() {
  timer_ = std::make_unique<loop::Timer>(Hub::current().loop(), loop::on_timer<&Client::on_timer>, this);
  timer_->start(server_->options().connect_timeout);
}

void Client::on_timer() {
  const IntrusivePtr<Client> alive(this);
  if (pending_)
    return protocol_error(DisconnectReason::forced_server_close, "a binary packet was not finished in time");
  if (!has_joined_) protocol_error(DisconnectReason::forced_server_close, "no namespace was joined in time");
}

void Client::joined() {
  has_joined_ = true;
  if (!pending_) timer_.reset();
}

SocketState* Client::find(std::string_view nsp) const {
  for (const auto& socket : sockets_) {
    if (socket->nsp().name() == nsp) return socket.get();
  }
  return nullptr;
}

void Client::on_message(std::span<char> text) {
  const IntrusivePtr<Client> alive(this);
  if (closed_) return;
  if (pending_) return protocol_error(DisconnectReason::forced_close, "text where an attachment was due");
  PacketHeader header;
  json::Document& document = server_->document();
  const PacketError error = protocol::sio::decode(text, true, server_->options().limits, document, header);
  if (error != PacketError::none) return protocol_error(DisconnectReason::forced_close, describe(error));
  if (header.attachments > 0) return begin_binary(header, text);
  on_packet(header, text, document.root());
}

void Client::on_packet(const PacketHeader& header, std::span<char> text, json::View payload) {
  if (header.type == PacketType::connect) return on_connect(header, payload);
  SocketState* const socket = find(header.nsp);
  if (!socket || !socket->connected()) {
    return protocol_error(DisconnectReason::forced_server_close,
                          "a packet for a namespace that is not joined");
  }
  switch (header.type) {
    case PacketType::event:
      return socket->on_event(text, payload, header.id);
    case PacketType::ack:
      return socket->on_ack(*header.id, payload);
    case PacketType::disconnect:
      return socket->end(DisconnectReason::client_namespace_disconnect);
    default:
      return protocol_error(DisconnectReason::forced_server_close, "a packet that only servers send");
  }
}

void Client::on_connect(const PacketHeader& header, json::View auth) {
  if (find(header.nsp)) {
    return protocol_error(DisconnectReason::forced_server_close, "a second CONNECT to the same namespace");
  }
  NamespaceState* const nsp = server_->find_namespace(header.nsp);
  const Options& options = server_->options();
  const auto refuse = [&](std::string_view why) {
    write([&](std::string& out) { protocol::sio::encode_connect_error(out, header.nsp, why); });
  };
  if (sockets_.size() + static_cast<std::size_t>(leaving_) >= options.max_namespaces)
    return refuse("Too many namespaces");
  if (!nsp) return refuse("Invalid namespace");
  const std::size_t left = options.max_auth_octets - std::min(options.max_auth_octets, auth_);
  const std::size_t octets = auth ? memory_of(auth, left) : 0;
  if (octets > left) return refuse("Auth too large");
  const auto socket = make_intrusive<SocketState>(*nsp, *this, handshake_);
  if (auth) socket->keep_auth(json::Value(auth), octets);
  sockets_.push_back(socket);
  if (sockets_.size() == 1) sockets_.shrink_to_fit();
  socket->start_connecting();
}

void Client::begin_binary(const PacketHeader& header, std::span<char> text) {
  pending_ = std::make_unique<PendingPacket>();
  pending_->text.reserve(text.size() + json::kPadding);
  pending_->text.assign(text.data(), text.size());
  pending_->text.append(json::kPadding, '\0');
  pending_->text_size = text.size();
  pending_->wanted = header.attachments;
  start_timer();
}

void Client::on_binary(std::span<char> data) {
  const IntrusivePtr<Client> alive(this);
  if (closed_) return;
  if (!pending_) return protocol_error(DisconnectReason::forced_close, "binary data where none was due");
  pending_->octets += data.size();
  if (pending_->octets > server_->options().engine.max_payload) {
    return protocol_error(DisconnectReason::forced_close, "a binary packet over the size limit");
  }
  pending_->attachments.push_back(SharedBuffer::copy({data.data(), data.size()}));
  if (pending_->attachments.size() == pending_->wanted) complete_binary();
}

void Client::complete_binary() {
  const std::unique_ptr<PendingPacket> packet = std::move(pending_);
  if (has_joined_) {
    timer_.reset();
  } else {
    start_timer();
  }
  const std::span<char> text(packet->text.data(), packet->text_size);
  PacketHeader header;
  json::Document& document = server_->document();
  const PacketError error = protocol::sio::decode(text, true, server_->options().limits, document, header);
  if (error != PacketError::none || !document.attach(packet->attachments)) {
    return protocol_error(DisconnectReason::forced_close, "placeholders that do not fit the attachments");
  }
  SocketState* const socket = find(header.nsp);
  if (!socket || !socket->connected()) {
    return protocol_error(DisconnectReason::forced_server_close,
                          "a packet for a namespace that is not joined");
  }
  if (header.is_ack()) return socket->on_ack(*header.id, document.root());
  socket->on_binary_event(std::move(packet->text), std::move(packet->attachments), document.root(),
                          header.id);
}

void Client::protocol_error(DisconnectReason reason, std::string_view what) {
  if (closed_) return;
  server_->report({ErrorInfo::Kind::protocol, {}, session_->id(), {}, what});
  close(reason);
}

void Client::close(DisconnectReason reason) {
  if (closed_) return;
  const IntrusivePtr<Client> alive(this);
  closed_ = true;
  session_->set_handler(nullptr);
  if (reason == DisconnectReason::server_namespace_disconnect) {
    for (const auto& socket : sockets_) {
      if (socket->connected())
        write([&](std::string& out) { protocol::sio::encode_disconnect(out, socket->nsp().name()); });
    }
  }
  end_sockets(reason);
  session_->close();
  session_.reset();
  timer_.reset();
  pending_.reset();
  release();  // the connection's reference
}

void Client::on_close(eio::CloseReason reason, std::string_view) {
  if (closed_) return;
  const IntrusivePtr<Client> alive(this);
  closed_ = true;
  end_sockets(server_->stopping ? DisconnectReason::server_shutting_down : translate(reason));
  session_.reset();
  timer_.reset();
  pending_.reset();
  release();
}

void Client::end_sockets(DisconnectReason reason) {
  while (!sockets_.empty()) {
    const IntrusivePtr<SocketState> socket = sockets_.back();
    sockets_.pop_back();
    socket->end(reason);
  }
}

void Client::forget(SocketState& socket) {
  std::erase_if(sockets_, [&](const auto& entry) { return entry.get() == &socket; });
}

void Client::count_paused(int change) {
  paused_ += change;
  update_reading();
}

void Client::add_held(std::size_t octets) {
  held_ += octets;
  update_reading();
}

void Client::remove_held(std::size_t octets) {
  held_ -= octets;
  update_reading();
}

void Client::count_acks(int change) {
  acks_ += change;
  update_reading();
}

bool Client::overwhelms(std::size_t events) const {
  constexpr std::size_t kPatience = 4;
  const Options& options = server_->options();
  return acks_ > 0 &&
         (events > kPatience * options.max_mailbox || held_ > kPatience * options.max_mailbox_octets);
}

void Client::update_reading() {
  if (closed_) return;
  const std::size_t limit = server_->options().max_mailbox_octets;
  const bool reads = acks_ > 0 || (paused_ == 0 && held_ <= (reads_ ? limit : limit / 2));
  if (reads == reads_) return;
  reads_ = reads;
  // What is late now is late because of us.
  if (pending_ && reads) start_timer();
  if (pending_ && !reads) timer_->stop();
  reads ? session_->resume() : session_->pause();
}

}  // namespace verdin::sio::impl
