#include "http/html_context.hpp"

#include <algorithm>
#include <array>

#include <verdin/protocol/http1/chars.hpp>

namespace verdin::http {

namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) noexcept {
  return std::ranges::find(names, name) != names.end();
}

constexpr std::array<std::string_view, 7> kRawTexts{"script",  "style",    "xmp",      "iframe",
                                                    "noembed", "noframes", "plaintext"};
constexpr std::array<std::string_view, 2> kEscapable{"title", "textarea"};
constexpr std::array<std::string_view, 12> kUrls{"href",       "src",        "action",   "formaction",
                                                 "xlink:href", "poster",     "cite",     "data",
                                                 "ping",       "background", "manifest", "codebase"};
// What their URLs lead to runs as the page, or says how it looks.
constexpr std::array<std::string_view, 7> kRun{"script", "iframe", "frame", "object",
                                               "embed",  "base",   "link"};
// They write into attributes of others.
constexpr std::array<std::string_view, 4> kAnimations{"animate", "set", "animatemotion", "animatetransform"};
constexpr std::string_view kScriptComment = "<!--";

constexpr std::size_t kLongestName = 64;  // none of those above is longer

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }

void append(std::string& name, char c) {
  if (name.size() < kLongestName) name += lower(c);
}

}  // namespace

bool is_safe_url(std::string_view value) noexcept {
  const std::size_t end = value.find_first_of(":/?#\\");
  if (end == value.npos || value[end] != ':') return true;
  return is_safe_scheme(value.substr(0, end));
}

bool HtmlContext::feed(char c) {
  switch (state_) {
    case State::text:
      if (c == '<') state_ = State::tag_open;
      return true;
    case State::tag_open:
      if (c == '/') {
        state_ = State::end_tag_open;
      } else if (c == '!') {
        state_ = State::markup;
        matched_ = 0;
      } else if (is_letter(c)) {
        open_tag(false);
        append(element_, c);
      } else if (c == '?') {
        return fail("\"<?\" is not HTML");
      } else if (c != '<') {
        state_ = State::text;
      }
      return true;
    case State::end_tag_open:
      if (!is_letter(c)) return fail("\"</\" without a name");
      open_tag(true);
      append(element_, c);
      return true;
    case State::markup:
    case State::comment:
      in_comment(c);
      return true;
    case State::declaration:
      if (c == '>') state_ = State::text;
      return true;
    case State::raw_text:
    case State::escapable:
      return in_raw_text(c);
    default:
      return in_tag(c);
  }
}

void HtmlContext::open_tag(bool closing) {
  state_ = State::tag_name;
  ++opened_;
  closing_ = closing;
  slash_ = false;
  element_.clear();
  attribute_.clear();
}

bool HtmlContext::in_tag(char c) {
  if (state_ == State::value) {
    if (c == quote_) {
      if (const char* const why = is_url_ ? url_.end() : nullptr) return fail(why);
      state_ = State::gap_wanted;
      goes_on_ = false;
    } else if (is_url_) {
      if (const char* const why = url_.feed(c)) return fail(why);
    }
    return true;
  }
  if (c == '>') {
    if (state_ == State::before_value) return fail("an attribute without its value");
    return end_tag();
  }
  slash_ = c == '/';
  if (is_html_space(c)) {
    if (state_ == State::attribute_name) {
      state_ = State::behind_attribute_name;
    } else if (state_ != State::before_value && state_ != State::behind_attribute_name) {
      state_ = State::gap;
    }
    return true;
  }
  if (state_ == State::bare_value) {
    if (c == '"' || c == '\'' || c == '<' || c == '=' || c == '`') return fail("quote the attribute's value");
    return true;
  }
  if (state_ == State::before_value) {
    begin_value(c);
    return true;
  }
  if (c == '<' || c == '"' || c == '\'') return fail("a tag that is not closed, or a stray quote");
  if (c == '/') {
    state_ = State::gap;
    return true;
  }
  if (c == '=') {
    if (state_ != State::attribute_name && state_ != State::behind_attribute_name) {
      return fail("\"=\" without an attribute");
    }
    state_ = State::before_value;
    return true;
  }
  if (state_ == State::gap_wanted) return fail("a space is missing before the attribute");
  if (state_ == State::tag_name) {
    append(element_, c);
    return true;
  }
  if (state_ != State::attribute_name) attribute_.clear();
  state_ = State::attribute_name;
  append(attribute_, c);
  return true;
}

bool HtmlContext::end_tag() {
  matched_ = comment_ = 0;
  state_ = State::text;
  if (closing_) return true;
  if (is_one_of(element_, kRawTexts)) {
    state_ = State::raw_text;
  } else if (is_one_of(element_, kEscapable)) {
    state_ = State::escapable;
  } else {
    return true;
  }
  return !slash_ || fail("this element does not end by \"/>\"");
}

void HtmlContext::begin_value(char quote) {
  quote_ = quote;
  state_ = quote == '"' || quote == '\'' ? State::value : State::bare_value;
  ++opened_;
  is_url_ = is_one_of(attribute_, kUrls);
  url_ = {};
}

bool HtmlContext::in_raw_text(char c) {
  if (element_ == "plaintext") return true;
  // Behind it a "<script>" takes the next "</script>" for itself.
  comment_ = c == kScriptComment[comment_] ? comment_ + 1 : c == '<' ? 1 : 0;
  if (comment_ == kScriptComment.size()) {
    comment_ = 0;
    if (element_ == "script") return fail("\"<!--\" in a script");
  }
  const std::size_t whole = element_.size() + 2;
  if (matched_ == whole && (is_html_space(c) || c == '/' || c == '>')) {
    closing_ = true;
    attribute_.clear();
    state_ = State::gap;
    return c != '>' || end_tag();
  }
  const char wanted = matched_ == 0      ? '<'
                      : matched_ == 1    ? '/'
                      : matched_ < whole ? element_[matched_ - 2]
                                         : '\0';
  if (lower(c) == wanted) {
    ++matched_;
  } else {
    matched_ = c == '<' ? 1 : 0;
  }
  return true;
}

/// "<!" and "<!-": `markup`. In a comment `matched_` is how many dashes stand last ("--!" counts as well).
void HtmlContext::in_comment(char c) {
  if (state_ == State::markup) {
    if (c == '-') {
      if (++matched_ == 2) state_ = State::comment;
    } else {
      state_ = c == '>' ? State::text : State::declaration;
    }
  } else if (c == '>' && matched_ >= 2) {
    state_ = State::text;
  } else if (c == '-') {
    ++matched_;
  } else if (c != '!') {
    matched_ = 0;
  }
}

HtmlContext::Hole HtmlContext::hole_in_value() const {
  if (attribute_.starts_with("on") || attribute_ == "style" || attribute_ == "srcdoc") return Hole::refused;
  if (is_one_of(element_, kAnimations)) return Hole::refused;
  if (!is_url_) return Hole::attribute;
  if (url_.is_bad() || url_.in_reference() || url_.in_escape()) return Hole::refused;
  if (is_one_of(element_, kRun) && !url_.has_host()) return Hole::refused;
  if (url_.is_empty()) return Hole::url;
  return url_.in_query() ? Hole::url_part : Hole::url_path;
}

HtmlContext::Hole HtmlContext::hole(bool raw) {
  problem_ = "";
  switch (state_) {
    case State::text:
      return Hole::text;
    case State::escapable:
      if (matched_ == 0 && !raw) return Hole::text;
      break;
    case State::value: {
      if (raw) {
        problem_ = "{{{...}}} in an attribute";
        return Hole::refused;
      }
      const Hole found = hole_in_value();
      if (found == Hole::refused) {
        problem_ = is_url_ && url_.in_reference() ? "a value in a character reference"
                   : is_url_ && url_.in_escape()  ? "a value in a percent-escape"
                   : is_url_ ? "no value is safe here: begin the URL by a directory or a host, and its \"/\""
                             : "no value is safe in this attribute";
      } else if (is_url_) {
        url_.hole();
      }
      return found;
    }
    case State::before_value:
    case State::bare_value:
      problem_ = "quote the attribute's value";
      return Hole::refused;
    case State::raw_text:
      problem_ = "no value is safe in a script or a style: use a data- attribute";
      return Hole::refused;
    case State::comment:
      problem_ = "no value is safe in a comment: use {{! ...}}";
      return Hole::refused;
    default:
      break;
  }
  problem_ = raw ? "{{{...}}} outside of text" : "no value is safe within a tag, but in a quoted attribute";
  return Hole::refused;
}

bool HtmlContext::begin_section() {
  switch (state_) {
    case State::value:
      if (!is_url_) return true;
      if (url_.in_reference()) return fail("a section in a character reference");
      if (url_.in_escape()) return fail("a section in a percent-escape");
      url_.begin_section();
      return true;
    case State::text:
      return true;
    case State::escapable:
      return matched_ == 0 || fail("a section within an end tag");
    case State::tag_name:
    case State::attribute_name:
    case State::gap_wanted:
      if (closing_) break;
      if (state_ != State::gap_wanted) goes_on_ = true;
      state_ = State::gap_wanted;
      return true;
    case State::gap:
    case State::behind_attribute_name:
      if (closing_) break;
      state_ = State::gap;
      return true;
    default:
      break;
  }
  return fail("a section cannot begin or end here");
}

bool HtmlContext::end_section(const HtmlContext& begin) {
  if (!begin_section()) return false;
  if (!same_place(begin)) return fail("a section must end in the place where it began");
  if (state_ == State::value && is_url_) {
    if (const char* const why = url_.end_section(begin.url_)) return fail(why);
  }
  if (begin.state_ == State::gap_wanted) {
    goes_on_ = goes_on_ || begin.goes_on_;
    state_ = State::gap_wanted;
  }
  return true;
}

bool HtmlContext::same_place(const HtmlContext& other) const noexcept {
  const auto is_gap = [](State state) { return state == State::gap || state == State::gap_wanted; };
  if (is_gap(state_) && is_gap(other.state_)) {
    // The next round's first name would be the end of this one's last.
    const bool joins = state_ == State::gap_wanted && goes_on_ && other.state_ == State::gap;
    return element_ == other.element_ && (!joins || opened_ == other.opened_);
  }
  if (state_ != other.state_) return false;
  if (state_ == State::value) {
    return opened_ == other.opened_;  // not in another that looks the same
  }
  return state_ == State::text || element_ == other.element_;
}

}  // namespace verdin::http
