// The parts of a Session that it has only for a time: its polling side, and an upgrade under way.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <verdin/engineio/session.hpp>
#include <verdin/protocol/engineio/payload.hpp>

namespace verdin::eio {

/// A POST under way: the body, and how far its packets are taken. It is answered when all of them are, which
/// is what holds a polling peer back.
struct Session::Post {
  /// `octets` has json::kPadding octets behind the body of `size`.
  Post(http::ExchangePtr asked, std::string octets, std::size_t size, std::size_t max_packet)
      : exchange(std::move(asked)), body(std::move(octets)), reader({body.data(), size}, max_packet) {}

  http::ExchangePtr exchange;
  std::string body;
  protocol::eio::PayloadReader reader;
};

struct Session::Polling {
  http::ExchangePtr get;       // waits for something to say
  std::unique_ptr<Post> post;  // outlives the upgrade until its packets are taken
  std::vector<Message> queue;
  std::size_t octets = 0;   // of what is in the queue
  bool ping_waits = false;  // in the queue: the peer has not asked since

  /// What the queue costs in memory: very many tiny messages are not cheap.
  std::size_t queued() const noexcept { return octets + queue.size() * kMessageCost; }
  /// A Message in a vector that has grown, and a SharedBuffer of its own.
  static constexpr std::size_t kMessageCost = 2 * sizeof(Message) + 64;
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
