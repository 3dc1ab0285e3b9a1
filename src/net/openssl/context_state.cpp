#include "net/openssl/context_state.hpp"

#include <verdin/net/tls_error.hpp>

namespace verdin::net {
namespace impl {
namespace {

constexpr std::size_t kMostSessions = 256;

}  // namespace

TlsContextState::TlsContextState(TlsServerOptions options)
    : is_server_(true),
      server_(std::move(options)),
      ticket_keys_(server_.ticket_key_lifetime),
      loaded_(load()) {}

TlsContextState::TlsContextState(TlsClientOptions options)
    : is_server_(false),
      client_(std::move(options)),
      ticket_keys_(std::chrono::milliseconds(0)),
      loaded_(load()) {}

std::shared_ptr<LoadedTls> TlsContextState::load() const {
  return is_server_ ? load_server(server_) : load_client(client_);
}

std::shared_ptr<const LoadedTls> TlsContextState::loaded() const {
  const std::scoped_lock lock(mutex_);
  return loaded_;
}

void TlsContextState::reload() {
  auto fresh = load();  // may suspend
  const std::scoped_lock lock(mutex_);
  loaded_.swap(fresh);
}

void TlsContextState::keep_session(std::string_view host, SessionPtr session) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = by_host_.find(host); known != by_host_.end()) {
    known->second->second = std::move(session);
    sessions_.splice(sessions_.begin(), sessions_, known->second);
    return;
  }
  if (sessions_.size() == kMostSessions) {
    by_host_.erase(sessions_.back().first);
    sessions_.pop_back();
  }
  sessions_.emplace_front(host, std::move(session));
  by_host_.emplace(host, sessions_.begin());
}

SessionPtr TlsContextState::take_session(std::string_view host) {
  const std::scoped_lock lock(mutex_);
  const auto known = by_host_.find(host);
  if (known == by_host_.end()) return nullptr;
  SessionPtr session = std::move(known->second->second);
  sessions_.erase(known->second);
  by_host_.erase(known);
  return session;
}

}  // namespace impl

TlsContext::TlsContext(std::shared_ptr<impl::TlsContextState> state) noexcept : state_(std::move(state)) {}

TlsContext TlsContext::server(TlsServerOptions options) {
  return TlsContext(std::make_shared<impl::TlsContextState>(std::move(options)));
}

TlsContext TlsContext::client(TlsClientOptions options) {
  return TlsContext(std::make_shared<impl::TlsContextState>(std::move(options)));
}

bool TlsContext::is_server() const noexcept { return state_->is_server(); }
void TlsContext::reload() { state_->reload(); }
void TlsContext::rotate_ticket_keys() {
  const impl::ErrorQueue errors;
  if (is_server()) state_->ticket_keys().rotate();
}

}  // namespace verdin::net
