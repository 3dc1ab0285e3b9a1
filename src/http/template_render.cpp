#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include <verdin/http/template.hpp>
#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/uri.hpp>

#include "http/html_context.hpp"

namespace verdin::http {

namespace http1 = protocol::http1;

namespace {

constexpr std::size_t kMostOctets = 64 * 1024 * 1024;
constexpr std::size_t kMostSteps = 4'000'000;
constexpr std::size_t kOctetsAtOnce = 64 * 1024;  // what is escaped becomes up to six times as long
constexpr std::size_t kLooksInStep = 16;

/// What a name stands for: of a tree, or of a list without one.
struct TemplateFound {
  const json::Value* value = nullptr;
  std::optional<std::string_view> text{};

  bool is_there() const noexcept {
    if (text) return !text->empty();
    if (!value || value->is_null()) return false;
    if (const auto truth = value->as_bool()) return *truth;
    if (const std::string* string = value->as_string()) return !string->empty();
    const json::Value::Array* array = value->as_array();
    return !array || !array->empty();
  }
};

}  // namespace

/// One rendering.
class TemplateRun {
 public:
  TemplateRun(const Template& page, const json::Value* data, std::span<const TemplateValue> values)
      : page_(page), text_(page.text_), values_(values), root_(data) {
    to_.reserve(text_.size() + text_.size() / 4);
  }

  std::string run() {
    render(0, page_.parts_.size(), {root_, nullptr});
    return std::move(to_);
  }

 private:
  using Kind = Template::Kind;

  /// What a section is at, and what is around it.
  struct Scope {
    const json::Value* value;
    const Scope* outer;
  };

  /// An empty section of an array in an array ... makes no page, and takes its time.
  void count(std::size_t steps = 1) {
    steps_ += steps;
    if (steps_ > kMostSteps) throw_too_long();
  }

  [[noreturn]] static void throw_too_long() {
    throw std::length_error("verdin: a template's page is too long");
  }

  void append(std::string_view text) {
    if (text.size() > kMostOctets - to_.size()) throw_too_long();
    to_ += text;
  }

  /// Piece by piece, so that what is too long is not made first.
  template <typename Escape>
  void append_escaped(std::string_view value, Escape escape) {
    for (; !value.empty(); value.remove_prefix(std::min(value.size(), kOctetsAtOnce))) {
      escape(to_, value.substr(0, kOctetsAtOnce));
      if (to_.size() > kMostOctets) throw_too_long();
    }
  }

  /// As deep as the template's sections: 32 at most.
  void render(std::size_t from, std::size_t to, const Scope& scope) {
    for (std::size_t i = from; i < to; ++i) {
      const Template::Part& part = page_.parts_[i];
      const std::string_view text = text_.substr(part.begin, part.size);
      count();
      if (part.kind == Kind::text) {
        append(text);
        continue;
      }
      if (part.kind == Kind::url_text) {
        url_text(text);
        continue;
      }
      const TemplateFound found = find(text, scope);
      if (part.kind != Kind::section && part.kind != Kind::inverted) {
        hole(part.kind, found);
        continue;
      }
      if ((part.kind == Kind::section) == found.is_there()) section(i, part, found, scope);
      i = part.end;
    }
  }

  void section(std::size_t i, const Template::Part& part, const TemplateFound& found, const Scope& scope) {
    if (part.kind == Kind::inverted || !found.value) return render(i + 1, part.end, scope);
    const json::Value::Array* const array = found.value->as_array();
    if (!array) return render(i + 1, part.end, {found.value, &scope});
    for (const json::Value& element : *array) {
      count();
      render(i + 1, part.end, {&element, &scope});
    }
  }

  /// Objects are searched through.
  const json::Value* member(const json::Value& of, std::string_view name) {
    if (!of.as_object()) return nullptr;
    count(of.size() / kLooksInStep);
    return of.find(name);
  }

  TemplateFound find(std::string_view name, const Scope& scope) {
    if (name == ".") return {scope.value};
    const std::string_view first = name.substr(0, name.find('.'));
    for (const Scope* at = &scope; at; at = at->outer) {
      const json::Value* value = at->value ? member(*at->value, first) : nullptr;
      if (!value) continue;
      for (std::string_view rest = name.substr(first.size()); value && !rest.empty();) {
        rest.remove_prefix(1);
        const std::string_view next = rest.substr(0, rest.find('.'));
        value = member(*value, next);
        rest.remove_prefix(next.size());
      }
      return {value};
    }
    count(values_.size() / kLooksInStep);
    for (const TemplateValue& value : values_) {
      if (value.name == name) return {nullptr, value.value};
    }
    return {};
  }

  void hole(Kind kind, const TemplateFound& found) {
    if (found.text) return write(kind, *found.text);
    if (!found.value) return;
    if (const std::string* string = found.value->as_string()) return write(kind, *string);
    switch (found.value->kind()) {
      case json::Kind::null:
      case json::Kind::array:
      case json::Kind::object:
      case json::Kind::binary:
        return;
      default:
        return write(kind, found.value->to_text());
    }
  }

  void write(Kind kind, std::string_view value) {
    switch (kind) {
      case Kind::raw:
        return append(value);
      case Kind::url:
        // In a section it may stand behind another one, and must not make a host of that one's "/".
        if (written() != Written::nothing) return write(Kind::url_path, value);
        return write(Kind::escaped, is_safe_url(value) ? value : "#");
      case Kind::url_path:
        if (value == "." || value == "..") return;  // percent-encoded they would be the same to a browser
        [[fallthrough]];
      case Kind::url_part:
        return append_escaped(
            value, [](std::string& to, std::string_view some) { to += http1::percent_encode(some); });
      case Kind::escaped:
        return append_escaped(value, http1::append_html_escaped);
      default:
        break;
    }
  }

  enum class Written : std::uint8_t { nothing, slash, more };

  static bool is_slash(char c) noexcept { return c == '/' || c == '\\'; }
  /// Browsers leave it out of a URL's beginning.
  static bool is_skipped(char c) noexcept { return static_cast<unsigned char>(c) <= 0x20; }

  /// What of the URL is there. No value contains a quote, so the last one opened the attribute (or the author
  /// wrote it into the URL, and a "." too much is no harm).
  Written written() {
    std::size_t at = to_.size();
    const auto skip = [this, &at] {
      while (at > 0 && is_skipped(to_[at - 1])) --at;
      return at == 0 || to_[at - 1] == '"' || to_[at - 1] == '\'';
    };
    bool empty = skip();
    Written found = empty ? Written::nothing : Written::more;
    if (!empty && is_slash(to_[at - 1])) {
      --at;
      empty = skip();
      if (empty) found = Written::slash;
    }
    count((to_.size() - at) / kLooksInStep);
    return found;
  }

  /// "/" and "/" are "/./": a value between them was empty, and what follows is no host.
  void url_text(std::string_view text) {
    const auto first = std::ranges::find_if_not(text, is_skipped);
    if (first != text.end() && is_slash(*first) && written() == Written::slash) append(".");
    append(text);
  }

  const Template& page_;
  const std::string_view text_;
  const std::span<const TemplateValue> values_;
  const json::Value* const root_;
  std::string to_{};
  std::size_t steps_ = 0;
};

std::string Template::render_tree(const json::Value& data) const {
  return TemplateRun(*this, &data, {}).run();
}

std::string Template::render(std::span<const TemplateValue> values) const {
  return TemplateRun(*this, nullptr, values).run();
}

}  // namespace verdin::http
