#include <algorithm>
#include <array>
#include <limits>

#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/chars.hpp>

namespace verdin::protocol::http1 {

namespace {
constexpr std::uint8_t kMaxSizeDigits = 16;

/// RFC 9110 section 6.5.1 gives the kinds; these are the fields that are of one.
constexpr auto kNoTrailers = std::to_array<std::string_view>({"Transfer-Encoding",
                                                              "Content-Length",
                                                              "Connection",
                                                              "Keep-Alive",
                                                              "Proxy-Connection",
                                                              "Upgrade",
                                                              "TE",
                                                              "Trailer",
                                                              "Host",
                                                              "Forwarded",
                                                              "X-Forwarded-For",
                                                              "X-Forwarded-Host",
                                                              "X-Forwarded-Proto",
                                                              "Via",
                                                              "Cache-Control",
                                                              "Expect",
                                                              "Max-Forwards",
                                                              "Pragma",
                                                              "Range",
                                                              "If-Match",
                                                              "If-None-Match",
                                                              "If-Modified-Since",
                                                              "If-Unmodified-Since",
                                                              "If-Range",
                                                              "Authorization",
                                                              "Proxy-Authorization",
                                                              "Proxy-Authenticate",
                                                              "WWW-Authenticate",
                                                              "Cookie",
                                                              "Set-Cookie",
                                                              "Age",
                                                              "Expires",
                                                              "Date",
                                                              "Location",
                                                              "Retry-After",
                                                              "Vary",
                                                              "Warning",
                                                              "Content-Encoding",
                                                              "Content-Type",
                                                              "Content-Range",
                                                              "Origin"});
}  // namespace

bool may_be_trailer(std::string_view name) noexcept {
  return std::none_of(kNoTrailers.begin(), kNoTrailers.end(),
                      [&](std::string_view known) { return equals_ignoring_case(name, known); });
}

BodyDecoder::BodyDecoder(BodyKind kind, std::uint64_t length) {
  if (kind == BodyKind::chunked) {
    part_ = Part::size_first;
  } else if (kind == BodyKind::sized && length > 0) {
    part_ = Part::sized;
    left_ = length;
  } else if (kind == BodyKind::until_close) {
    part_ = Part::sized;  // of more than can come
    left_ = std::numeric_limits<std::uint64_t>::max();
  }
}

ParseState BodyDecoder::fail(int status, const char* reason) noexcept {
  part_ = Part::failed;
  error_ = {status, reason};
  return ParseState::failed;
}

ParseState BodyDecoder::feed(std::string_view& data, std::string_view& piece, const Limits& limits) {
  piece = {};
  if (part_ == Part::failed) return ParseState::failed;
  while (part_ != Part::done) {
    if (data.empty()) return ParseState::more;
    if (part_ == Part::sized || part_ == Part::data) {
      piece = data.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size())));
      data.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) part_ = part_ == Part::sized ? Part::done : Part::data_cr;
      return part_ == Part::done ? ParseState::done : ParseState::more;
    }
    const char c = data.front();
    data.remove_prefix(1);
    if (step(c, limits) == ParseState::failed) return ParseState::failed;
  }
  return ParseState::done;
}

ParseState BodyDecoder::step(char c, const Limits& limits) {
  switch (part_) {
    case Part::size_first:
    case Part::size_more:
      return step_size(c);
    case Part::size_lf:
      if (c != '\n') return fail(400, "CR without LF in a chunk's size line");
      return go(left_ == 0 ? Part::trailer_start : Part::data);
    case Part::data_cr:
      return c == '\r' ? go(Part::data_lf) : fail(400, "chunk longer than its size");
    case Part::data_lf:
      return c == '\n' ? go(Part::size_first) : fail(400, "CR without LF behind a chunk");
    case Part::trailer_start:
    case Part::trailer_name:
    case Part::trailer_value:
    case Part::trailer_lf:
    case Part::last_lf:
      return step_trailer(c, limits);
    default:
      return step_extension(c, limits);
  }
}

ParseState BodyDecoder::step_size(char c) noexcept {
  const int digit = hex_value(c);
  if (digit >= 0) {
    if (part_ == Part::size_first) {
      left_ = 0;
      digits_ = 0;
    }
    if (++digits_ > kMaxSizeDigits || (left_ >> 59) != 0) return fail(400, "chunk size too large");
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return go(Part::size_more);
  }
  if (part_ == Part::size_first) return fail(400, "bad chunk size");
  if (c == '\r') return go(Part::size_lf);
  if (c != ';') return fail(400, "bad chunk size");
  ++extension_used_;
  return go(Part::extension_start);
}

ParseState BodyDecoder::step_extension(char c, const Limits& limits) noexcept {
  const bool ends = c == '\r' || c == ';';
  const Part next = c == '\r' ? Part::size_lf : Part::extension_start;
  if (c != '\r' && ++extension_used_ > limits.chunk_extensions) return fail(400, "chunk extensions too long");
  switch (part_) {
    case Part::extension_start:
      if (is_blank(c)) return ParseState::more;
      if (is_token_char(c)) return go(Part::extension_name);
      break;
    case Part::extension_name:
      if (is_token_char(c)) return ParseState::more;
      if (c == '=') return go(Part::extension_value_start);
      if (ends) return go(next);
      break;
    case Part::extension_value_start:
      if (c == '"') return go(Part::extension_quoted);
      if (is_token_char(c)) return go(Part::extension_value);
      break;
    case Part::extension_value:
      if (is_token_char(c)) return ParseState::more;
      if (ends) return go(next);
      break;
    case Part::extension_quoted:
      if (c == '"') return go(Part::extension_quoted_end);
      if (c == '\\') return go(Part::extension_escape);
      if (is_text_char(c)) return ParseState::more;
      break;
    case Part::extension_escape:
      if (is_text_char(c)) return go(Part::extension_quoted);
      break;
    case Part::extension_quoted_end:
      if (ends) return go(next);
      break;
    default:
      break;
  }
  return fail(400, "bad chunk extension");
}

// One whose line is complete is looked at: those that have no place here go again.
void BodyDecoder::keep_trailer(char c) {
  if (!trailers_) trailers_ = std::make_unique<std::string>();
  trailers_->push_back(c);
  if (part_ != Part::trailer_lf) return;
  const std::size_t begin = trailers_->rfind('\n', trailers_->size() - 2) + 1;  // npos: 0
  const std::string_view line = std::string_view(*trailers_).substr(begin);
  if (!may_be_trailer(line.substr(0, line.find(':')))) trailers_->resize(begin);
}

ParseState BodyDecoder::step_trailer(char c, const Limits& limits) {
  if (part_ != Part::last_lf &&
      (part_ != Part::trailer_start || c != '\r')) {  // not of the line that ends all
    if (++trailer_used_ > limits.trailers) return fail(431, "trailers too large");
    keep_trailer(c);
  }
  switch (part_) {
    case Part::trailer_start:
      if (c == '\r') return go(Part::last_lf);
      if (is_token_char(c)) return go(Part::trailer_name);
      break;
    case Part::trailer_name:
      if (is_token_char(c)) return ParseState::more;
      if (c == ':') return go(Part::trailer_value);
      break;
    case Part::trailer_value:
      if (c == '\r') return go(Part::trailer_lf);
      if (is_text_char(c)) return ParseState::more;
      break;
    case Part::trailer_lf:
      if (c == '\n') return go(Part::trailer_start);
      break;
    case Part::last_lf:
      if (c == '\n') return go(Part::done);
      break;
    default:
      break;
  }
  return fail(400, "bad trailer");
}

}  // namespace verdin::protocol::http1
