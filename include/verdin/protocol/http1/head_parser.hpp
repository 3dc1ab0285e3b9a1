// HeadParser: reads the head of one HTTP/1.1 request (RFC 9112 sections 2 to 6) from octets cut anywhere.
//
// Strict: where the RFC lets a recipient be lenient and leniency has been a hole somewhere (bare LF, folded
// lines, blanks before a colon, several lengths), the request is refused. Every way of cutting the octets
// gives the same result: an error is decided at the first octet that makes the request wrong.
//
// A target that names its host ("http://host/path") decides: the Host header is given with that host,
// whatever it said (RFC 9112 section 3.2.2).
//
// No I/O, no thread rules. It keeps one copy of the head, at most Limits::head octets (and the host of such a
// target once more), and allocates nothing else; nothing throws but std::bad_alloc. The views it gives are
// valid until the parser is changed or moved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/header_block.hpp>
#include <verdin/protocol/http1/limits.hpp>

namespace verdin::protocol::http1 {

enum class ParseState : std::uint8_t { more, done, failed };
enum class Version : std::uint8_t { http10, http11 };
/// `until_close`: whatever comes before the connection's end; only responses have such bodies.
enum class BodyKind : std::uint8_t { none, sized, chunked, until_close };
enum class Expectation : std::uint8_t { none, continue_100, unknown };

class HeadParser {
 public:
  HeadParser() = default;
  HeadParser(HeadParser&&) = default;
  HeadParser& operator=(HeadParser&&) = default;
  ~HeadParser();

  /// Takes the octets it needs off the front of `data`. `done`: what is left in `data` lies behind the head.
  ParseState feed(std::string_view& data, const Limits& limits);

  /// Whether an octet has come in.
  bool started() const noexcept { return used_ != 0; }
  const ParseError& error() const noexcept { return error_; }

  // After `done`:
  std::string_view method() const noexcept { return slice(0, method_size_); }
  /// As sent: "/path?query", "http://host/path" or "*".
  std::string_view target() const noexcept { return slice(target_begin_, target_end_ - target_begin_); }
  /// The target without scheme, authority and query; never empty ("/" stands in for an absolute target's
  /// empty path).
  std::string_view raw_path() const noexcept;
  /// Behind the "?"; empty if there is none.
  std::string_view raw_query() const noexcept;
  Version version() const noexcept { return version_; }
  /// As sent, but for the Host beside an absolute target: that is the target's.
  HeaderBlock headers() const noexcept { return HeaderBlock(std::string_view(text_).substr(headers_begin_)); }

  BodyKind body_kind() const noexcept { return body_kind_; }
  std::uint64_t content_length() const noexcept { return content_length_; }
  /// Whether the peer wants the connection to live on: RFC 9112 section 9.3.
  bool keep_alive() const noexcept;
  Expectation expectation() const noexcept { return expectation_; }
  /// The Upgrade header names "websocket".
  bool wants_websocket() const noexcept { return wants_websocket_; }

 private:
  enum class Part : std::uint8_t { request_line, headers, done, failed };

  ParseState fail(int status, const char* reason) noexcept;
  bool feed_whole(std::string_view& data, const Limits& limits);
  std::size_t take_lines(std::string_view head, const Limits& limits);
  ParseState check_request_line_limits(const Limits& limits) noexcept;
  ParseState end_line(const Limits& limits);
  ParseState parse_request_line(std::string_view line);
  ParseState parse_version(std::string_view text);
  ParseState parse_target(std::string_view method, std::string_view target);
  ParseState parse_field(std::string_view line);
  ParseState note_field(std::string_view name, std::string_view value);
  void note_expectations(std::string_view value) noexcept;
  ParseState note_content_length(std::string_view value);
  ParseState note_transfer_encoding(std::string_view value);
  ParseState finish();
  bool is_absolute() const noexcept { return path_begin_ != target_begin_; }
  void put_host_of_target();
  std::string_view slice(std::size_t begin, std::size_t size) const noexcept {
    return std::string_view(text_).substr(begin, size);
  }

  std::string text_;  // request line and header lines, each with its CRLF
  ParseError error_;
  std::uint64_t content_length_ = 0;
  std::uint32_t used_ = 0;  // octets of the head so far, skipped ones too
  std::uint32_t line_begin_ = 0;
  std::uint32_t headers_begin_ = 0;
  std::uint32_t method_size_ = 0;
  std::uint32_t target_begin_ = 0;
  std::uint32_t path_begin_ = 0;
  std::uint32_t path_end_ = 0;  // where the "?" is, if there is one
  std::uint32_t target_end_ = 0;
  std::uint32_t header_count_ = 0;
  Part part_ = Part::request_line;
  Version version_ = Version::http11;
  BodyKind body_kind_ = BodyKind::none;
  Expectation expectation_ = Expectation::none;
  bool after_cr_ : 1 = false;
  bool skipped_blank_line_ : 1 = false;
  bool has_host_ : 1 = false;
  bool has_content_length_ : 1 = false;
  bool has_transfer_encoding_ : 1 = false;
  bool says_close_ : 1 = false;
  bool says_keep_alive_ : 1 = false;
  bool wants_websocket_ : 1 = false;
};

}  // namespace verdin::protocol::http1
