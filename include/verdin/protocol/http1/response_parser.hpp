// ResponseParser: reads the head of one HTTP/1.1 response (RFC 9112 sections 4 to 6) from octets cut
// anywhere.
//
// As strict as HeadParser, for a client can be made to see two answers in one just as a server two requests:
// bare LF, folded lines, blanks before a colon, a length beside a coding, several lengths and codings other
// than "chunked" are refused. (Only a missing reason phrase may lack its blank, too.) Every way of cutting
// the octets gives the same result. Of the limits, head and headers count; an error's status is always 502.
//
// No I/O, no thread rules. It keeps one copy of the head and allocates nothing else; nothing throws but
// std::bad_alloc. The views it gives are valid until the parser is changed or moved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/head_parser.hpp>

namespace verdin::protocol::http1 {

class ResponseParser {
 public:
  /// Takes the octets it needs off the front of `data`. `done`: what is left in `data` lies behind the head.
  ParseState feed(std::string_view& data, const Limits& limits);

  bool started() const noexcept { return used_ != 0; }
  const ParseError& error() const noexcept { return error_; }

  // After `done`:
  /// 100 to 999.
  int status() const noexcept { return status_; }
  std::string_view reason() const noexcept;
  Version version() const noexcept { return version_; }
  HeaderBlock headers() const noexcept { return HeaderBlock(std::string_view(text_).substr(headers_begin_)); }
  /// Another head follows this one: any 1xx but 101.
  bool interim() const noexcept { return status_ < 200 && status_ != 101; }

  /// How the body is framed (RFC 9112 section 6.3) if that was the request's method.
  BodyKind body_kind(std::string_view request_method) const noexcept;
  std::uint64_t content_length() const noexcept { return content_length_; }
  /// Whether the peer lets the connection live on, as far as the head says: a body until the connection's end
  /// has none behind it.
  bool keep_alive() const noexcept;

 private:
  enum class Part : std::uint8_t { status_line, headers, done, failed };

  ParseState fail(const char* reason) noexcept;
  ParseState end_line(const Limits& limits);
  ParseState parse_status_line(std::string_view line);
  ParseState parse_field(std::string_view line);
  ParseState note_content_length(std::string_view value);
  ParseState finish();

  std::string text_;  // status line and header lines, each with its CRLF
  ParseError error_;
  std::uint64_t content_length_ = 0;
  std::uint32_t used_ = 0;
  std::uint32_t line_begin_ = 0;
  std::uint32_t headers_begin_ = 0;
  std::uint32_t header_count_ = 0;
  std::uint16_t status_ = 0;
  Part part_ = Part::status_line;
  Version version_ = Version::http11;
  bool after_cr_ : 1 = false;
  bool has_content_length_ : 1 = false;
  bool has_transfer_encoding_ : 1 = false;
  bool says_close_ : 1 = false;
  bool says_keep_alive_ : 1 = false;
};

}  // namespace verdin::protocol::http1
