// A socket's life on its greenlets: the connection, its events one after the other, the end.
#include <verdin/protocol/socketio/decode.hpp>
#include <verdin/protocol/socketio/encode.hpp>
#include <verdin/socketio/impl/socket_state.hpp>
#include <verdin/socketio/socket.hpp>

#include "socketio/client.hpp"
#include "socketio/mailbox.hpp"

namespace verdin::sio::impl {

namespace {

constexpr std::size_t kNameSize = 32;  // of an event whose name is a number

}  // namespace

/// Goes with a task to its greenlet. Dropped before that (there is no address space for one more stack), it
/// has the server try again: a socket that stayed busy would handle nothing any more.
class SocketState::Shift {
 public:
  Shift(SocketState& socket, Work if_dropped) : socket_(&socket), if_dropped_(if_dropped) {}
  Shift(Shift&&) noexcept = default;
  Shift(const Shift&) = delete;
  Shift& operator=(const Shift&) = delete;
  Shift& operator=(Shift&&) = delete;
  ~Shift() {
    ServerState* const server = socket_ ? socket_->nsp().server() : nullptr;
    if (!server || socket_->hub().ending()) return;
    socket_->undone_ = true;
    server->redo_later(std::move(socket_), if_dropped_);
  }
  IntrusivePtr<SocketState> begin() noexcept {
    socket_->undone_ = false;
    return std::move(socket_);
  }

 private:
  IntrusivePtr<SocketState> socket_;
  Work if_dropped_;
};

void SocketState::start_work(Work task, const char* name) {
  busy_ = true;
  hub_->start_now(
      [shift = Shift(*this, task), task]() mutable {
        const IntrusivePtr<SocketState> self = shift.begin();
        self->work([&] { ((*self).*task)(); });
      },
      name);
}

/// Runs on a greenlet everything that there is to do for the socket.
template <typename F>
void SocketState::work(const F& function) {
  // However it is left: a socket that stayed busy would keep its handlers, and they perhaps the socket.
  struct Leave {
    SocketState& socket;
    ~Leave() {
      socket.busy_ = false;
      socket.leave_client();
      if (socket.ended_) socket.forget_handlers();
    }
  } leave{*this};
  function();
}

/// What escapes from the application's code is reported, and ends no more than the call: a Timeout too that
/// nobody caught, or a kill that is not the hub's end.
template <typename F>
void SocketState::guarded(std::string_view where, std::string_view what, const F& function) {
  try {
    function();
  } catch (const GreenletExit&) {
    if (hub_->ending()) throw;
  } catch (...) {
    if (ServerState* server = nsp_->server()) {
      server->report({ErrorInfo::Kind::handler, nsp_->name(), id(), where, what, std::current_exception()});
    }
  }
}

void SocketState::start_connecting() { start_work(&SocketState::connect, "socket.io connection"); }

void SocketState::connect() {
  if (!client_ || !run_middlewares()) return;
  connected_ = true;
  nsp_->adapter().add_socket(*this);
  client_->joined();
  client_->write([&](std::string& out) { protocol::sio::encode_connect(out, nsp_->name(), id()); });
  auto& hooks = nsp_->connection_hooks;
  for (std::size_t i = 0, count = hooks.size(); i < count; ++i) {
    guarded("connection", "a handler threw", [&] { hooks[i](Socket(IntrusivePtr(this))); });
  }
  drain_mailbox();
}

/// False if the client was refused, or has gone meanwhile.
bool SocketState::run_middlewares() {
  auto& middlewares = nsp_->middlewares;
  for (std::size_t i = 0, count = middlewares.size(); i < count; ++i) {
    std::optional<ConnectError> refusal(std::in_place, "internal error");
    guarded("middleware", "a middleware threw", [&] {
      try {
        refusal = middlewares[i](Socket(IntrusivePtr(this)));
      } catch (const ConnectError& error) {
        refusal = error;
      }
    });
    if (!client_) return false;
    if (!refusal) continue;
    const std::string data = refusal->data() ? refusal->data()->to_text() : std::string();
    client_->write([&](std::string& out) {
      protocol::sio::encode_connect_error(out, nsp_->name(), refusal->what(), data);
    });
    ended_ = true;
    nsp_->adapter().remove_socket(*this);
    Client& client = *std::exchange(client_, nullptr);
    if (extras_) client.forget_auth(std::exchange(extras_->auth_octets, 0));
    client.forget(*this);
    return false;
  }
  return client_ != nullptr;
}

IntrusivePtr<EventHandler> SocketState::find_handler(std::string_view event) const {
  if (extras_) {
    for (const auto& handler : extras_->handlers) {
      if (handler->event() == event) return handler;
    }
  }
  const auto at = nsp_->handlers.find(event);
  return at == nsp_->handlers.end() ? nullptr : at->second;
}

void SocketState::on_event(std::span<char> text, json::View payload, std::optional<std::uint64_t> id) {
  take_event(payload, id, [&] { return Mail(text); });
}

void SocketState::on_binary_event(std::string text, std::vector<SharedBuffer> attachments, json::View payload,
                                  std::optional<std::uint64_t> id) {
  take_event(payload, id, [&] { return Mail(std::move(text), std::move(attachments)); });
}

template <typename MakeMail>
void SocketState::take_event(json::View payload, std::optional<std::uint64_t> id, const MakeMail& make_mail) {
  if (busy_) return put_in_mailbox(make_mail());
  const IntrusivePtr<SocketState> alive(this);
  // Listeners for everything may block, and the handler comes behind them: it needs a copy.
  if (extras_ && !extras_->any.empty()) {
    put_in_mailbox(make_mail());
    if (!busy_ && !ended_) start_work(&SocketState::drain_mailbox, "socket.io event");
    return;
  }
  std::array<char, kNameSize> scratch;
  IntrusivePtr<EventHandler> handler = find_handler(protocol::sio::event_name(payload, scratch));
  if (!handler) return;
  busy_ = true;
  // Runs before this returns, up to its first suspension; the arguments are decoded by then.
  hub_->start_now(
      [shift = Shift(*this, &SocketState::drain_mailbox), handler = std::move(handler), payload,
       id]() mutable {
        const IntrusivePtr<SocketState> self = shift.begin();
        self->work([&] {
          self->run_event(payload, id, handler);
          self->drain_mailbox();
        });
      },
      "socket.io event");
  if (undone_) put_in_mailbox(make_mail());
}

void SocketState::run_event(json::View payload, std::optional<std::uint64_t> id,
                            const IntrusivePtr<EventHandler>& handler) {
  // Not the packet's own name: another packet may lie in its place when the handler has blocked.
  guarded(handler->event(), "a handler threw", [&] {
    handler->call({*this, handler->event(), payload, id});
  });
}

void SocketState::put_in_mailbox(Mail mail) {
  if (!mailbox_) mailbox_ = std::make_unique<Mailbox>();
  const std::size_t octets = mail.octets();
  mailbox_->mails.push_back(std::move(mail));
  mailbox_->octets += octets;
  if (client_) client_->add_held(octets);
  if (client_ && client_->overwhelms(mailbox_->mails.size())) {
    return client_->protocol_error(DisconnectReason::forced_server_close,
                                   "too many events while an acknowledgement was awaited");
  }
  ServerState* const server = nsp_->server();
  if (paused_ || !client_ || !server || mailbox_->mails.size() < server->options().max_mailbox) return;
  paused_ = true;
  client_->count_paused(1);
}

SocketState::Mail SocketState::take_mail() {
  Mail mail = std::move(mailbox_->mails.front());
  mailbox_->mails.pop_front();
  const std::size_t octets = mail.octets();
  mailbox_->octets -= octets;
  if (Client* const client = client_ ? client_ : leaving_.get()) client->remove_held(octets);
  if (ServerState* const server = leaving_ ? nsp_->server() : nullptr) server->left_octets -= octets;
  return mail;
}

/// It leaves: from now on its mailbox counts for the server, as its client's limit does not hold for the next
/// client of the same peer. When the server stops nobody comes any more, and all is handled.
void SocketState::bound_mailbox() {
  ServerState* const server = nsp_->server();
  if (!mailbox_ || !server) return;
  server->left_octets += mailbox_->octets;
  if (server->stopping || server->left_octets <= server->options().max_left_octets) return;
  server->left_octets -= mailbox_->octets;
  leaving_->remove_held(mailbox_->octets);
  const std::size_t events = mailbox_->mails.size();
  mailbox_.reset();
  const std::string message =
      std::to_string(events) + " events were not handled: too many wait for sockets that have left";
  server->report({ErrorInfo::Kind::dropped, nsp_->name(), id(), {}, message});
}

/// Its handlers are done, after the client has left: what they held no longer counts against it.
void SocketState::leave_client() {
  if (!leaving_) return;
  const IntrusivePtr<Client> client = std::move(leaving_);
  if (mailbox_) {
    client->remove_held(mailbox_->octets);
    if (ServerState* const server = nsp_->server()) server->left_octets -= mailbox_->octets;
  }
  mailbox_.reset();
  if (extras_) client->forget_auth(std::exchange(extras_->auth_octets, 0));
  client->count_leaving(-1);
}

/// Into the server's document. False if there is no server any more; the packet was checked when it came.
bool SocketState::parse(Mail& mail, protocol::sio::PacketHeader& header) const {
  ServerState* const server = nsp_->server();
  if (!server) return false;
  json::Document& document = server->document();
  const auto error =
      protocol::sio::decode({mail.text.data(), mail.size}, true, server->options().limits, document, header);
  if (error != protocol::sio::PacketError::none) return false;
  return mail.attachments.empty() || document.attach(mail.attachments);
}

void SocketState::run_mail(Mail& mail) {
  protocol::sio::PacketHeader header;
  if (!parse(mail, header)) return;
  if (extras_ && !extras_->any.empty()) {
    run_any(nsp_->server()->document().root());
    // Somebody else's packet may lie in the document by now.
    if (!parse(mail, header)) return;
  }
  mail.text = std::string();  // all of it is in the document: nothing to keep while the handler blocks
  const json::View payload = nsp_->server()->document().root();
  std::array<char, kNameSize> scratch;
  const std::string_view event = protocol::sio::event_name(payload, scratch);
  if (const auto handler = find_handler(event)) run_event(payload, header.id, handler);
}

void SocketState::run_any(json::View payload) {
  std::array<char, kNameSize> scratch;
  const std::string event(protocol::sio::event_name(payload, scratch));
  Args arguments;
  auto at = payload.array().begin();
  for (const auto end = payload.array().end(); ++at != end;) arguments.emplace_back(*at);
  const auto listeners = extras_->any;  // they may change while one runs
  for (const auto& listener : listeners)
    guarded(event, "a listener threw", [&] { (*listener)(event, arguments); });
}

/// Everything that has come meanwhile, then the end, if it has.
void SocketState::drain_mailbox() {
  while (mailbox_ && !mailbox_->mails.empty()) {
    Mail mail = take_mail();
    run_mail(mail);
    const ServerState* const server = nsp_->server();
    if (!paused_ || (server && mailbox_->mails.size() > server->options().max_mailbox / 2)) continue;
    paused_ = false;
    if (client_) client_->count_paused(-1);
  }
  mailbox_.reset();
  // A server that is being destroyed tells nobody: what its handlers refer to may be gone already.
  if (ended_ && nsp_->server()) run_disconnect(end_reason_);
}

void SocketState::end(DisconnectReason reason) {
  if (ended_) return;
  const IntrusivePtr<SocketState> alive(this);
  ended_ = true;
  end_reason_ = reason;
  const bool was_connected = std::exchange(connected_, false);
  const IntrusivePtr<Client> client = std::exchange(client_, nullptr);
  if (client) {
    if (std::exchange(paused_, false)) client->count_paused(-1);
    client->forget(*this);
  }
  if (was_connected) {
    const bool somebody_asks =
        !nsp_->disconnecting_hooks.empty() || (extras_ && !extras_->disconnecting.empty());
    if (somebody_asks) {
      extras().last_rooms.emplace_back(id());
      for (std::string& room : nsp_->adapter().rooms(*this)) extras_->last_rooms.push_back(std::move(room));
    }
  }
  nsp_->adapter().remove_socket(*this);
  if (extras_) {
    const auto acks = std::exchange(extras_->acks, {});
    if (client) client->count_acks(-static_cast<int>(acks.size()));
    for (const auto& [id, waiter] : acks) waiter->gone(*this);
  }
  leaving_ = client;
  if (client) {
    client->count_leaving(1);
    bound_mailbox();
  }
  deliver_end();
  if (!busy_) leave_client();
}

/// Tells the handlers, unless a greenlet is busy with events that came before: it will.
void SocketState::deliver_end() {
  if (busy_) return;
  const bool somebody_listens =
      !nsp_->disconnecting_hooks.empty() || !nsp_->disconnect_hooks.empty() ||
      (extras_ && (!extras_->disconnecting.empty() || !extras_->disconnect.empty()));
  if (!somebody_listens || !nsp_->server()) return forget_handlers();
  start_work(&SocketState::drain_mailbox, "socket.io disconnect");
}

void SocketState::run_disconnect(DisconnectReason reason) {
  // The handlers may add handlers: of the socket's own those that are there are taken, a namespace's stay
  // where they are.
  const auto call = [&](auto& hooks, const auto&... arguments) {
    for (std::size_t i = 0, count = hooks.size(); i < count; ++i)
      guarded("disconnect", "a handler threw", [&] { hooks[i](arguments...); });
  };
  const auto call_own = [&](std::vector<DisconnectHook> Extras::*list) {
    if (!extras_) return;
    auto hooks = std::exchange(*extras_.*list, {});
    call(hooks, reason);
  };
  const Socket socket{IntrusivePtr(this)};
  call_own(&Extras::disconnecting);
  call(nsp_->disconnecting_hooks, socket, reason);
  if (extras_) extras_->last_rooms.clear();
  call_own(&Extras::disconnect);
  call(nsp_->disconnect_hooks, socket, reason);
  forget_handlers();
}

/// Handlers may hold Sockets: without this each would keep itself alive.
void SocketState::forget_handlers() {
  told_ = true;
  if (!extras_) return;
  const auto handlers = std::move(extras_->handlers);
  const auto any = std::move(extras_->any);
  const auto disconnecting = std::move(extras_->disconnecting);
  const auto disconnect = std::move(extras_->disconnect);
  extras_->handlers.clear();
  extras_->any.clear();
  extras_->disconnecting.clear();
  extras_->disconnect.clear();
}

}  // namespace verdin::sio::impl
