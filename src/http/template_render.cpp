#include <array>
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
  void count() {
    if (++steps_ > kMostSteps || to_.size() > kMostOctets) {
      throw std::length_error("verdin: a template's page is too long");
    }
  }

  /// As deep as the template's sections: 32 at most.
  void render(std::size_t from, std::size_t to, const Scope& scope) {
    for (std::size_t i = from; i < to; ++i) {
      const Template::Part& part = page_.parts_[i];
      const std::string_view text = text_.substr(part.begin, part.size);
      count();
      if (part.kind == Kind::text) {
        to_ += text;
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

  TemplateFound find(std::string_view name, const Scope& scope) const {
    if (name == ".") return {scope.value};
    const std::string_view first = name.substr(0, name.find('.'));
    for (const Scope* at = &scope; at; at = at->outer) {
      const json::Value* value = at->value ? at->value->find(first) : nullptr;
      if (!value) continue;
      for (std::string_view rest = name.substr(first.size()); value && !rest.empty();) {
        rest.remove_prefix(1);
        const std::string_view member = rest.substr(0, rest.find('.'));
        value = value->find(member);
        rest.remove_prefix(member.size());
      }
      return {value};
    }
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
        to_ += value;
        break;
      case Kind::url:
        http1::append_html_escaped(to_, is_safe_url(value) ? value : "#");
        break;
      case Kind::url_part:
        to_ += http1::percent_encode(value);
        break;
      case Kind::escaped:
        http1::append_html_escaped(to_, value);
        break;
      default:
        break;
    }
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
