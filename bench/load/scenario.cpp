#include "scenario.hpp"

#include "bulk_echo.hpp"
#include "cast_scenarios.hpp"
#include "driver.hpp"
#include "echo_scenarios.hpp"
#include "http_scenario.hpp"

namespace bench {
namespace {

/// Joins and says nothing; the clients answer pings.
class Idle final : public Scenario {
 public:
  explicit Idle(Protocol protocol) : protocol_(protocol) {}
  Protocol protocol() const noexcept override { return protocol_; }
  void begin(Driver& driver) override { driver_ = &driver; }
  void on_message(Client&, std::string_view message) override {
    driver_->errors().add("unasked-message", message);
  }
  std::size_t outstanding() const noexcept override { return 0; }

 private:
  Driver* driver_ = nullptr;
  Protocol protocol_;
};

}  // namespace

std::unique_ptr<Scenario> make_scenario(const Options& options) {
  const bool is_bulk = options.size >= kBulkMessage && options.burst == 1;
  switch (options.mode) {
    case Mode::kTcpEcho:
      return make_tcp_echo(options);
    case Mode::kTcpCast:
      return make_tcp_cast(options);
    case Mode::kWsEcho:
      return is_bulk ? make_bulk_echo(options, true) : make_ws_echo(options);
    case Mode::kEmitAck:
    case Mode::kBurst:
      return make_emit_ack(options);
    case Mode::kBroadcast:
      return make_broadcast(options);
    case Mode::kRoom:
      return make_room_cast(options);
    case Mode::kPingPong:
      return is_bulk ? make_bulk_echo(options, false) : make_ping_pong(options);
    case Mode::kHttp:
      return make_http(options);
    case Mode::kWsCast:
      return make_ws_cast(options);
    case Mode::kWsIdle:
      return std::make_unique<Idle>(Protocol::kWebSocket);
    case Mode::kIdle:
      break;
  }
  return std::make_unique<Idle>(Protocol::kSocketIo);
}

}  // namespace bench
