// The parts of a Session that it has only for a time: its polling side, and an upgrade under way.
#pragma once

#include <cstddef>
#include <vector>

#include <verdin/engineio/session.hpp>

namespace verdin::eio {

struct Session::Polling {
  http::ExchangePtr get;   // waits for something to say
  http::ExchangePtr post;  // its packets are taken; answered when reading goes on
  std::vector<Message> queue;
  std::size_t queued = 0;  // octets in the queue
};

/// A WebSocket connection that wants to take a polling session over: it says 2probe, then 5.
class Session::Probe final : public websocket::ConnectionHandler {
 public:
  explicit Probe(Session& session);
  ~Probe();

  bool begin(const http::ExchangePtr& exchange, const websocket::Options& options);
  /// The peer was told 3probe, so it stops polling.
  bool answered() const noexcept { return answered_; }

 private:
  void on_text(std::span<char> message) override;
  void on_binary(std::span<char>) override { session_.abandon_upgrade(); }
  void on_close(const websocket::Close&) override { session_.abandon_upgrade(); }
  void on_timer();

  Session& session_;
  IntrusivePtr<websocket::Connection> connection_;
  loop::Timer timer_;
  loop::Clock::time_point give_up_;
  bool answered_ = false;
};

}  // namespace verdin::eio
