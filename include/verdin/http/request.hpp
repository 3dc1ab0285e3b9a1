// Request: one HTTP request, its head parsed and checked, its body complete (or to be read in pieces).
//
// Belongs to its Exchange and to the hub's thread. Views are valid while the Request lives. Only read()
// blocks; nothing else throws but std::bad_alloc. What the parser refuses (RFC 9112, strictly) never becomes
// a Request.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <forward_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/protocol/http1/head_parser.hpp>
#include <verdin/protocol/json/parse.hpp>

namespace verdin::loop {
class Stream;
}

namespace verdin::http {

namespace http1 = protocol::http1;

class Exchange;

/// A body that was read in pieces is no body: malformed, too large, too slow, or cut short. If it leaves the
/// handler the request is answered with `status`.
struct BodyError : std::runtime_error {
  BodyError(int answer, const char* why) : std::runtime_error(why), status(answer) {}
  int status;
};

class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string_view method() const noexcept { return head_.method(); }
  bool is(std::string_view method_name) const noexcept { return method() == method_name; }
  http1::Version version() const noexcept { return head_.version(); }

  /// As sent: "/rooms/a%20b/?page=2".
  std::string_view target() const noexcept { return head_.target(); }
  /// The target's path as sent, still percent-encoded.
  std::string_view raw_path() const noexcept { return head_.raw_path(); }
  /// Percent-decoded, dot segments resolved: "/rooms/a b/".
  const std::string& path() const;

  /// Behind the "?", still encoded; empty if there is none.
  std::string_view query_string() const noexcept { return head_.raw_query(); }
  /// The first value of that key, decoded.
  std::optional<std::string> query(std::string_view key) const;

  /// The same as a number, or as a bool ("1", "true", "0", "false"). None if it is not there, or is none:
  /// "nan" and "inf" are no numbers.
  template <typename T>
  std::optional<T> query_as(std::string_view key) const {
    return read_as<T>(query(key));
  }
  template <typename T>
  std::optional<T> form_as(std::string_view field) const {
    return read_as<T>(form(field));
  }
  template <typename T>
  std::optional<T> param_as(std::string_view name) const {
    return text_as<T>(param(name));
  }
  template <typename T>
  std::optional<T> cookie_as(std::string_view name) const {
    return read_as<T>(cookie(name));
  }

  /// A header's value by its name in any case; several of one name are joined with ", " (cookies with "; ").
  /// Host is that of the target where the target names one.
  std::optional<std::string_view> header(std::string_view name) const;
  /// All headers in order.
  http1::HeaderBlock headers() const noexcept { return head_.headers(); }
  /// The header lines as received (but for such a Host); http1::HeaderBlock reads them again.
  std::string_view raw_head() const noexcept { return headers().text(); }
  std::optional<std::string_view> cookie(std::string_view name) const;
  /// What came behind a body in chunks (RFC 9110 section 6.5), and may: fields that frame, route, authorize
  /// or describe the request are dropped. Empty before the body has ended: read() has given 0.
  http1::HeaderBlock trailers() const noexcept;

  std::string_view body() const noexcept { return body_; }
  /// Moves the body out; body() is empty then. The octets stay where they are unless they are few.
  std::string take_body() noexcept { return std::move(body_); }
  /// The next octets of the body, at least one; 0 at its end. In routes with RouteOptions::stream_body they
  /// come as the peer sends them: the greenlet waits for them, and the peer waits while nobody reads. There
  /// body() is empty. Throws BodyError. While the request is being answered.
  std::size_t read(std::span<char> into);
  /// The same, `most` octets at most, as a string; empty at the end.
  std::string read(std::size_t most);
  /// A field of a body of type application/x-www-form-urlencoded.
  std::optional<std::string> form(std::string_view field) const;
  /// The body as JSON, whatever its Content-Type says: a struct with json_fields(), a json::Value, ... None
  /// if it is not that; `error` then says why.
  template <typename T = verdin::json::Value>
  std::optional<T> json(verdin::json::DecodeError* error = nullptr) const {
    return verdin::json::parse<T>(body(), error);
  }

  /// What `:name` of the route's pattern matched, decoded; "*" names the tail. Empty if the pattern has no
  /// such name.
  std::string_view param(std::string_view name) const noexcept;

  /// "127.0.0.1". Known while the request is being answered, and behind that if it was asked for before.
  std::string peer_address() const;
  /// Of the failure that this request met with; empty if there was none.
  const std::string& error_id() const noexcept { return error_id_; }
  /// It came over TLS that this app itself ended; behind a proxy that ends TLS nobody here knows.
  bool secure() const noexcept { return secure_; }
  /// Upgrade: websocket was asked for.
  bool wants_websocket() const noexcept { return head_.wants_websocket(); }

 private:
  friend class Connection;
  friend class Exchange;
  friend class Multipart;
  friend class Server;

  template <typename T, typename Text>
  static std::optional<T> read_as(const std::optional<Text>& text) {
    return text ? text_as<T>(*text) : std::nullopt;
  }
  template <typename T>
  static std::optional<T> text_as(std::string_view text) {
    if constexpr (std::is_same_v<T, bool>) {
      if (text == "1" || text == "true") return true;
      if (text == "0" || text == "false") return false;
      return std::nullopt;
    } else {
      T value{};
      const char* const end = text.data() + text.size();
      const auto [last, error] = std::from_chars(text.data(), end, value);
      if (error != std::errc() || last != end) return std::nullopt;
      if constexpr (std::is_floating_point_v<T>) {
        if (!std::isfinite(value)) return std::nullopt;  // "nan" would pass whatever limits are asked of it
      }
      return value;
    }
  }

  /// path(), for who needs no string.
  std::string_view path_view() const noexcept { return path_is_plain_ ? raw_path() : path_; }

  http1::HeadParser head_;
  mutable std::string path_;  // of a plain one: when it was asked for
  std::string body_;
  std::vector<std::pair<std::string, std::string>> params_;
  mutable std::forward_list<std::pair<std::string, std::string>> joined_headers_;  // only repeated ones
  mutable std::string peer_address_;
  std::string error_id_;
  bool secure_ = false;
  bool path_is_plain_ = false;            // raw_path() is what path() is
  Exchange* exchange_ = nullptr;          // it lies in
  const loop::Stream* stream_ = nullptr;  // while the exchange has a connection
};

}  // namespace verdin::http
