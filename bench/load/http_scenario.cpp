#include "http_scenario.hpp"

#include <optional>
#include <string>
#include <vector>

#include "driver.hpp"
#include "http_reply.hpp"

namespace bench {
namespace {

class Http final : public Scenario {
 public:
  explicit Http(const Options& options) : options_(options), rounds_(options.connections) {
    const std::string request = "GET " + options.path + " HTTP/1.1\r\nHost: " + options.host + ":" +
                                std::to_string(options.port) + "\r\n\r\n";
    for (std::size_t i = 0; i < options.burst; ++i) requests_ += request;
  }
  Protocol protocol() const noexcept override { return Protocol::kRaw; }

  void begin(Driver& driver) override {
    driver.tick();
    driver_ = &driver;
    for (auto& client : driver.clients()) start_round(*client);
  }
  std::size_t outstanding() const noexcept override { return outstanding_; }

  void on_message(Client& client, std::string_view octets) override {
    Round& round = rounds_[client.index()];
    if (round.incomplete.empty()) {
      take(client, round, octets);
      round.incomplete.assign(octets);
    } else {
      round.incomplete.append(octets);
      std::string_view all = round.incomplete;
      take(client, round, all);
      round.incomplete.erase(0, round.incomplete.size() - all.size());
    }
  }

 private:
  struct Round {
    std::size_t owed = 0;
    std::int64_t sent_at = 0;
    std::string incomplete;
  };

  void take(Client& client, Round& round, std::string_view& octets) {
    std::string_view body;
    ReplyStatus status = ReplyStatus::kIncomplete;
    while (!octets.empty() && (status = take_reply(octets, body)) == ReplyStatus::kReply) {
      if (round.owed == 0) return driver_->errors().add("unasked-message", body);
      if (!expected_) expected_ = std::string(body);
      if (body != *expected_) driver_->errors().add("wrong-reply", body);
      record(driver_->now() - round.sent_at);
      --outstanding_;
      if (--round.owed == 0 && !stopping()) start_round(client);
    }
    if (!octets.empty() && status == ReplyStatus::kInvalid)
      driver_->errors().add("bad-reply", octets.substr(0, 200));
  }

  void start_round(Client& client) {
    Round& round = rounds_[client.index()];
    round.owed = options_.burst;
    round.sent_at = driver_->now();
    outstanding_ += options_.burst;
    client.send(requests_);
  }

  const Options& options_;
  Driver* driver_ = nullptr;
  std::vector<Round> rounds_;
  std::string requests_;
  std::optional<std::string> expected_;
  std::size_t outstanding_ = 0;
};

}  // namespace

std::unique_ptr<Scenario> make_http(const Options& options) { return std::make_unique<Http>(options); }

}  // namespace bench
