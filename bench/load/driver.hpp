// The loop of the load generator: epoll, the clients, and what they share. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <netinet/in.h>

#include "client.hpp"
#include "clock.hpp"
#include "errors.hpp"
#include "options.hpp"
#include "scenario.hpp"

namespace bench {

class Driver {
 public:
  /// All three outlive the driver. Throws std::system_error, or std::invalid_argument for a bad address.
  Driver(const Options& options, Scenario& scenario, Errors& errors);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// Adds `count` clients and runs until all are ready. False when one failed or the time is over.
  bool open(std::size_t count);
  /// Lets the scenario begin; a message that comes before is an error.
  void start();
  /// Runs until `done` says so; false when the time was over before. `done` is asked once a turn.
  bool run_until(std::int64_t deadline, const std::function<bool()>& done);
  void run_for(double seconds);

  std::vector<std::unique_ptr<Client>>& clients() noexcept { return clients_; }
  std::uint64_t pings() const noexcept { return pings_; }

  // For clients and scenarios.
  const Options& options() const noexcept { return options_; }
  Errors& errors() noexcept { return errors_; }
  std::span<char> read_buffer() noexcept { return read_buffer_; }
  /// The time of the last read: one clock call per read is enough.
  std::int64_t now() const noexcept { return now_; }
  void tick() noexcept { now_ = now_ns(); }
  std::uint32_t next_mask() noexcept;
  void on_message(Client& client, std::string_view message);
  void watch(int fd, Client& client, std::uint32_t events, bool is_new);
  void on_client_ready() noexcept { ++ready_; }
  void count_ping() noexcept { ++pings_; }

 private:
  void turn(int timeout_ms);

  const Options& options_;
  Scenario& scenario_;
  Errors& errors_;
  sockaddr_in address_{};
  int epoll_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<char> read_buffer_;
  std::size_t ready_ = 0;
  bool started_ = false;
  std::uint64_t pings_ = 0;
  std::int64_t now_ = 0;
  std::uint32_t mask_ = 0x9e3779b9;
};

}  // namespace bench
