#include <verdin/base/log.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/socketio/impl/namespace_state.hpp>
#include <verdin/socketio/socket.hpp>

namespace verdin::sio {

namespace impl {
namespace {

eio::Options engine_options(const Options& options) {
  eio::Options engine = options.engine;
  engine.path = options.path;
  return engine;
}

std::unique_ptr<Adapter> make_adapter(const ServerState& server) {
  return server.options().adapter ? server.options().adapter() : make_memory_adapter();
}

}  // namespace

Packet make_packet(const Encoder& encoder) {
  std::string text;
  std::vector<SharedBuffer> attachments;
  encoder(text, attachments);
  Packet packet;
  packet.messages.reserve(1 + attachments.size());
  packet.messages.push_back(eio::Message::text(text));
  for (const SharedBuffer& attachment : attachments)
    packet.messages.push_back(eio::Message::binary(attachment.view()));
  return packet;
}

NamespaceState::NamespaceState(ServerState& server, std::string name)
    : server_(&server), name_(std::move(name)), adapter_(make_adapter(server)) {}

void NamespaceState::broadcast(const BroadcastOptions& to, const Encoder& encoder) {
  Packet packet = make_packet(encoder);
  Hub* const here = Hub::current_or_null();
  Hub* const owner = server_ ? server_->hub.load() : nullptr;
  if (!owner) return;  // nobody has connected yet
  if (here == owner) return adapter_->broadcast(packet, to);
  owner->post(
      [self = IntrusivePtr(this), packet = std::move(packet), to] { self->adapter_->broadcast(packet, to); });
}

ServerState::ServerState(Options options) : options_(std::move(options)), engine_(engine_options(options_)) {
  of("/");
}

ServerState::~ServerState() {
  for (auto& [name, nsp] : namespaces_) nsp->server_is_gone();
}

NamespaceState& ServerState::of(std::string_view name) {
  std::string full(name);
  if (!full.starts_with('/')) full.insert(0, "/");
  IntrusivePtr<NamespaceState>& nsp = namespaces_[full];
  if (!nsp) nsp = make_intrusive<NamespaceState>(*this, full);
  return *nsp;
}

NamespaceState* ServerState::find_namespace(std::string_view name) const {
  const auto at = namespaces_.find(name);
  return at == namespaces_.end() ? nullptr : at->second.get();
}

void ServerState::redo_later(IntrusivePtr<SocketState> socket, SocketState::Work work) noexcept {
  constexpr std::chrono::milliseconds kPause{20};
  try {
    if (!redo_timer_) {
      redo_timer_ =
          std::make_unique<loop::Timer>(Hub::current().loop(), loop::on_timer<&ServerState::redo>, this);
      log(LogLevel::warning, "socketio: no stack for a handler; it will run when there is one");
    }
    undone_.push_back({std::move(socket), work});
    redo_timer_->start(kPause);
  } catch (const std::bad_alloc&) {  // then it is lost
  }
}

void ServerState::redo() {
  for (Undone& undone : std::exchange(undone_, {}))
    undone.socket->start_work(undone.work, "socket.io events");
  if (undone_.empty()) redo_timer_.reset();
}

void ServerState::forget_undone() noexcept {
  redo_timer_.reset();
  undone_.clear();
}

void ServerState::report(const ErrorInfo& error) noexcept {
  try {
    if (error_hook) return error_hook(error);
    std::string line = "socket.io " + std::string(error.nsp) + " " + printable(error.socket_id);
    if (!error.event.empty()) line += " event \"" + printable(error.event) + "\"";
    line += ": " + printable(error.message);
    if (error.exception) std::rethrow_exception(error.exception);
    log(LogLevel::warning, line);
  } catch (const std::exception& e) {
    log(LogLevel::error, std::string("socket.io: a handler threw: ") + printable(e.what()));
  } catch (...) {
    log(LogLevel::error, "socket.io: a handler threw something that is no std::exception");
  }
}

}  // namespace impl

std::vector<Socket> BroadcastOperator::fetch_sockets() const {
  std::vector<Socket> sockets;
  for (auto& socket : nsp_->adapter().select(to_)) sockets.emplace_back(std::move(socket));
  return sockets;
}

void BroadcastOperator::sockets_join(std::string_view room) const {
  for (const auto& socket : nsp_->adapter().select(to_)) socket->join(room);
}

void BroadcastOperator::sockets_leave(std::string_view room) const {
  for (const auto& socket : nsp_->adapter().select(to_)) socket->leave(room);
}

void BroadcastOperator::disconnect_sockets(bool close_connection) const {
  for (const auto& socket : nsp_->adapter().select(to_)) socket->disconnect(close_connection);
}

}  // namespace verdin::sio
