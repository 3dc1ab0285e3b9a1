// One connection to the server: connect, WebSocket handshake, Socket.IO join, then messages both ways.
//
// Reads once per readiness into the driver's buffer and keeps only an incomplete frame; writes at once and
// queues what the kernel does not take. Answers pings of both protocols. Belongs to its driver; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <netinet/in.h>

#include "frame.hpp"
#include "scenario.hpp"

namespace bench {

/// What is sent behind a head: `pattern` again and again, from its octet `begin` on (counted through all
/// repetitions) to `end`. It must stay until it is sent.
struct Repeated {
  std::string_view pattern;
  std::size_t begin = 0;
  std::size_t end = 0;
};

class Client {
 public:
  Client(Driver& driver, std::size_t index, Protocol protocol) noexcept
      : driver_(driver), index_(index), protocol_(protocol) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void connect(const sockaddr_in& to);
  void on_events(std::uint32_t events);

  /// Octets as they go on the wire: for WebSocket, complete frames.
  void send(std::string_view octets);
  /// Nothing may be unsent of another tail.
  void send(std::string_view head, Repeated tail);

  std::size_t index() const noexcept { return index_; }
  bool ready() const noexcept { return state_ == State::kReady; }

 private:
  enum class State : std::uint8_t { kIdle, kConnecting, kHandshake, kOpening, kJoining, kReady, kClosed };

  void on_connected();
  void on_readable();
  void consume(std::string_view& input);
  void take_handshake(std::string_view& input);
  void on_frame(const Frame& frame);
  void on_text(std::string_view text);
  void on_engine_packet(std::string_view packet);
  void send_frame(Opcode opcode, std::string_view payload);
  void flush();
  bool write_some(std::string_view& head);
  void become_ready();
  void fail(std::string_view kind, std::string_view detail = {});

  Driver& driver_;
  std::size_t index_;
  int fd_ = -1;
  Protocol protocol_;
  State state_ = State::kIdle;
  bool wants_write_ = false;
  std::string incomplete_;  // the start of a frame whose rest has not come
  std::string unsent_;
  Repeated unsent_tail_;  // behind that
};

}  // namespace bench
