// Template: a page with holes, as small as can be. {{name}} is replaced by the value, escaped for HTML;
// {{{name}}} by the value as it is; a name without a value leaves nothing. Nothing else is special.
//
// Parsed once, rendered often; immutable, so any thread may render. An unclosed "{{" is text. load() blocks
// on the file and throws std::system_error when it cannot be read.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace verdin::http {

struct TemplateValue {
  std::string_view name;
  std::string_view value;
};

class Template {
 public:
  Template() = default;
  explicit Template(std::string text);
  static Template load(const std::string& file_name);

  std::string render(std::span<const TemplateValue> values) const;
  std::string render(std::initializer_list<TemplateValue> values) const {
    return render(std::span(values.begin(), values.size()));
  }

 private:
  enum class Kind : unsigned char { text, escaped, raw };
  struct Part {
    std::size_t begin;
    std::size_t size;
    Kind kind;
  };

  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace verdin::http
