// The part of HeadParser that knows what the target and the headers mean: framing, host, connection.
#include <limits>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/head_parser.hpp>

#include "authority.hpp"

namespace verdin::protocol::http1 {

namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace

ParseState HeadParser::parse_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT") return fail(501, "CONNECT is not supported");
  if (target[0] == '/') return ParseState::more;
  if (target == "*") return method == "OPTIONS" ? ParseState::more : fail(400, "bad target");
  // Absolute form: see put_host_of_target(). The Host header still has to be there and valid.
  const bool http = starts_with_ignoring_case(target, "http://");
  if (!http && !starts_with_ignoring_case(target, "https://")) return fail(400, "bad target");
  const std::size_t host_begin = http ? 7 : 8;
  const std::size_t host_end = std::min(target.find_first_of("/?", host_begin), target.size());
  const std::string_view host = target.substr(host_begin, host_end - host_begin);
  if (host.empty() || host[0] == ':' || !is_valid_host(host)) return fail(400, "bad host in the target");
  path_begin_ = target_begin_ + static_cast<std::uint32_t>(host_end);
  return ParseState::more;
}

ParseState HeadParser::note_field(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (!is_name(name, "host")) break;
      if (has_host_) return fail(400, "two Host headers");
      if (!is_valid_host(value)) return fail(400, "bad Host");
      has_host_ = true;
      break;
    case 6:
      if (is_name(name, "expect")) note_expectations(value);
      break;
    case 7:
      if (is_name(name, "upgrade") && list_contains(value, "websocket")) wants_websocket_ = true;
      break;
    case 10:
      if (!is_name(name, "connection")) break;
      if (list_contains(value, "close")) says_close_ = true;
      if (list_contains(value, "keep-alive")) says_keep_alive_ = true;
      break;
    case 14:
      if (is_name(name, "content-length")) return note_content_length(value);
      break;
    case 17:
      if (is_name(name, "transfer-encoding")) return note_transfer_encoding(value);
      break;
    default:
      break;
  }
  return ParseState::more;
}

// One that we cannot meet is not made up for by another that we can.
void HeadParser::note_expectations(std::string_view value) noexcept {
  std::string_view expectation;
  while (next_list_element(value, expectation)) {
    if (!equals_ignoring_case(expectation, "100-continue")) {
      expectation_ = Expectation::unknown;
    } else if (expectation_ == Expectation::none) {
      expectation_ = Expectation::continue_100;
    }
  }
}

ParseState HeadParser::note_content_length(std::string_view value) {
  if (has_content_length_) return fail(400, "two Content-Length headers");
  has_content_length_ = true;
  if (value.empty()) return fail(400, "bad Content-Length");
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  bool overflow = false;
  for (char c : value) {
    if (!is_digit(c)) return fail(400, "bad Content-Length");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (content_length_ > (kMost - digit) / 10) overflow = true;
    if (!overflow) content_length_ = content_length_ * 10 + digit;
  }
  if (overflow) return fail(413, "Content-Length too large");
  return ParseState::more;
}

ParseState HeadParser::note_transfer_encoding(std::string_view value) {
  if (has_transfer_encoding_) return fail(400, "two Transfer-Encoding headers");
  has_transfer_encoding_ = true;
  if (equals_ignoring_case(value, "chunked")) return ParseState::more;
  // A coding that we do not know, alone or under a final "chunked", is 501; anything else is bad framing.
  const std::size_t comma = value.rfind(',');
  if (comma != value.npos && equals_ignoring_case(trim(value.substr(comma + 1)), "chunked")) {
    value = trim(value.substr(0, comma));
  }
  if (is_token(value) && !equals_ignoring_case(value, "chunked"))
    return fail(501, "unknown Transfer-Encoding");
  return fail(400, "bad Transfer-Encoding");
}

ParseState HeadParser::finish() {
  if (has_transfer_encoding_) {
    if (has_content_length_) return fail(400, "both Content-Length and Transfer-Encoding");
    if (version_ == Version::http10) return fail(400, "Transfer-Encoding in HTTP/1.0");
    body_kind_ = BodyKind::chunked;
  } else if (content_length_ > 0) {
    body_kind_ = BodyKind::sized;
  }
  if (version_ == Version::http11 && !has_host_) return fail(400, "no Host");
  if (version_ == Version::http10) expectation_ = Expectation::none;
  part_ = Part::done;
  return ParseState::done;
}

// RFC 9112 section 3.2.2: what Host says does not count beside a target that names its host. It is put in its
// place, so that nobody who asks for the one or the other, now or further down, hears of two.
void HeadParser::put_host_of_target() {
  const std::string_view target = slice(target_begin_, path_begin_ - target_begin_);
  const std::string host(target.substr(target.find("//") + 2));
  if (const auto said = headers().find("host")) {
    text_.replace(static_cast<std::size_t>(said->data() - text_.data()), said->size(), host);
  } else {  // HTTP/1.0
    text_.insert(headers_begin_, "Host: " + host + "\r\n");
  }
}

}  // namespace verdin::protocol::http1
