// HtmlContext: where in an HTML text one is. Internal.
//
// A tokenizer as in the HTML standard, section 13.2.5, without its corrections of what is malformed: it is
// fed with what a template's author wrote, and says which holes are safe there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/html_context_url.hpp"

namespace verdin::http {

class HtmlContext {
 public:
  /// `url`: all of it, or its beginning. `url_path`: behind that; `url_part`: behind "?" or "#" as well.
  enum class Hole : std::uint8_t { text, attribute, url, url_path, url_part, refused };

  /// False: the author's text cannot be followed; problem() says why. Stops behind the octet it is about.
  bool feed(char c);
  /// What a value is here. If it is not refused, the context goes on behind the value.
  Hole hole(bool raw);
  /// A section begins here. False if it cannot.
  bool begin_section();
  /// One that began at `begin` ends here, and was there any number of times. False if it must not.
  bool end_section(const HtmlContext& begin);
  /// In text, so that a template may end here.
  bool at_rest() const noexcept { return state_ == State::text; }
  /// Text that comes next may turn a URL of a path into one of another host.
  bool may_join() const noexcept { return state_ == State::value && is_url_ && url_.may_join(); }
  const char* problem() const noexcept { return problem_; }

 private:
  enum class State : std::uint8_t {
    text,
    tag_open,      // behind "<"
    end_tag_open,  // behind "</"
    tag_name,
    gap_wanted,  // behind a value: only a space, "/" or ">" may come
    gap,         // between attributes
    attribute_name,
    behind_attribute_name,
    before_value,
    value,       // quoted
    bare_value,  // not quoted
    markup,      // behind "<!"
    comment,
    declaration,  // "<!doctype ...": up to the ">"
    raw_text,     // of <script>, <style>, ...
    escapable,    // of <title>, <textarea>
  };

  bool fail(const char* why) noexcept {
    problem_ = why;
    return false;
  }
  bool same_place(const HtmlContext& other) const noexcept;
  void open_tag(bool closing);
  bool in_tag(char c);
  bool end_tag();
  void begin_value(char quote);
  bool in_raw_text(char c);
  void in_comment(char c);
  Hole hole_in_value() const;

  State state_ = State::text;
  bool closing_ = false;     // the tag
  bool slash_ = false;       // is the last octet of the tag
  char quote_ = 0;           // of the value
  std::string element_{};    // of the tag, or whose raw text it is; lower case
  std::string attribute_{};  // lower case
  bool is_url_ = false;      // the value
  UrlContext url_{};
  bool goes_on_ = false;     // in gap_wanted: a name stands last, and a letter would become part of it
  std::size_t opened_ = 0;   // tags and values so far
  std::size_t comment_ = 0;  // octets of "<!--" in a raw text
  std::size_t matched_ = 0;  // octets of the end tag of a raw text; dashes of a comment
  const char* problem_ = "";
};

/// Whether a value may be a whole URL.
bool is_safe_url(std::string_view value) noexcept;

}  // namespace verdin::http
