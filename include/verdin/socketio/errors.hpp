// What goes wrong in a Socket.IO application, and how it hears of it.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/protocol/json/value.hpp>

namespace verdin::sio {

/// A middleware's refusal: returned or thrown, it becomes the client's connect_error {message, data}.
class ConnectError : public std::runtime_error {
 public:
  explicit ConnectError(const std::string& message, std::optional<json::Value> data = std::nullopt)
      : std::runtime_error(message), data_(std::move(data)) {}
  const std::optional<json::Value>& data() const noexcept { return data_; }

 private:
  std::optional<json::Value> data_;
};

/// emit_with_ack(): the acknowledgement did not come in time.
struct AckTimeout : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// emit_with_ack(): the socket went away before the acknowledgement came.
struct SocketDisconnected : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// emit_with_ack<T>(): the acknowledgement is no T.
struct BadAck : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// emit_with_ack() of a broadcast: not everybody acknowledged, in time and as asked. `replies` are those that
/// came.
template <typename Reply>
struct MissingAcks : AckTimeout {
  MissingAcks(std::vector<Reply> came, std::size_t not_come)
      : AckTimeout("verdin: " + std::to_string(not_come) + " of " + std::to_string(came.size() + not_come) +
                   " sockets did not acknowledge"),
        replies(std::move(came)),
        missing(not_come) {}

  std::vector<Reply> replies;
  std::size_t missing;
};

/// One report to the error hook. The views are valid during the call; what a peer chose is not escaped yet.
struct ErrorInfo {
  enum class Kind {
    handler,   ///< a handler threw: `exception`
    decode,    ///< an event's arguments are not what its handler takes; it was not called
    protocol,  ///< a client broke the protocol, and was closed
    dropped,  ///< a socket left events behind, and Options::max_left_octets was reached: they are not handled
  };
  Kind kind;
  std::string_view nsp;
  std::string_view socket_id;
  std::string_view event;
  std::string_view message;  ///< what a handler that threw has to say is in `exception`
  std::exception_ptr exception{};
};

using ErrorHook = std::function<void(const ErrorInfo&)>;

}  // namespace verdin::sio
