// Handshake: what is known of a client's first request; shared by the sockets of one connection. Immutable.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/http/request.hpp>

namespace verdin::sio {

class Handshake final : public SharedRefCounted<Handshake> {
 public:
  explicit Handshake(const http::Request& request);

  /// "/socket.io/?EIO=4&transport=websocket"
  std::string_view url() const noexcept { return std::string_view(text_).substr(0, url_size_); }
  /// A header by its name in any case.
  std::optional<std::string> header(std::string_view name) const;
  /// All headers, names in lower case, repeated ones joined.
  std::vector<std::pair<std::string, std::string>> headers() const;
  std::optional<std::string> query(std::string_view key) const;
  std::vector<std::pair<std::string, std::string>> query() const;
  /// The peer's IP address.
  const std::string& address() const noexcept { return address_; }
  /// Came the page from another origin (was there an Origin header)?
  bool xdomain() const { return header("origin").has_value(); }
  bool secure() const noexcept { return false; }
  std::chrono::system_clock::time_point issued() const noexcept { return issued_; }

 private:
  std::string text_;  // the URL and the header lines as received: compact, read again when asked for
  std::size_t url_size_;
  std::string address_;
  std::chrono::system_clock::time_point issued_;
};

}  // namespace verdin::sio
