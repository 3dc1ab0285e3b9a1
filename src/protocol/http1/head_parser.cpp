#include <algorithm>
#include <cstring>

#include <verdin/base/spare.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/head_parser.hpp>

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
  const std::size_t end = data.substr(0, limits.head).find("\r\n\r\n");
  if (end == data.npos) return false;
  if (text_.capacity() < end + 2) Spare<std::string>::take(text_);
  text_.assign(data.data(), end + 2);
  if (!take_whole_lines(limits)) {
    *this = HeadParser();
    return false;
  }
  used_ = static_cast<std::uint32_t>(end + 4);
  data.remove_prefix(used_);
  return true;
}

bool HeadParser::take_whole_lines(const Limits& limits) {
  const std::string_view text(text_);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::string_view rest = text.substr(begin);
    const std::string_view line = rest.substr(0, text_prefix(rest));
    if (rest.substr(line.size(), 2) != "\r\n") return false;
    if (begin == 0) {
      if (line.empty() || parse_request_line(line) == ParseState::failed) return false;
      if (method_size_ > limits.method || target_end_ - target_begin_ > limits.target) return false;
    } else if (++header_count_ > limits.headers || parse_field(line) == ParseState::failed) {
      return false;
    }
    begin += line.size() + 2;
    if (headers_begin_ == 0) headers_begin_ = static_cast<std::uint32_t>(begin);
  }
  return finish() == ParseState::done;
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
    if (line.empty()) return finish();
    if (++header_count_ > limits.headers) return fail(431, "too many headers");
    if (parse_field(line) == ParseState::failed) return ParseState::failed;
  }
  text_ += "\r\n";
  line_begin_ = static_cast<std::uint32_t>(text_.size());
  if (headers_begin_ == 0) headers_begin_ = line_begin_;
  return ParseState::more;
}

ParseState HeadParser::parse_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  if (method_end == line.npos) return fail(400, "no target");
  if (!is_token(line.substr(0, method_end))) return fail(400, "bad method");
  method_size_ = static_cast<std::uint32_t>(method_end);
  const std::size_t target_end = line.find(' ', method_end + 1);
  if (target_end == line.npos) return fail(400, "no version");
  target_begin_ = path_begin_ = static_cast<std::uint32_t>(method_end + 1);
  target_end_ = static_cast<std::uint32_t>(target_end);
  if (parse_version(line.substr(target_end + 1)) == ParseState::failed) return ParseState::failed;
  return parse_target(target());
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
  std::size_t colon = 0;
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
  const std::string_view rest = slice(path_begin_, target_end_ - path_begin_);
  const std::string_view path = rest.substr(0, rest.find('?'));
  return path.empty() ? std::string_view("/") : path;
}

std::string_view HeadParser::raw_query() const noexcept {
  const std::string_view rest = slice(path_begin_, target_end_ - path_begin_);
  const std::size_t mark = rest.find('?');
  return mark == rest.npos ? std::string_view() : rest.substr(mark + 1);
}

}  // namespace verdin::protocol::http1
