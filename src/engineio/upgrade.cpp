// From long-polling to WebSocket. The peer opens a WebSocket beside its polling, both try it (2probe,
// 3probe), the waiting GET is let go with a noop so that the peer can stop polling, and with the peer's 5
// everything moves over. What is queued meanwhile leaves in order: through a GET that still waits, or else
// over the new connection.
#include <chrono>
#include <string_view>

#include <verdin/engineio/server.hpp>
#include <verdin/websocket/accept.hpp>

#include "engineio/session_parts.hpp"

namespace verdin::eio {

namespace {

// A GET that was on its way when the probe was answered is let go this soon.
constexpr std::chrono::milliseconds kNoopInterval{100};

}  // namespace

Session::Probe::Probe(Session& session)
    : session_(session), timer_(Hub::current().loop(), loop::on_timer<&Probe::on_timer>, this) {
  const auto limit = session.server_->options_.upgrade_timeout;
  give_up_ = loop::Clock::now() + limit;
  timer_.start(limit);
}

Session::Probe::~Probe() {
  if (!connection_) return;
  connection_->set_handler(nullptr);
  connection_->close();
}

bool Session::Probe::begin(const http::ExchangePtr& exchange, const websocket::Options& options) {
  connection_ = websocket::accept(exchange, session_.server_->origins(), options, *this);
  return static_cast<bool>(connection_);
}

void Session::Probe::on_text(std::span<char> message) {
  const IntrusivePtr<Session> alive(&session_);
  const std::string_view text(message.data(), message.size());
  if (!answered_) {
    if (text != "2probe") return session_.abandon_upgrade();
    answered_ = true;
    connection_->send_text("3probe");
    return on_timer();
  }
  if (text != "5") return session_.abandon_upgrade();
  const std::unique_ptr<Probe> self = std::move(session_.probe_);
  session_.complete_upgrade(std::move(connection_));
}

void Session::Probe::on_timer() {
  const IntrusivePtr<Session> alive(&session_);
  const auto left = give_up_ - loop::Clock::now();
  if (left <= loop::Clock::duration::zero()) return session_.abandon_upgrade();
  if (!answered_) return timer_.start(std::chrono::ceil<std::chrono::milliseconds>(left));
  timer_.start(kNoopInterval);
  if (!session_.polling_->get) return;
  if (session_.polling_->queue.empty()) {
    session_.answer_get("6");
  } else {
    session_.flush_polling();
    session_.flush_soon();  // a POST may go on
  }
}

void Session::begin_upgrade(const http::ExchangePtr& exchange, const websocket::Options& options) {
  probe_ = std::make_unique<Probe>(*this);
  if (!probe_->begin(exchange, options)) probe_.reset();
}

void Session::abandon_upgrade() {
  // Taken out first: what follows may look for it.
  const std::unique_ptr<Probe> ended = std::move(probe_);
}

void Session::complete_upgrade(IntrusivePtr<websocket::Connection> connection) {
  ws_ = std::move(connection);
  ws_->set_handler(this);
  for (const Message& message : std::exchange(polling_->queue, {})) ws_->send_frame(message.frame());
  polling_->octets = 0;
  polling_->ping_waits = false;
  if (polling_->get) answer_get("6");
  if (state_ == State::lingering) {
    ws_->set_handler(nullptr);
    ws_->close();
    return end();
  }
  // What is left of a POST comes before the frames behind the peer's 5.
  if (polling_->post || paused_) ws_->pause();
  if (!polling_->post) return polling_.reset();
  take_post();
}

}  // namespace verdin::eio
