#include "echo_scenarios.hpp"

#include <string>
#include <vector>

#include "driver.hpp"
#include "wire_text.hpp"

namespace bench {
namespace {

/// Common to all: the rounds and who owes what. A subclass knows the texts.
class EchoScenario : public Scenario {
 public:
  explicit EchoScenario(const Options& options) : options_(options), rounds_(options.connections) {}

  void begin(Driver& driver) final {
    driver.tick();
    driver_ = &driver;
    for (auto& client : driver.clients()) start_round(*client);
  }
  std::size_t outstanding() const noexcept final { return outstanding_; }

 protected:
  struct Round {
    std::uint64_t sequence = 0;  // of the next reply
    std::size_t owed = 0;
    std::int64_t sent_at = 0;
    std::string sent;           // raw mode: what is to come back
    std::size_t come_back = 0;  // octets of it
  };

  virtual void append_request(std::string& text, std::size_t client, std::uint64_t sequence) = 0;

  /// All that the round sends, as it goes on the wire.
  virtual const std::string& compose(std::size_t client, std::uint64_t sequence) {
    wire_.clear();
    for (std::size_t i = 0; i < options_.burst; ++i) {
      text_.clear();
      append_request(text_, client, sequence + i);
      append_frame(wire_, Opcode::kText, text_, driver_->next_mask());
    }
    return wire_;
  }

  virtual void start_round(Client& client) {
    Round& round = rounds_[client.index()];
    round.owed = options_.burst;
    round.sent_at = driver_->now();
    outstanding_ += options_.burst;
    client.send(compose(client.index(), round.sequence));
  }

  void replied(Client& client, Round& round) {
    record(driver_->now() - round.sent_at);
    ++round.sequence;
    --outstanding_;
    if (--round.owed == 0 && !stopping()) start_round(client);
  }

  void wrong(std::string_view got) { driver_->errors().add("wrong-reply", got); }

  const std::string& payload(std::size_t client, std::uint64_t sequence) {
    payload_.clear();
    append_payload(payload_, options_.size, client, sequence);
    return payload_;
  }

  const Options& options_;
  Driver* driver_ = nullptr;
  std::vector<Round> rounds_;
  std::size_t outstanding_ = 0;
  std::string text_;

 private:
  std::string wire_;
  std::string payload_;
};

/// One reply a message, in order, each exactly as expected.
class MessageEcho : public EchoScenario {
 public:
  using EchoScenario::EchoScenario;

  void on_message(Client& client, std::string_view message) final {
    Round& round = rounds_[client.index()];
    if (round.owed == 0) return driver_->errors().add("unasked-message", message);
    text_.clear();
    append_reply(text_, client.index(), round.sequence);
    if (message != text_) wrong(message);
    replied(client, round);
  }

 protected:
  virtual void append_reply(std::string& text, std::size_t client, std::uint64_t sequence) = 0;
};

class WsEcho final : public MessageEcho {
 public:
  using MessageEcho::MessageEcho;
  Protocol protocol() const noexcept override { return Protocol::kWebSocket; }

 protected:
  void append_request(std::string& text, std::size_t client, std::uint64_t sequence) override {
    append_payload(text, options_.size, client, sequence);
  }
  void append_reply(std::string& text, std::size_t client, std::uint64_t sequence) override {
    append_payload(text, options_.size, client, sequence);
  }
};

class EmitAck final : public MessageEcho {
 public:
  using MessageEcho::MessageEcho;
  Protocol protocol() const noexcept override { return Protocol::kSocketIo; }

 protected:
  void append_request(std::string& text, std::size_t client, std::uint64_t sequence) override {
    append_echo_event(text, sequence, payload(client, sequence));
  }
  void append_reply(std::string& text, std::size_t client, std::uint64_t sequence) override {
    append_ack(text, sequence, payload(client, sequence));
  }
};

class TcpEcho : public EchoScenario {
 public:
  using EchoScenario::EchoScenario;
  Protocol protocol() const noexcept override { return Protocol::kRaw; }

  void on_message(Client& client, std::string_view octets) override {
    Round& round = rounds_[client.index()];
    const std::string_view rest = std::string_view(round.sent).substr(round.come_back);
    if (octets.size() > rest.size()) return driver_->errors().add("unasked-message", octets);
    if (!rest.starts_with(octets)) wrong(octets);
    round.come_back += octets.size();
    if (octets.size() < rest.size()) return;
    for (std::size_t i = options_.burst; i > 0; --i) replied(client, round);
  }

 protected:
  void append_request(std::string& text, std::size_t client, std::uint64_t sequence) override {
    append_echo_event(text, sequence, payload(client, sequence));
  }
  void start_round(Client& client) override {
    Round& round = rounds_[client.index()];
    round.owed = options_.burst;
    round.sent_at = driver_->now();
    outstanding_ += options_.burst;
    round.sent = compose(client.index(), round.sequence);
    round.come_back = 0;
    client.send(round.sent);
  }
};

/// Nothing but octets: so many a message as the options say.
class PingPong final : public TcpEcho {
 public:
  using TcpEcho::TcpEcho;

 protected:
  const std::string& compose(std::size_t client, std::uint64_t sequence) override {
    text_.clear();
    for (std::size_t i = 0; i < options_.burst; ++i)
      append_payload(text_, options_.size, client, sequence + i);
    return text_;
  }
};

}  // namespace

std::unique_ptr<Scenario> make_ws_echo(const Options& options) { return std::make_unique<WsEcho>(options); }
std::unique_ptr<Scenario> make_emit_ack(const Options& options) { return std::make_unique<EmitAck>(options); }
std::unique_ptr<Scenario> make_tcp_echo(const Options& options) { return std::make_unique<TcpEcho>(options); }
std::unique_ptr<Scenario> make_ping_pong(const Options& options) {
  return std::make_unique<PingPong>(options);
}

}  // namespace bench
