// MultipartParser: reads a body of type multipart/form-data (RFC 7578, RFC 2046 section 5.1) from octets cut
// anywhere.
//
// What a browser sends as a form with files, one part after the other, without keeping any of it: octets come
// out in runs that point into what was given (or, for a few that looked like a boundary across a cut, into
// the parser), at most two for each piece that was given and each boundary in it. The work is linear in the
// octets. Strict: CRLF line ends, a Content-Disposition of form-data with a name for each part, nothing of
// size before the first part. Every way of cutting the octets gives the same parts and the same error. Octets
// behind the last boundary are dropped.
//
// No I/O, no thread rules. Keeps at most MultipartLimits::head octets and a boundary; throws std::bad_alloc
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/limits.hpp>

namespace verdin::protocol::http1 {

struct MultipartLimits {
  std::size_t head = 4096;   // octets of a part's headers: else 431
  std::size_t parts = 1000;  // else 413
};

/// The boundary that a Content-Type names; none if that is not multipart/form-data with a valid one.
std::optional<std::string> multipart_boundary(std::string_view content_type);

class MultipartParser {
 public:
  enum class Event : std::uint8_t {
    more,    // all of `data` is taken, and nothing came of it
    part,    // a part begins: name(), file_name(), content_type()
    data,    // a run of its octets is in `piece`
    done,    // behind the last part
    failed,  // see error()
  };

  explicit MultipartParser(std::string_view boundary, const MultipartLimits& limits = {});

  /// Takes octets off the front of `data`, up to the next thing that happens. Call again while the result is
  /// `part` or `data`, with empty data, too. `piece` is valid until the next call.
  Event feed(std::string_view& data, std::string_view& piece);
  const ParseError& error() const noexcept { return error_; }

  // Of the part that began last.
  const std::string& name() const noexcept { return name_; }
  /// As the peer gave it: not a path to be trusted. None if the part is no file.
  const std::optional<std::string>& file_name() const noexcept { return file_name_; }
  const std::string& content_type() const noexcept { return content_type_; }

 private:
  enum class State : std::uint8_t { preamble, behind_boundary, headers, body, done, failed };

  Event fail(int status, const char* reason) noexcept;
  Event feed_headers(std::string_view& data);
  Event feed_body(std::string_view& data, std::string_view& piece);
  std::size_t octets_before_delimiter(std::string_view data) const noexcept;
  Event end_headers();
  bool parse_header(std::string_view line);
  bool parse_disposition(std::string_view value);

  std::string delimiter_;  // CRLF "--" boundary
  MultipartLimits limits_;
  std::string head_;     // of the part that is being read
  std::string kept_;     // octets that were taken for the beginning of a delimiter, and were not
  std::size_t matched_;  // octets of the delimiter so far
  std::size_t parts_ = 0;
  std::string tail_;  // behind a delimiter: CRLF, or "--"
  std::string name_;
  std::optional<std::string> file_name_;
  std::string content_type_;
  ParseError error_;
  State state_ = State::preamble;
  bool has_disposition_ = false;
};

}  // namespace verdin::protocol::http1
