#include <algorithm>
#include <cstring>
#include <utility>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/multipart.hpp>

namespace verdin::protocol::http1 {

namespace {

constexpr std::size_t kLongestBoundary = 70;

bool is_boundary_char(char c) noexcept {
  return is_alpha(c) || is_digit(c) || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

/// Takes `; name=value` off the front of parameters; the value is a token, or quoted with `\"` and `\\`.
/// False at the end; `bad` if what is there is none.
bool next_parameter(std::string_view& rest, std::string_view& name, std::string& value, bool& bad) {
  rest = trim(rest);
  if (rest.empty()) return false;
  bad = true;
  if (rest[0] != ';') return false;
  rest = trim(rest.substr(1));
  if (rest.empty()) return bad = false;
  const std::size_t equals = rest.find('=');
  if (equals == rest.npos || !is_token(rest.substr(0, equals))) return false;
  name = rest.substr(0, equals);
  rest.remove_prefix(equals + 1);
  value.clear();
  if (rest.empty() || rest[0] != '"') {
    std::size_t end = 0;
    while (end < rest.size() && is_token_char(rest[end])) ++end;
    value = rest.substr(0, end);
    rest.remove_prefix(end);
    return !(bad = end == 0);
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    // Browsers write '"' as %22, and leave backslashes alone (those of old paths): only these two are
    // escapes.
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    value += rest[i];
  }
  if (i == rest.size()) return false;
  rest.remove_prefix(i + 1);
  bad = false;
  return true;
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  if (!equals_ignoring_case(trim(content_type.substr(0, end)), "multipart/form-data")) return std::nullopt;
  std::string_view rest = content_type.substr(end), name;
  std::string value;
  std::optional<std::string> boundary;
  bool bad = false;
  while (next_parameter(rest, name, value, bad)) {
    if (!equals_ignoring_case(name, "boundary")) continue;
    if (boundary) return std::nullopt;
    boundary = value;
  }
  if (bad || !boundary || boundary->empty() || boundary->size() > kLongestBoundary ||
      boundary->back() == ' ' || !std::all_of(boundary->begin(), boundary->end(), is_boundary_char)) {
    return std::nullopt;
  }
  return boundary;
}

// The first delimiter may lack the CRLF in front: as if that had come already.
MultipartParser::MultipartParser(std::string_view boundary, const MultipartLimits& limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits), matched_(2) {}

MultipartParser::Event MultipartParser::fail(int status, const char* reason) noexcept {
  state_ = State::failed;
  error_ = {status, reason};
  return Event::failed;
}

MultipartParser::Event MultipartParser::feed(std::string_view& data, std::string_view& piece) {
  piece = {};
  while (true) {
    switch (state_) {
      case State::failed:
        return Event::failed;
      case State::done:
        data = {};
        return Event::done;
      case State::preamble:
        // Nobody sends one; whoever did could hide a form in front of ours.
        for (; matched_ < delimiter_.size(); ++matched_) {
          if (data.empty()) return Event::more;
          if (data.front() != delimiter_[matched_])
            return fail(400, "no boundary at the start of a multipart body");
          data.remove_prefix(1);
        }
        state_ = State::behind_boundary;
        break;
      case State::behind_boundary:
        while (tail_.size() < 2) {
          if (data.empty()) return Event::more;
          tail_ += data.front();
          data.remove_prefix(1);
          if (tail_[0] != '-' && tail_[0] != '\r') return fail(400, "bad line behind a boundary");
        }
        if (tail_ == "--") {
          state_ = State::done;
          break;
        }
        if (tail_ != "\r\n") return fail(400, "bad line behind a boundary");
        if (++parts_ > limits_.parts) return fail(413, "too many parts");
        state_ = State::headers;
        head_.clear();
        name_.clear();
        file_name_.reset();
        content_type_ = "text/plain";
        has_disposition_ = false;
        break;
      case State::headers: {
        const Event event = feed_headers(data);
        if (event != Event::data) return event;
        break;
      }
      case State::body: {
        const Event event = feed_body(data, piece);
        if (event != Event::part) return event;
        break;
      }
    }
  }
}

// `data`: go on.
MultipartParser::Event MultipartParser::feed_headers(std::string_view& data) {
  while (!data.empty()) {
    if (head_.size() >= limits_.head) return fail(431, "headers of a part too large");
    const char c = data.front();
    const bool after_cr = !head_.empty() && head_.back() == '\r';
    if (after_cr != (c == '\n') || (c != '\r' && c != '\n' && !is_text_char(c)))
      return fail(400, "bad character in the headers of a part");
    head_ += c;
    data.remove_prefix(1);
    if (c == '\n' && (head_.size() == 2 || head_.ends_with("\r\n\r\n"))) return end_headers();
  }
  return Event::more;
}

MultipartParser::Event MultipartParser::end_headers() {
  std::string_view lines(head_);
  while (lines.size() > 2) {
    const std::size_t end = lines.find("\r\n");
    if (!parse_header(lines.substr(0, end))) return fail(400, "bad header of a part");
    lines.remove_prefix(end + 2);
  }
  if (!has_disposition_) return fail(400, "a part without a name");
  state_ = State::body;
  matched_ = 2;  // an empty part ends with the CRLF of its headers
  return Event::part;
}

bool MultipartParser::parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return false;
  const std::string_view header = line.substr(0, colon), value = trim(line.substr(colon + 1));
  if (equals_ignoring_case(header, "content-type")) content_type_ = value;
  if (equals_ignoring_case(header, "content-disposition")) return parse_disposition(value);
  // Not in forms any more (RFC 7578 section 4.7): what it would hide is refused.
  if (equals_ignoring_case(header, "content-transfer-encoding"))
    return equals_ignoring_case(value, "binary") || equals_ignoring_case(value, "8bit") ||
           equals_ignoring_case(value, "7bit");
  return true;
}

bool MultipartParser::parse_disposition(std::string_view value) {
  if (has_disposition_) return false;
  const std::size_t end = std::min(value.find(';'), value.size());
  if (!equals_ignoring_case(trim(value.substr(0, end)), "form-data")) return false;
  std::string_view rest = value.substr(end), parameter;
  std::string text;
  bool bad = false, has_name = false;
  while (next_parameter(rest, parameter, text, bad)) {
    if (equals_ignoring_case(parameter, "name")) {
      if (std::exchange(has_name, true)) return false;
      name_ = text;
    } else if (equals_ignoring_case(parameter, "filename")) {
      if (file_name_) return false;
      file_name_ = text;
    }
  }
  has_disposition_ = has_name && !bad;
  return has_disposition_;
}

// Octets before the first delimiter in `data`, or before what may be the beginning of one that is cut off.
// The delimiter begins with the only CR that it has: only the last CR can begin one that `data` does not end.
std::size_t MultipartParser::octets_before_delimiter(std::string_view data) const noexcept {
  if (const void* found = memmem(data.data(), data.size(), delimiter_.data(), delimiter_.size()))
    return static_cast<std::size_t>(static_cast<const char*>(found) - data.data());
  const std::size_t behind = data.size() - std::min(data.size(), delimiter_.size() - 1);
  const std::size_t last = data.substr(behind).rfind('\r');
  if (last == data.npos) return data.size();
  const std::string_view end = data.substr(behind + last);
  return std::string_view(delimiter_).starts_with(end) ? behind + last : data.size();
}

// `part`: a delimiter was read, go on. A run goes as far as it can, whatever is in it: who sends nothing but
// CRs is to cost no more than others. What matched in part across a cut and then does not is data as a whole.
MultipartParser::Event MultipartParser::feed_body(std::string_view& data, std::string_view& piece) {
  if (matched_ == 0 && !data.empty()) {
    const std::size_t size = octets_before_delimiter(data);
    if (size > 0) {
      piece = data.substr(0, size);
      data.remove_prefix(size);
      return Event::data;
    }
  }
  while (matched_ < delimiter_.size()) {
    if (data.empty()) return Event::more;
    if (data.front() != delimiter_[matched_]) {
      const bool of_headers = !head_.empty();  // the CRLF that an empty part would have begun with
      kept_.assign(delimiter_, of_headers ? 2 : 0, of_headers ? matched_ - 2 : matched_);
      head_.clear();
      matched_ = 0;
      if (kept_.empty()) return feed_body(data, piece);
      piece = kept_;
      return Event::data;
    }
    ++matched_;
    data.remove_prefix(1);
  }
  matched_ = 0;
  head_.clear();
  tail_.clear();
  state_ = State::behind_boundary;
  return Event::part;
}

}  // namespace verdin::protocol::http1
