// Options of an Engine.IO server. Times are milliseconds, sizes octets; the defaults are those of the
// official server where it has the option, and safe in public where it has not.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <verdin/http/request.hpp>

namespace verdin::eio {

enum class Transport : unsigned char { polling, websocket };

/// "polling", "websocket"
std::string_view to_string(Transport transport) noexcept;

/// Who may connect from a page of another origin. One list for polling and WebSocket alike: a browser's CORS
/// does not cover WebSocket. The rule is that of http/origin.hpp: requests without an Origin header (no
/// browser) and from the server's own host are always let in.
struct Cors {
  std::vector<std::string> origins{};  ///< exact, as "https://example.com" or "http://127.0.0.1:8080"
  bool any_origin = false;             ///< every page of the world, without credentials
  bool credentials = false;            ///< cookies may come along (listed origins only)
};

struct Options {
  std::string path = "/engine.io/";
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};     ///< for the pong to come
  std::chrono::milliseconds upgrade_timeout{10'000};  ///< for an upgrade, once begun, to end
  std::size_t max_payload = 1'000'000;                ///< of a message, and of a polling request's body
  bool allow_polling = true;
  bool allow_websocket = true;
  bool allow_upgrades = true;
  Cors cors{};
  /// Asked at each handshake, in the hub: must not block. A text refuses, and is the message of the 403.
  std::function<std::optional<std::string>(const http::Request&)> allow_request{};

  std::size_t send_limit =
      1 << 20;  ///< more unsent than this, and nothing is read from the peer until it has read
  std::size_t drop_limit = 4 << 20;                        ///< more unsent than this, and the peer is dropped
  std::chrono::milliseconds backpressure_timeout{10'000};  ///< so long over send_limit, and it is dropped too
  std::chrono::milliseconds linger{
      30'000};  ///< a closed polling session waits so long for its last packets to be fetched
  std::size_t max_sessions = 1'000'000;  ///< handshakes beyond are answered 503
};

}  // namespace verdin::eio
