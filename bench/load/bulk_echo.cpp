#include "bulk_echo.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "driver.hpp"
#include "wire_text.hpp"

namespace bench {
namespace {

constexpr std::size_t kFront = 64;
// A multiple of the mask's size, so that it can be repeated masked; not of a page's or a buffer's, so that
// one that is lost or comes twice is seen.
constexpr std::size_t kPattern = 32 * 1024 - 4;
constexpr std::uint32_t kMask = 0x9d3be5c7;

std::string make_pattern() {
  std::string pattern(kPattern, '\0');
  std::uint32_t random = 1;
  for (char& c : pattern) {
    random = random * 1664525 + 1013904223;
    c = static_cast<char>('a' + (random >> 24) % 26);
  }
  return pattern;
}

class BulkEcho final : public Scenario {
 public:
  BulkEcho(const Options& options, bool websocket)
      : websocket_(websocket),
        tail_size_(options.size - kFront),
        plain_(make_pattern()),
        wire_(plain_),
        rounds_(options.connections) {
    if (websocket_) {
      mask_octets(wire_.data(), wire_.size(), kMask);
      append_header(answer_header_, Opcode::kText, options.size);
      append_header(header_, Opcode::kText, options.size, kMask);
    }
  }

  Protocol protocol() const noexcept override {
    return websocket_ ? Protocol::kWebSocketOctets : Protocol::kRaw;
  }
  void begin(Driver& driver) override {
    driver.tick();
    driver_ = &driver;
    for (auto& client : driver.clients()) start_round(*client);
  }
  std::size_t outstanding() const noexcept override { return outstanding_; }

  void on_message(Client& client, std::string_view octets) override {
    Round& round = rounds_[client.index()];
    const std::size_t whole = round.front.size() + tail_size_;
    if (octets.size() > whole - round.come_back) return driver_->errors().add("unasked-message", octets);
    if (!matches(round, octets)) driver_->errors().add("wrong-reply", octets);
    round.come_back += octets.size();
    if (round.come_back < whole) return;
    record(driver_->now() - round.sent_at);
    --outstanding_;
    ++round.sequence;
    if (!stopping()) start_round(client);
  }

 private:
  struct Round {
    std::uint64_t sequence = 0;
    std::int64_t sent_at = 0;
    std::string front;          // what is to come back before the pattern
    std::size_t come_back = 0;  // octets
  };

  void start_round(Client& client) {
    Round& round = rounds_[client.index()];
    round.sent_at = driver_->now();
    round.come_back = 0;
    round.front = answer_header_;
    append_payload(round.front, kFront, client.index(), round.sequence);
    head_ = header_;
    head_.append(round.front, answer_header_.size());
    if (websocket_) mask_octets(head_.data() + header_.size(), kFront, kMask);
    ++outstanding_;
    client.send(head_, {wire_, 0, tail_size_});
  }

  bool matches(const Round& round, std::string_view octets) const {
    std::size_t at = round.come_back;
    while (!octets.empty()) {
      std::string_view wanted = round.front;
      if (at < wanted.size()) {
        wanted.remove_prefix(at);
      } else {
        wanted = std::string_view(plain_).substr((at - wanted.size()) % kPattern);
      }
      const std::size_t count = std::min(wanted.size(), octets.size());
      if (octets.substr(0, count) != wanted.substr(0, count)) return false;
      octets.remove_prefix(count);
      at += count;
    }
    return true;
  }

  bool websocket_;
  std::size_t tail_size_;
  std::string plain_;
  std::string wire_;  // the pattern as it is sent
  std::string header_;
  std::string answer_header_;
  std::string head_;
  std::vector<Round> rounds_;
  std::size_t outstanding_ = 0;
  Driver* driver_ = nullptr;
};

}  // namespace

std::unique_ptr<Scenario> make_bulk_echo(const Options& options, bool websocket) {
  return std::make_unique<BulkEcho>(options, websocket);
}

}  // namespace bench
