#include <algorithm>
#include <limits>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/response_parser.hpp>

namespace verdin::protocol::http1 {

ParseState ResponseParser::fail(const char* reason) noexcept {
  part_ = Part::failed;
  error_ = {502, reason};
  return ParseState::failed;
}

// In the octets' order, as HeadParser::feed() does.
ParseState ResponseParser::feed(std::string_view& data, const Limits& limits) {
  if (part_ == Part::failed) return ParseState::failed;
  while (part_ != Part::done) {
    if (data.empty()) return ParseState::more;
    if (used_ >= limits.head) return fail("head of the response too large");
    if (after_cr_) {
      if (data.front() != '\n') return fail("CR without LF");
      after_cr_ = false;
      ++used_;
      data.remove_prefix(1);
      if (end_line(limits) == ParseState::failed) return ParseState::failed;
      continue;
    }
    const std::size_t run = text_prefix(data.substr(0, limits.head - used_));
    text_.append(data.data(), run);
    used_ += static_cast<std::uint32_t>(run);
    data.remove_prefix(run);
    if (data.empty() || used_ >= limits.head) continue;
    if (data.front() != '\r') return fail(data.front() == '\n' ? "LF without CR" : "control character");
    after_cr_ = true;
    ++used_;
    data.remove_prefix(1);
  }
  return ParseState::done;
}

ParseState ResponseParser::end_line(const Limits& limits) {
  const std::string_view line = std::string_view(text_).substr(line_begin_);
  if (part_ == Part::status_line) {
    if (parse_status_line(line) == ParseState::failed) return ParseState::failed;
    part_ = Part::headers;
  } else {
    if (line.empty()) return finish();
    if (++header_count_ > limits.headers) return fail("too many headers in the response");
    if (parse_field(line) == ParseState::failed) return ParseState::failed;
  }
  text_ += "\r\n";
  line_begin_ = static_cast<std::uint32_t>(text_.size());
  if (headers_begin_ == 0) headers_begin_ = line_begin_;
  return ParseState::more;
}

ParseState ResponseParser::parse_status_line(std::string_view line) {
  constexpr std::string_view kVersion = "HTTP/1.";
  if (line.size() < 12 || line.substr(0, kVersion.size()) != kVersion || !is_digit(line[7]) || line[8] != ' ')
    return fail("bad status line");
  if (line[9] < '1' || line[9] > '9' || !is_digit(line[10]) || !is_digit(line[11])) return fail("bad status");
  if (line.size() > 12 && line[12] != ' ') return fail("bad status");
  version_ = line[7] == '0' ? Version::http10 : Version::http11;
  status_ = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
  return ParseState::more;
}

ParseState ResponseParser::parse_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return fail("bad header line");
  const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-length")) return note_content_length(value);
  if (equals_ignoring_case(name, "transfer-encoding")) {
    if (has_transfer_encoding_) return fail("two Transfer-Encoding headers");
    if (!equals_ignoring_case(value, "chunked")) return fail("unknown Transfer-Encoding");
    has_transfer_encoding_ = true;
  } else if (equals_ignoring_case(name, "connection")) {
    if (list_contains(value, "close")) says_close_ = true;
    if (list_contains(value, "keep-alive")) says_keep_alive_ = true;
  }
  return ParseState::more;
}

ParseState ResponseParser::note_content_length(std::string_view value) {
  if (has_content_length_) return fail("two Content-Length headers");
  has_content_length_ = true;
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (char c : value) {
    if (!is_digit(c)) return fail("bad Content-Length");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (content_length_ > (kMost - digit) / 10) return fail("Content-Length too large");
    content_length_ = content_length_ * 10 + digit;
  }
  return value.empty() ? fail("bad Content-Length") : ParseState::more;
}

ParseState ResponseParser::finish() {
  if (has_transfer_encoding_ && has_content_length_) return fail("both Content-Length and Transfer-Encoding");
  if (has_transfer_encoding_ && version_ == Version::http10) return fail("Transfer-Encoding in HTTP/1.0");
  part_ = Part::done;
  return ParseState::done;
}

std::string_view ResponseParser::reason() const noexcept {
  const std::string_view line =
      std::string_view(text_).substr(0, std::max<std::size_t>(headers_begin_, 2) - 2);
  return line.size() > 13 ? line.substr(13) : std::string_view();
}

BodyKind ResponseParser::body_kind(std::string_view request_method) const noexcept {
  if (status_ < 200 || status_ == 204 || status_ == 304 || request_method == "HEAD") return BodyKind::none;
  if (request_method == "CONNECT" && status_ < 300) return BodyKind::none;
  if (has_transfer_encoding_) return BodyKind::chunked;
  if (!has_content_length_) return BodyKind::until_close;
  return content_length_ > 0 ? BodyKind::sized : BodyKind::none;
}

bool ResponseParser::keep_alive() const noexcept {
  return !says_close_ && (version_ == Version::http11 || says_keep_alive_);
}

}  // namespace verdin::protocol::http1
