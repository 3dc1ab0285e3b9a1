#include <verdin/socketio/server.hpp>

#include "socketio/client.hpp"
#include "socketio/client_files.hpp"

namespace verdin::sio {

/// What the app mounts: the client's files, and the engine behind them.
class Server::Endpoint final : public http::Endpoint {
 public:
  explicit Endpoint(impl::ServerState& state)
      : state_(state), files_(state.options().client_dir, state.engine().origins()) {
    if (state.options().serve_client) files_.check();
  }

  void on_request(http::ExchangePtr exchange) override {
    const http::Request& request = exchange->request();
    const std::string& path = state_.engine().options().path;
    if (state_.options().serve_client && (request.is("GET") || request.is("HEAD")) &&
        request.path().starts_with(path) &&
        files_.serve(*exchange, std::string_view(request.path()).substr(path.size()))) {
      return;
    }
    state_.engine().on_request(std::move(exchange));
  }
  bool is_behind_middlewares() const override { return state_.engine().is_behind_middlewares(); }
  void on_upgrade(http::ExchangePtr exchange) override { state_.engine().on_upgrade(std::move(exchange)); }
  std::size_t body_limit(const http::Request& request, std::size_t otherwise) override {
    return state_.engine().body_limit(request, otherwise);
  }
  void on_body_aborted(const http::Request& request) override { state_.engine().on_body_aborted(request); }
  void on_body_too_large(http::ExchangePtr exchange) override {
    state_.engine().on_body_too_large(std::move(exchange));
  }
  void on_stop() override {
    state_.stopping = true;
    state_.engine().on_stop();
  }
  std::size_t active() const override { return state_.engine().active(); }
  void on_end() override {
    state_.stopping = true;
    state_.engine().on_end();
    state_.forget_undone();
    state_.hub = nullptr;  // it ends, perhaps; another app may serve another time
    state_.stopping = false;
  }

 private:
  impl::ServerState& state_;
  ClientFiles files_;
};

Server::Server(Options options)
    : state_(std::make_unique<impl::ServerState>(std::move(options))),
      endpoint_(std::make_unique<Endpoint>(*state_)) {
  state_->engine().on_session([state = state_.get()](eio::Session& session, const http::Request& request) {
    state->hub.store(&Hub::current(), std::memory_order_relaxed);
    impl::Client::begin(*state, session, request);
  });
}

Server::~Server() = default;

Namespace Server::of(std::string_view name) const { return Namespace(IntrusivePtr(&state_->of(name))); }

void Server::on_error(ErrorHook hook) { state_->error_hook = std::move(hook); }

eio::Server& Server::engine() const { return state_->engine(); }

std::string_view Server::endpoint_path() const { return state_->engine().endpoint_path(); }

http::Endpoint& Server::endpoint() const { return *endpoint_; }

}  // namespace verdin::sio
