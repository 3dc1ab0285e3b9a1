// What the connections say to the server, and what they expect to hear back.
//
// One thread: everything is called from inside the driver's loop. A scenario sends in begin() and in
// on_message(), and checks every octet that it is given: an answer that is not exactly the expected one is an
// error of the run.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "histogram.hpp"
#include "options.hpp"

namespace bench {

class Client;
class Driver;

/// kWebSocketOctets: WebSocket as far as the handshake, and octets as they come behind it.
enum class Protocol : std::uint8_t { kRaw, kWebSocket, kWebSocketOctets, kSocketIo };

class Scenario {
 public:
  virtual ~Scenario() = default;
  virtual Protocol protocol() const noexcept = 0;

  /// Every client is ready: send the first messages.
  virtual void begin(Driver& driver) = 0;
  /// One WebSocket message (for Socket.IO: one Engine.IO packet of type message, its "4" included), or octets
  /// as they come, from a raw connection or behind a handshake.
  virtual void on_message(Client& client, std::string_view message) = 0;
  /// Replies still owed by the server. After stop() it goes down to 0.
  virtual std::size_t outstanding() const noexcept = 0;

  void stop() noexcept { stopping_ = true; }
  /// From now on only what comes counts.
  void reset_measurement() noexcept { latencies_.reset(); }
  std::uint64_t messages() const noexcept { return latencies_.count(); }
  const Histogram& latencies() const noexcept { return latencies_; }

 protected:
  bool stopping() const noexcept { return stopping_; }
  void record(std::int64_t nanoseconds) noexcept {
    latencies_.record(nanoseconds > 0 ? static_cast<std::uint64_t>(nanoseconds) : 0);
  }

 private:
  Histogram latencies_;
  bool stopping_ = false;
};

std::unique_ptr<Scenario> make_scenario(const Options& options);

}  // namespace bench
