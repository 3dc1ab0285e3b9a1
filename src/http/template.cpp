#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include <verdin/http/template.hpp>
#include <verdin/protocol/http1/chars.hpp>

#include "http/html_context.hpp"

namespace verdin::http {

namespace http1 = protocol::http1;

namespace {

constexpr std::size_t kDeepest = 32;

bool is_name_octet(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// "a", "a.b", "."
bool is_name(std::string_view text) noexcept {
  if (text == ".") return true;
  bool segment = false;
  for (const char c : text) {
    if (c == '.' ? !segment : !is_name_octet(c)) return false;
    segment = c != '.';
  }
  return segment;
}

}  // namespace

TemplateError::TemplateError(const std::string& where, std::size_t on_line, std::size_t at_column,
                             const std::string& why)
    : std::runtime_error((where.empty() ? where : where + ":") + std::to_string(on_line) + ":" +
                         std::to_string(at_column) + ": " + why),
      line(on_line),
      column(at_column) {}

/// Takes a template apart.
class TemplateReader {
 public:
  TemplateReader(Template& page, const std::string& file_name)
      : page_(page), text_(page.text_), file_name_(file_name) {}

  void read() {
    std::size_t at = 0;
    while (at < text_.size()) {
      const std::size_t open = std::min(text_.find("{{", at), text_.size());
      literal(at, open);
      at = open < text_.size() ? tag(open) : open;
    }
    if (!open_.empty()) {
      fail(page_.parts_[open_.back().part].begin, "the section \"" + name_of(open_.back()) + "\" has no end");
    }
    if (!context_.at_rest()) fail(text_.size(), "the template ends within a tag, a script or a comment");
  }

 private:
  using Kind = Template::Kind;
  struct Open {
    std::size_t part;
    HtmlContext begin;
  };

  [[noreturn]] void fail(std::size_t at, const std::string& why) const {
    const std::string_view before = text_.substr(0, at);
    const auto line = static_cast<std::size_t>(std::ranges::count(before, '\n'));
    const std::size_t newline = before.rfind('\n');
    throw TemplateError(file_name_, line + 1, newline == before.npos ? at + 1 : at - newline, why);
  }

  std::string name_of(const Open& open) const {
    const Template::Part& part = page_.parts_[open.part];
    return std::string(text_.substr(part.begin, part.size));
  }

  void literal(std::size_t begin, std::size_t end) {
    const Kind kind = context_.may_join() ? Kind::url_text : Kind::text;
    for (std::size_t i = begin; i < end; ++i) {
      if (!context_.feed(text_[i])) fail(i, context_.problem());
    }
    if (end > begin) page_.parts_.push_back({begin, end - begin, 0, kind});
  }

  /// Returns where it ends.
  std::size_t tag(std::size_t open) {
    const bool raw = text_.substr(open, 3) == "{{{";
    const std::string_view closing = raw ? "}}}" : "}}";
    const std::size_t begin = open + closing.size();
    const std::size_t close = text_.find(closing, begin);
    if (close == text_.npos) fail(open, "\"{{\" without \"}}\"");
    const char sigil = raw ? '{' : text_[begin];
    if (sigil != '!') {
      const bool has_sigil = sigil == '#' || sigil == '^' || sigil == '/';
      const std::size_t from = begin + (has_sigil ? 1 : 0);
      const std::string_view name = http1::trim(text_.substr(from, close - from));
      if (!is_name(name)) fail(open, "a name has letters, digits, \"_\" and \"-\"");
      if (has_sigil) {
        section(sigil, name, open);
      } else {
        hole(raw, name, open);
      }
    }
    return close + closing.size();
  }

  void add(Kind kind, std::string_view name) {
    page_.parts_.push_back({static_cast<std::size_t>(name.data() - text_.data()), name.size(), 0, kind});
  }

  void hole(bool raw, std::string_view name, std::size_t at) {
    switch (context_.hole(raw)) {
      case HtmlContext::Hole::refused:
        fail(at, context_.problem());
      case HtmlContext::Hole::url:
        return add(Kind::url, name);
      case HtmlContext::Hole::url_path:
        return add(Kind::url_path, name);
      case HtmlContext::Hole::url_part:
        return add(Kind::url_part, name);
      default:
        return add(raw ? Kind::raw : Kind::escaped, name);
    }
  }

  void section(char sigil, std::string_view name, std::size_t at) {
    if (sigil != '/') {
      if (open_.size() == kDeepest) fail(at, "sections lie too deep in each other");
      if (!context_.begin_section()) fail(at, context_.problem());
      open_.push_back({page_.parts_.size(), context_});
      return add(sigil == '#' ? Kind::section : Kind::inverted, name);
    }
    if (open_.empty()) fail(at, "the end of no section");
    if (name_of(open_.back()) != name) {
      fail(at, "this section is called \"" + name_of(open_.back()) + "\"");
    }
    if (!context_.end_section(open_.back().begin)) fail(at, context_.problem());
    page_.parts_[open_.back().part].end = page_.parts_.size();
    open_.pop_back();
    add(Kind::end, name);
  }

  Template& page_;
  const std::string_view text_;
  const std::string& file_name_;
  HtmlContext context_{};
  std::vector<Open> open_{};
};

Template::Template(std::string text, const std::string& file_name) : text_(std::move(text)) {
  TemplateReader(*this, file_name).read();
}

Template Template::load(const std::string& file_name) {
  std::ifstream file(file_name, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), file_name);
  return Template(std::string(std::istreambuf_iterator<char>(file), {}), file_name);
}

}  // namespace verdin::http
