// Server: the Engine.IO 4 endpoint of an http::App: handshakes, transports, upgrades, and the answers to
// whatever is none of these (https://socket.io/docs/v4/engine-io-protocol).
//
//   eio::Server server;
//   server.on_session([](eio::Session& session, const http::Request& request) { session.set_handler(...); });
//   app.mount(server);
//
// Threads: the hub's that serves the app. It must outlive the app; destroying it drops its sessions without a
// callback.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <verdin/base/siphash.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/engineio/options.hpp>
#include <verdin/engineio/session.hpp>
#include <verdin/http/endpoint.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/protocol/engineio/handshake.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::eio {

class Server final : public http::Endpoint {
 public:
  /// Throws std::invalid_argument for options that contradict each other.
  explicit Server(Options options = {});
  ~Server() override;

  /// Called for each new session, in the hub, before anything of it is delivered; must set its handler.
  using SessionHook = UniqueFunction<void(Session& session, const http::Request& handshake)>;
  void on_session(SessionHook hook) { session_hook_ = std::move(hook); }

  /// Called for each request that was refused.
  using ErrorHook =
      UniqueFunction<void(protocol::eio::ErrorCode code, std::string_view context, const http::Request&)>;
  void on_connection_error(ErrorHook hook) { error_hook_ = std::move(hook); }

  const Options& options() const noexcept { return options_; }
  std::string_view endpoint_path() const noexcept { return options_.path; }
  /// Options::cors as it is asked.
  const http::Origins& origins() const noexcept { return origins_; }
  std::size_t session_count() const noexcept { return sessions_.size(); }

  // http::Endpoint
  void on_request(http::ExchangePtr exchange) override;
  void on_upgrade(http::ExchangePtr exchange) override;
  /// Who may connect is said by Options::cors, and further up by what is asked of each session.
  bool is_behind_middlewares() const override { return false; }
  std::size_t body_limit(const http::Request& request, std::size_t otherwise) override;
  void on_body_aborted(const http::Request& request) override;
  void on_body_too_large(http::ExchangePtr exchange) override;
  void on_stop() override;
  std::size_t active() const override { return sessions_.size(); }
  void on_end() override { drop_all(); }

 private:
  friend class Session;
  struct Refusal;

  std::optional<Refusal> check(const http::Request& request, bool upgrade, Session*& session);
  std::optional<Refusal> check_handshake(const http::Request& request, bool upgrade) const;
  void refuse(http::Exchange& exchange, const Refusal& refusal, bool upgrade);
  void accept_and_close(const http::ExchangePtr& exchange);
  Session& make_session();
  void announce(Session& session, const http::Request& request);
  std::string open_packet_data(const Session& session, Transport transport) const;
  Session* find(std::string_view id) const;
  Session* find_for_post(const http::Request& request) const;
  void forget(Session& session);
  void drop_all();
  void queue_flush(Session& session);
  void flush_queued();

  Options options_;
  http::Origins origins_;
  websocket::Options websocket_options_;
  SessionHook session_hook_;
  ErrorHook error_hook_;
  std::unordered_map<std::string_view, Session*, SipHasher>
      sessions_;  // keyed by the session's own id; owned
  std::vector<IntrusivePtr<Session>> to_flush_;

  struct Flush : impl::Runnable {
    Server* server = nullptr;
  } flush_;
};

}  // namespace verdin::eio
