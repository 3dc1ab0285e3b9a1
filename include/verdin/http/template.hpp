// Template: a page with holes, in the smallest useful part of Mustache.
//
//   const http::Template page("<ul>{{#notes}}<li><a href=\"/n/{{id}}\">{{text}}</a>{{/notes}}</ul>");
//   r.render(page, json::Value::object({{"notes", notes}}));
//
// - {{name}} is the value, escaped as its place needs it (see below); {{{name}}} the value as it is, which is
//   refused everywhere but in the text of an element; {{! anything}} is not sent.
// - {{#name}}...{{/name}}: once for each element of an array; once if the value is anything else but null,
//   false, "", an empty array or missing. {{^name}}...{{/name}}: once if {{#name}} would be nothing.
// - A name is letters, digits, "_" and "-". It is looked for in the element that the innermost section is at,
//   then outwards. "a.b" is the member b of what a is; "." the element itself. What is missing, null, an
//   array, an object or binary leaves nothing; numbers are as in JSON. Partials and other delimiters there
//   are none.
//
// The template is read as HTML when it is made, and each hole by its place:
//
// - in text, <title>, <textarea> and quoted attributes: & < > " ' become references;
// - at the beginning of href, src, action, ...: a URL; what has another scheme than http, https, mailto or
//   tel becomes "#". Behind something (href="/rooms/{{slug}}") all but A-Z a-z 0-9 - . _ ~ is
//   percent-encoded, and "." and ".." are left out of a path. Where "/" and a value that is empty would make
//   "//", and what follows a host, a "." is put between. Character references that stand for what decides
//   where a URL leads (&colon; &#47; &Tab; ...), and values within one or within a percent-escape
//   ("%2{{x}}"), are refused before its "?" or "#";
// - in URLs of what is run (<script src>, <link href>, <iframe src>, ...): the same behind what says where it
//   comes from: "/static/{{x}}", "/app-{{x}}", "https://host/{{x}}", "?{{x}}"; refused before that;
// - in scripts, styles, comments, event handlers, style and srcdoc attributes, unquoted values, names of tags
//   and of attributes: refused, as nothing would be safe there. Data for a script goes into a data-
//   attribute.
//
// A section must end in the place where it began (in the same value of the same attribute, if it was one),
// and must be safe any number of times; a value must not be the scheme of a URL. The template must end in
// text.
// "<!--" in a script is refused.
//
// Parsed once, rendered often; immutable, so any thread may render. Construction throws TemplateError for
// what is malformed or refused; sections lie in each other 32 deep at most. render() throws std::length_error
// for a page above 64 MiB, or one of more than 4 million pieces (16 members that a
// name is compared with are one more). load() blocks on the file and throws
// std::system_error when it cannot be read.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/protocol/json/value.hpp>

namespace verdin::http {

/// `what()` begins with the line and the column, behind the file's name if there is one.
struct TemplateError : std::runtime_error {
  TemplateError(const std::string& where, std::size_t on_line, std::size_t at_column, const std::string& why);
  std::size_t line;    ///< from 1
  std::size_t column;  ///< from 1, in octets
};

/// For pages without lists: what a name stands for. A section of it is there unless it is empty.
struct TemplateValue {
  std::string_view name;
  std::string_view value;
};

class Template {
 public:
  Template() = default;
  explicit Template(std::string text) : Template(std::move(text), {}) {}
  static Template load(const std::string& file_name);

  /// `data` is an object. A template so that braces are never taken for a Value.
  template <std::same_as<json::Value> T>
  std::string render(const T& data) const {
    return render_tree(data);
  }
  std::string render(std::span<const TemplateValue> values) const;
  std::string render(std::initializer_list<TemplateValue> values) const {
    return render(std::span(values.begin(), values.size()));
  }

 private:
  friend class TemplateReader;
  friend class TemplateRun;
  enum class Kind : std::uint8_t {
    text,
    url_text,  // within a URL that may still become one of another host
    escaped,
    raw,
    url,
    url_path,
    url_part,
    section,
    inverted,
    end,
  };
  struct Part {
    std::size_t begin;  // of the text, or of the name
    std::size_t size;
    std::size_t end;  // of a section: the index of its end
    Kind kind;
  };

  Template(std::string text, const std::string& file_name);
  std::string render_tree(const json::Value& data) const;

  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace verdin::http
