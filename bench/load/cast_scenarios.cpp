#include "cast_scenarios.hpp"

#include <string>
#include <vector>

#include "driver.hpp"
#include "wire_text.hpp"

namespace bench {
namespace {

/// Rounds under way and who has heard of which.
class CastScenario : public Scenario {
 public:
  explicit CastScenario(const Options& options)
      : options_(options), heard_(options.connections), rounds_(options.burst) {}

  void begin(Driver& driver) override {
    driver_ = &driver;
    start_rounds();
  }
  std::size_t outstanding() const noexcept override { return outstanding_; }

 protected:
  struct Round {
    std::string expected;
    std::int64_t sent_at = 0;
    std::size_t owed = 0;
  };

  /// Fills what each connection is to receive and returns what the first one is to send.
  virtual const std::string& compose(std::uint64_t sequence, std::string& expected) = 0;

  void start_rounds() {
    driver_->tick();
    for (std::size_t i = 0; i < options_.burst; ++i) start_round();
  }

  Round& next_round_of(const Client& client) { return rounds_[heard_[client.index()] % rounds_.size()]; }
  bool owes(const Client& client) const { return heard_[client.index()] < next_sequence_; }

  void delivered(const Client& client, Round& round) {
    record(driver_->now() - round.sent_at);
    ++heard_[client.index()];
    --outstanding_;
    if (--round.owed == 0 && !stopping()) start_round();
  }

  const Options& options_;
  Driver* driver_ = nullptr;

 private:
  // The slot of the round that ended first is the one to be used next: every connection hears rounds in
  // order.
  void start_round() {
    Round& round = rounds_[next_sequence_ % rounds_.size()];
    round.expected.clear();
    round.sent_at = driver_->now();
    round.owed = options_.connections;
    outstanding_ += options_.connections;
    driver_->clients().front()->send(compose(next_sequence_++, round.expected));
  }

  std::vector<std::uint64_t> heard_;  // rounds that a connection has received
  std::vector<Round> rounds_;
  std::uint64_t next_sequence_ = 0;
  std::size_t outstanding_ = 0;
};

class Broadcast : public CastScenario {
 public:
  using CastScenario::CastScenario;
  Protocol protocol() const noexcept override { return Protocol::kSocketIo; }

  void on_message(Client& client, std::string_view message) override {
    if (!owes(client)) return driver_->errors().add("unasked-message", message);
    Round& round = next_round_of(client);
    if (message != round.expected) driver_->errors().add("wrong-delivery", message);
    delivered(client, round);
  }

 protected:
  const std::string& compose(std::uint64_t sequence, std::string& expected) override {
    payload_.clear();
    append_payload(payload_, options_.size, 0, sequence);
    append_cast_event(expected, payload_);
    return framed(question(payload_, expected));
  }

  /// What asks for `expected`.
  virtual const std::string& question(const std::string&, const std::string& expected) { return expected; }

  const std::string& framed(std::string_view text) {
    wire_.clear();
    append_frame(wire_, Opcode::kText, text, driver_->next_mask());
    return wire_;
  }

 private:
  std::string payload_;
  std::string wire_;
};

/// The same to a room that all have entered before.
class RoomCast final : public Broadcast {
 public:
  explicit RoomCast(const Options& options) : Broadcast(options), outside_(options.connections) {}

  void begin(Driver& driver) override {
    driver_ = &driver;
    for (const auto& client : driver.clients()) client->send(framed("420[\"enter\"]"));
  }
  std::size_t outstanding() const noexcept override { return outside_ + CastScenario::outstanding(); }

  void on_message(Client& client, std::string_view message) override {
    if (outside_ == 0) return Broadcast::on_message(client, message);
    if (message != "430[]") driver_->errors().add("not-entered", message);
    if (--outside_ == 0) start_rounds();
  }

 private:
  const std::string& question(const std::string& payload, const std::string&) override {
    text_.clear();
    append_room_event(text_, payload);
    return text_;
  }

  std::size_t outside_;  // connections that have not entered yet
  std::string text_;
};

/// The same to all connections of a bare WebSocket: what one says, all hear.
class WsCast final : public Broadcast {
 public:
  using Broadcast::Broadcast;
  Protocol protocol() const noexcept override { return Protocol::kWebSocket; }
};

class TcpCast final : public CastScenario {
 public:
  explicit TcpCast(const Options& options) : CastScenario(options), received_(options.connections) {}
  Protocol protocol() const noexcept override { return Protocol::kRaw; }

  void on_message(Client& client, std::string_view octets) override {
    std::size_t& received = received_[client.index()];
    while (!octets.empty()) {
      if (!owes(client)) return driver_->errors().add("unasked-message", octets);
      Round& round = next_round_of(client);
      const std::string_view wanted = std::string_view(round.expected).substr(received);
      const std::string_view part = octets.substr(0, wanted.size());
      if (!wanted.starts_with(part)) driver_->errors().add("wrong-delivery", part);
      octets.remove_prefix(part.size());
      received += part.size();
      if (received < round.expected.size()) return;
      received = 0;
      delivered(client, round);
    }
  }

 protected:
  const std::string& compose(std::uint64_t sequence, std::string& expected) override {
    std::string payload;
    append_payload(payload, options_.size, 0, sequence);
    std::string text;
    append_cast_event(text, payload);
    append_frame(expected, Opcode::kText, text, 0);
    expected.erase(expected.size() - text.size() - 4, 4);  // a server's frame has no masking key
    return expected;
  }

 private:
  std::vector<std::size_t> received_;  // octets of the round that a connection is in the middle of
};

}  // namespace

std::unique_ptr<Scenario> make_broadcast(const Options& options) {
  return std::make_unique<Broadcast>(options);
}
std::unique_ptr<Scenario> make_room_cast(const Options& options) {
  return std::make_unique<RoomCast>(options);
}
std::unique_ptr<Scenario> make_ws_cast(const Options& options) { return std::make_unique<WsCast>(options); }
std::unique_ptr<Scenario> make_tcp_cast(const Options& options) { return std::make_unique<TcpCast>(options); }

}  // namespace bench
