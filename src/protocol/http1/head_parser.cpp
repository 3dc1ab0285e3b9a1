#include <algorithm>
#include <cstring>

#include <verdin/base/spare.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/head_parser.hpp>

#include "octet_runs.hpp"

namespace verdin::protocol::http1 {

ParseState HeadParser::fail(int status, const char* reason) noexcept {
  part_ = Part::failed;
  error_ = {status, reason};
  return ParseState::failed;
}

namespace {

constexpr std::size_t kMostSpare = 4096;

}  // namespace

HeadParser::~HeadParser() {
  if (text_.capacity() <= kMostSpare) Spare<std::string>::give(text_);
}

// The usual case: nothing has come before, all is there, and nothing is wrong with it. Whatever else it is,
// feed() finds out from the start.
bool HeadParser::feed_whole(std::string_view& data, const Limits& limits) {
  const std::size_t size = take_lines(data.substr(0, limits.head), limits);
  if (size == 0 || finish() != ParseState::done) {
    *this = HeadParser();
    return false;
  }
  if (text_.capacity() < size) Spare<std::string>::take(text_);
  text_.append(data.data(), size - 2);
  used_ = static_cast<std::uint32_t>(size);
  data.remove_prefix(size);
  if (is_absolute()) put_host_of_target();
  return true;
}

/// Size of the head with the blank line behind it; 0 if not all of it is there and right.
std::size_t HeadParser::take_lines(std::string_view head, const Limits& limits) {
  for (std::size_t begin = 0;;) {
    const std::string_view rest = head.substr(begin);
    const std::string_view line = rest.substr(0, runs::prefix<runs::Text>(rest));
    if (rest.size() < line.size() + 2 || line.end()[0] != '\r' || line.end()[1] != '\n') return 0;
    if (begin == 0) {
      if (line.empty() || parse_request_line(line) == ParseState::failed) return 0;
      if (method_size_ > limits.method || target_end_ - target_begin_ > limits.target) return 0;
      headers_begin_ = static_cast<std::uint32_t>(line.size() + 2);
    } else if (line.empty()) {
      return begin + 2;
    } else if (++header_count_ > limits.headers || parse_field(line) == ParseState::failed) {
      return 0;
    }
    begin += line.size() + 2;
  }
}

// Octets are judged in their order, line by line: the octet that breaks a limit or a rule decides, so that it
// does not matter in which pieces they came.
ParseState HeadParser::feed(std::string_view& data, const Limits& limits) {
  if (part_ == Part::failed) return ParseState::failed;
  if (used_ == 0 && part_ == Part::request_line && feed_whole(data, limits)) return ParseState::done;
  if (text_.capacity() < 16 && !data.empty()) text_.reserve(std::min<std::size_t>(data.size(), 2048));
  while (part_ != Part::done) {
    if (data.empty()) return ParseState::more;
    if (used_ >= limits.head) {
      return part_ == Part::request_line ? fail(414, "request line too long")
                                         : fail(431, "headers too large");
    }
    if (after_cr_) {
      if (data.front() != '\n') return fail(400, "CR without LF");
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
    if (part_ == Part::request_line && check_request_line_limits(limits) == ParseState::failed) {
      return ParseState::failed;
    }
    if (data.empty() || used_ >= limits.head) continue;
    if (data.front() != '\r') return fail(400, data.front() == '\n' ? "LF without CR" : "control character");
    after_cr_ = true;
    ++used_;
    data.remove_prefix(1);
  }
  return ParseState::done;
}

ParseState HeadParser::check_request_line_limits(const Limits& limits) noexcept {
  const std::string_view line(text_);
  const std::size_t method_end = std::min(line.find(' '), line.size());
  if (method_end > limits.method) return fail(400, "method too long");
  if (method_end == line.size()) return ParseState::more;
  const std::size_t target_end = std::min(line.find(' ', method_end + 1), line.size());
  if (target_end - (method_end + 1) > limits.target) return fail(414, "target too long");
  if (line.size() - target_end > 1 + std::strlen("HTTP/1.1")) return fail(400, "version too long");
  return ParseState::more;
}

ParseState HeadParser::end_line(const Limits& limits) {
  const std::string_view line = std::string_view(text_).substr(line_begin_);
  if (part_ == Part::request_line) {
    if (line.empty()) {  // one is allowed: old clients send it behind a body
      if (skipped_blank_line_) return fail(400, "blank lines before the request");
      skipped_blank_line_ = true;
      return ParseState::more;
    }
    if (parse_request_line(line) == ParseState::failed) return ParseState::failed;
    part_ = Part::headers;
  } else {
    if (line.empty()) {
      if (finish() == ParseState::done && is_absolute()) put_host_of_target();
      return part_ == Part::done ? ParseState::done : ParseState::failed;
    }
    if (++header_count_ > limits.headers) return fail(431, "too many headers");
    if (parse_field(line) == ParseState::failed) return ParseState::failed;
  }
  text_ += "\r\n";
  line_begin_ = static_cast<std::uint32_t>(text_.size());
  if (headers_begin_ == 0) headers_begin_ = line_begin_;
  return ParseState::more;
}

ParseState HeadParser::parse_request_line(std::string_view line) {
  std::size_t method_end = 0;
  while (method_end < line.size() && is_token_char(line[method_end])) ++method_end;
  if (method_end == 0 || method_end == line.size() || line[method_end] != ' ')
    return fail(400, line.find(' ') == line.npos ? "no target" : "bad method");
  const std::string_view rest = line.substr(method_end + 1);
  // A blank ends what may be in a target, and this is mostly the one behind it.
  const std::size_t path_end = runs::prefix<runs::TargetPath>(rest);
  const bool has_query = path_end < rest.size() && rest[path_end] == '?';
  const std::size_t clean =
      has_query ? path_end + runs::prefix<runs::Target>(rest.substr(path_end)) : path_end;
  const std::size_t size = clean < rest.size() && rest[clean] == ' ' ? clean : rest.find(' ');
  if (size == rest.npos) return fail(400, "no version");
  method_size_ = static_cast<std::uint32_t>(method_end);
  target_begin_ = path_begin_ = method_size_ + 1;
  target_end_ = target_begin_ + static_cast<std::uint32_t>(size);
  path_end_ = target_begin_ + static_cast<std::uint32_t>(path_end);
  if (parse_version(rest.substr(size + 1)) == ParseState::failed) return ParseState::failed;
  if (size == 0) return fail(400, "no target");
  if (clean != size) return fail(400, "bad character in the target");
  return parse_target(line.substr(0, method_end), rest.substr(0, size));
}

ParseState HeadParser::parse_version(std::string_view text) {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7])) {
    return fail(400, "bad version");
  }
  if (text[5] != '1') return fail(505, "version not supported");
  // A minor version above ours is served as ours: RFC 9110 section 2.5.
  version_ = text[7] == '0' ? Version::http10 : Version::http11;
  return ParseState::more;
}

ParseState HeadParser::parse_field(std::string_view line) {
  std::size_t colon = runs::prefix<runs::Word>(line);
  while (colon < line.size() && is_token_char(line[colon])) ++colon;
  // Also refuses folded lines (they start with a blank) and blanks before the colon: neither is a token.
  if (colon == 0 || colon == line.size() || line[colon] != ':') return fail(400, "bad header line");
  return note_field(line.substr(0, colon), trim(line.substr(colon + 1)));
}

bool HeadParser::keep_alive() const noexcept {
  if (says_close_) return false;
  return version_ == Version::http11 || says_keep_alive_;
}

std::string_view HeadParser::raw_path() const noexcept {
  if (path_end_ == path_begin_) return "/";
  return slice(path_begin_, path_end_ - path_begin_);
}

std::string_view HeadParser::raw_query() const noexcept {
  return path_end_ == target_end_ ? std::string_view() : slice(path_end_ + 1, target_end_ - path_end_ - 1);
}

}  // namespace verdin::protocol::http1
