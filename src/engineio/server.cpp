#include <array>
#include <stdexcept>

#include <verdin/engineio/server.hpp>
#include <verdin/protocol/http1/uri.hpp>
#include <verdin/websocket/accept.hpp>

#include "engineio/cors.hpp"

namespace verdin::eio {

using protocol::eio::ErrorCode;

/// Why a request is not served.
struct Server::Refusal {
  ErrorCode code;
  std::string text{};             // instead of the code's own message
  std::string_view context = {};  // for the error hook
};

namespace {

/// The same parameter twice: what is in front of us and we could read different ones.
bool is_ambiguous(const http::Request& request) {
  int transports = 0;
  int versions = 0;
  int sids = 0;
  for (const auto& [key, value] : protocol::http1::parse_query(request.query_string(), 100)) {
    transports += key == "transport";
    versions += key == "EIO";
    sids += key == "sid";
  }
  return transports > 1 || versions > 1 || sids > 1;
}

}  // namespace

std::string_view to_string(Transport transport) noexcept {
  return transport == Transport::polling ? "polling" : "websocket";
}

Server::Server(Options options) : options_(std::move(options)), origins_(origins_of(options_.cors)) {
  if (!options_.path.starts_with('/'))
    throw std::invalid_argument("verdin: an Engine.IO path begins with a slash");
  if (!options_.path.ends_with('/')) options_.path += '/';
  if (!options_.allow_polling && !options_.allow_websocket) {
    throw std::invalid_argument("verdin: an Engine.IO server needs a transport");
  }
  websocket_options_.max_message_size = options_.max_payload;
  websocket_options_.send_limit = options_.send_limit;
  websocket_options_.drop_limit = options_.drop_limit;
  websocket_options_.backpressure_timeout = options_.backpressure_timeout;
  // Engine.IO has pings of its own, of which the answer is a whole message: no frame can take longer.
  websocket_options_.ping_interval = std::chrono::milliseconds(0);
  flush_.server = this;
  flush_.callback = [](impl::Runnable* flush) { static_cast<Flush*>(flush)->server->flush_queued(); };
}

Server::~Server() {
  flush_.unqueue();
  drop_all();
}

void Server::drop_all() {
  while (!sessions_.empty()) {
    const IntrusivePtr<Session> session(sessions_.begin()->second);
    SessionHandler* const handler = session->handler_;
    session->drop();
    if (handler) handler->on_close(CloseReason::forced_close, "the server is gone");
  }
}

Session* Server::find(std::string_view id) const {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? nullptr : at->second;
}

Session* Server::find_for_post(const http::Request& request) const {
  if (!request.is("POST")) return nullptr;
  const auto sid = request.query("sid");
  return sid ? find(*sid) : nullptr;
}

std::size_t Server::body_limit(const http::Request& request, std::size_t) {
  if (Session* const session = find_for_post(request)) session->on_post_begun();
  return options_.max_payload;
}

void Server::on_body_aborted(const http::Request& request) {
  if (Session* const session = find_for_post(request)) {
    const IntrusivePtr<Session> alive(session);
    session->on_post_aborted();
  }
}

Session& Server::make_session() {
  auto session = IntrusivePtr(new Session(*this));
  sessions_.emplace(session->id(), session.get());
  session->add_ref();
  return *session;
}

void Server::forget(Session& session) {
  if (sessions_.erase(session.id()) > 0) session.release();
}

std::optional<Server::Refusal> Server::check(const http::Request& request, bool upgrade, Session*& session) {
  if (!origins_.welcome(request)) return Refusal{ErrorCode::forbidden, {}, "INVALID_ORIGIN"};
  if (is_ambiguous(request)) return Refusal{ErrorCode::bad_request, {}, "REPEATED_PARAMETER"};
  const auto transport = request.query("transport");
  const bool polling = transport == "polling" && options_.allow_polling;
  const bool websocket = transport == "websocket" && options_.allow_websocket;
  if (!polling && !websocket) return Refusal{ErrorCode::unknown_transport};
  const auto sid = request.query("sid");
  if (!sid || sid->empty()) return check_handshake(request, upgrade);
  session = find(*sid);
  if (!session) return Refusal{ErrorCode::unknown_sid};
  // A closed session is there for nothing but the requests and the upgrade that fetch its last packets.
  const bool fetches = upgrade || polling;
  if (!session->is_open() && !fetches) return Refusal{ErrorCode::unknown_sid};
  const bool same = (session->transport() == Transport::polling) == polling;
  if (!upgrade && !same) return Refusal{ErrorCode::bad_request, {}, "TRANSPORT_MISMATCH"};
  if (upgrade && polling) return Refusal{ErrorCode::bad_request, {}, "TRANSPORT_MISMATCH"};
  if (request.query("EIO") != "4") return Refusal{ErrorCode::bad_request, {}, "PROTOCOL_MISMATCH"};
  return std::nullopt;
}

std::optional<Server::Refusal> Server::check_handshake(const http::Request& request, bool upgrade) const {
  if (!request.is("GET")) return Refusal{ErrorCode::bad_handshake_method};
  const bool websocket = request.query("transport") == "websocket";
  if (websocket != upgrade) return Refusal{ErrorCode::bad_request, {}, "TRANSPORT_HANDSHAKE_ERROR"};
  if (options_.allow_request) {
    if (auto refusal = options_.allow_request(request)) {
      return Refusal{ErrorCode::forbidden, std::move(*refusal)};
    }
  }
  if (request.query("EIO") != "4") return Refusal{ErrorCode::unsupported_protocol_version};
  return std::nullopt;
}

void Server::refuse(http::Exchange& exchange, const Refusal& refusal, bool upgrade) {
  if (error_hook_) error_hook_(refusal.code, refusal.context, exchange.request());
  std::vector<http::Header> headers;
  origins_.append_headers(exchange.request(), headers);
  if (upgrade) {
    // A WebSocket client sees no body; the official server answers 400 for every code, 403 tells a proxy's
    // log more.
    headers.push_back({"Content-Type", "text/html"});
    exchange.close_after();
    const std::string_view text = refusal.text.empty() ? protocol::eio::message(refusal.code) : refusal.text;
    return exchange.respond(protocol::eio::http_status(refusal.code), headers, text);
  }
  headers.push_back({"Content-Type", "application/json"});
  exchange.respond(protocol::eio::http_status(refusal.code), headers,
                   protocol::eio::error_json(refusal.code, refusal.text));
}

void Server::on_request(http::ExchangePtr exchange) {
  const http::Request& request = exchange->request();
  if (request.is("OPTIONS")) {
    std::vector<http::Header> headers;
    origins_.append_headers(request, headers);
    if (origins_.welcome(request)) append_preflight_headers(request, headers);
    return exchange->respond(204, headers, "");
  }
  Session* session = nullptr;
  if (const auto refusal = check(request, false, session)) return refuse(*exchange, *refusal, false);
  if (session) {
    const IntrusivePtr<Session> alive(session);
    if (request.is("GET")) return session->on_get(std::move(exchange));
    if (request.is("POST")) return session->on_post(std::move(exchange));
    return exchange->respond(500, {}, "");
  }
  if (sessions_.size() >= options_.max_sessions) return exchange->respond(503, {}, "");
  Session& fresh = make_session();
  const IntrusivePtr<Session> alive(&fresh);
  fresh.begin_polling(exchange);
  announce(fresh, request);
}

void Server::on_upgrade(http::ExchangePtr exchange) {
  Session* session = nullptr;
  if (const auto refusal = check(exchange->request(), true, session))
    return refuse(*exchange, *refusal, true);
  if (session) {
    const IntrusivePtr<Session> alive(session);
    const bool taken = session->transport() == Transport::websocket || session->probe_;
    if (taken || !options_.allow_upgrades) return accept_and_close(exchange);
    // The handler must be there before the connection is: the probe is both the handler and what owns it.
    return session->begin_upgrade(exchange, websocket_options_);
  }
  if (sessions_.size() >= options_.max_sessions) {
    exchange->close_after();
    return exchange->respond(503, {}, "");
  }
  Session& fresh = make_session();
  const IntrusivePtr<Session> alive(&fresh);
  auto connection = websocket::accept(exchange, origins_, websocket_options_, fresh);
  if (!connection) return fresh.drop();
  fresh.begin_websocket(std::move(connection));
  announce(fresh, exchange->request());
}

/// A second connection for a session: the official server opens and closes it, and clients rely on seeing a
/// close.
void Server::accept_and_close(const http::ExchangePtr& exchange) {
  class Nobody final : public websocket::ConnectionHandler {
    void on_text(std::span<char>) override {}
    void on_binary(std::span<char>) override {}
    void on_close(const websocket::Close&) override {}
  };
  static Nobody nobody;
  if (const auto connection = websocket::accept(exchange, origins_, websocket_options_, nobody))
    connection->close();
}

void Server::on_body_too_large(http::ExchangePtr exchange) {
  Session* session = nullptr;
  if (const auto refusal = check(exchange->request(), false, session))
    return refuse(*exchange, *refusal, false);
  if (!session) return refuse(*exchange, {ErrorCode::bad_handshake_method}, false);
  const IntrusivePtr<Session> alive(session);
  session->on_body_too_large(*exchange);
}

void Server::announce(Session& session, const http::Request& request) {
  if (session_hook_) session_hook_(session, request);
}

std::string Server::open_packet_data(const Session& session, Transport transport) const {
  static constexpr std::string_view kUpgrades[] = {"websocket"};
  protocol::eio::Open open;
  open.sid = session.id();
  if (transport == Transport::polling && options_.allow_upgrades && options_.allow_websocket)
    open.upgrades = kUpgrades;
  open.ping_interval = options_.ping_interval;
  open.ping_timeout = options_.ping_timeout;
  open.max_payload = options_.max_payload;
  std::string packet;
  protocol::eio::append_open(packet, open);
  return packet.substr(1);  // behind the type
}

void Server::queue_flush(Session& session) {
  to_flush_.emplace_back(&session);
  Hub::current().make_ready(flush_);
}

void Server::flush_queued() {
  std::vector<IntrusivePtr<Session>> sessions;
  sessions.swap(to_flush_);
  for (const auto& session : sessions) {
    session->flush_queued_ = false;
    session->flush_polling();
    session->take_post();
  }
}

void Server::on_stop() {
  std::vector<IntrusivePtr<Session>> all;
  for (const auto& [id, session] : sessions_) all.emplace_back(session);
  for (const auto& session : all) {
    SessionHandler* const handler = session->handler_;
    session->close_for_shutdown();
    session->stop_lingering();
    session->set_handler(nullptr);
    if (handler) handler->on_close(CloseReason::forced_close, "server shutting down");
  }
}

}  // namespace verdin::eio
