#include <verdin/runtime/hub.hpp>
#include <verdin/socketio/impl/namespace_state.hpp>
#include <verdin/socketio/impl/pending_ack.hpp>

#include "socketio/client.hpp"

namespace verdin::sio::impl {

// ---- The socket's side

void SocketState::expect_ack(std::uint64_t id, AckWaiter& waiter) {
  extras().acks.emplace(id, &waiter);
  client_->count_acks(1);
}

void SocketState::forget_ack(std::uint64_t id) {
  if (extras_ && extras_->acks.erase(id) > 0 && client_) client_->count_acks(-1);
}

void SocketState::on_ack(std::uint64_t id, json::View payload) {
  if (!extras_) return;
  const auto at = extras_->acks.find(id);
  if (at == extras_->acks.end()) return;  // late, or never asked for
  AckWaiter& waiter = *at->second;
  extras_->acks.erase(at);
  client_->count_acks(-1);
  waiter.answered(*this, payload);
}

// ---- One socket

PendingAck::PendingAck(SocketState& socket) : socket_(&socket), id_(0) {
  if (Hub::current_or_null() != &socket.hub()) {
    throw BlockingSwitchOutError("verdin: emit_with_ack() on another hub than the socket's");
  }
  if (!socket.connected()) throw SocketDisconnected("verdin: the socket is not connected");
  id_ = socket.nsp().next_ack_id();
  socket.expect_ack(id_, *this);
}

PendingAck::~PendingAck() { socket_->forget_ack(id_); }

void PendingAck::answered(SocketState&, json::View arguments) {
  try {
    json::DecodeError error;
    answered_ = take(arguments, error);
    if (!answered_) throw BadAck("verdin: the acknowledgement is not what was asked for: " + error.text());
  } catch (...) {
    failure_ = std::current_exception();
  }
  done_.set();
}

void PendingAck::wait(std::optional<loop::Clock::duration> limit) {
  if (!limit) {
    done_.wait();
  } else if (!done_.wait_for(*limit)) {
    throw AckTimeout("verdin: the acknowledgement did not come in time");
  }
  if (failure_) std::rethrow_exception(failure_);
  if (!answered_) throw SocketDisconnected("verdin: the socket went away before it acknowledged");
}

// ---- A broadcast

BroadcastAck::BroadcastAck(NamespaceState& nsp) : nsp_(nsp), id_(nsp.next_ack_id()) {}

BroadcastAck::~BroadcastAck() {
  for (const auto& socket : asked_) socket->forget_ack(id_);
}

void BroadcastAck::ask(const BroadcastOptions& to, const Encoder& encoder) {
  ServerState* const server = nsp_.server();
  Hub* const owner = server ? server->hub.load() : nullptr;
  if (owner && Hub::current_or_null() != owner) {
    throw BlockingSwitchOutError("verdin: emit_with_ack() on another hub than the server's");
  }
  const Packet packet = make_packet(encoder);
  if (!owner) return;  // nobody has connected yet
  asked_ = nsp_.adapter().select(to);
  open_ = asked_.size();
  for (const auto& socket : asked_) socket->expect_ack(id_, *this);
  for (const auto& socket : asked_) socket->send(packet, to.is_volatile);
}

void BroadcastAck::answered(SocketState& socket, json::View arguments) {
  json::DecodeError error;
  bool taken = false;
  std::exception_ptr failure;
  try {
    taken = take(arguments, error);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!taken) {
    ++missed_;
    const std::string message = error.text();
    if (ServerState* const server = nsp_.server())
      server->report(
          {ErrorInfo::Kind::decode, nsp_.name(), socket.id(), "acknowledgement", message, failure});
  }
  settle();
}

void BroadcastAck::gone(SocketState&) {
  ++missed_;
  settle();
}

void BroadcastAck::settle() {
  if (--open_ == 0) done_.set();
}

std::size_t BroadcastAck::wait(std::optional<loop::Clock::duration> limit) {
  if (open_ > 0) {
    if (limit) {
      done_.wait_for(*limit);
    } else {
      done_.wait();
    }
  }
  return open_ + missed_;
}

}  // namespace verdin::sio::impl
