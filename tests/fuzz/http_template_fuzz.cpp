// A template of anything: it is refused or rendered, and what values say never makes a tag, leaves an
// attribute or is run.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <verdin/http/template.hpp>

namespace {

using verdin::http::Template;
using verdin::json::Value;

void require(bool holds) {
  if (!holds) std::abort();
}

Value data(const char* value) {
  const Value inner = Value::object({{"x", value}, {"b", Value::object({{"x", value}})}});
  return Value::object(
      {{"x", value}, {"y", value}, {"a", Value::array({inner, value, value})}, {"b", inner}});
}

/// What gives a page its shape.
std::string shape(std::string_view page) {
  std::string only;
  for (const char c : page) {
    if (c == '<' || c == '>' || c == '"' || c == '\'') only += c;
  }
  return only;
}

bool is_template(const std::string& text) {
  try {
    const Template page(text);
    return true;
  } catch (const verdin::http::TemplateError&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(bytes), size);
  if (size > 4096) return 0;
  const bool raw = text.find("{{{") != text.npos;
  try {
    const Template page(std::move(text));
    const std::string plain = page.render(data("a"));
    const std::string hostile = page.render(data("javascript:\"><script>'-->"));
    if (raw) return 0;
    require(shape(plain) == shape(hostile));
    // Read as a template again it is one whatever the values are, or never.
    const bool like_one = plain.find("{{") != plain.npos || hostile.find("{{") != hostile.npos;
    require(like_one || is_template(plain) == is_template(hostile));
  } catch (const verdin::http::TemplateError& error) {
    require(error.line > 0 && error.column > 0);
  } catch (const std::length_error&) {
  }
  return 0;
}
