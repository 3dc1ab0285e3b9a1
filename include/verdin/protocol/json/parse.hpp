// json::parse(): JSON text straight into a C++ value; the way back of json::to_text().
//
//   if (auto todo = json::parse<Todo>(text)) add(*todo);
//   json::Value anything = json::parse(text).value_or(nullptr);
//
// For now and then: each call allocates a Document of its own. What parses all day keeps one, and decodes
// from its root(). Any thread. Nothing blocks; nothing throws but std::bad_alloc.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>

namespace verdin::json {

/// None if `text` is not JSON, or does not hold a T; `error` then says what was expected, and where.
template <typename T = Value>
std::optional<T> parse(std::string_view text, DecodeError* error = nullptr) {
  if (error) *error = {};
  Document document;
  if (document.parse(text) != ParseError::none) {
    if (error) error->set("JSON");
    return std::nullopt;
  }
  std::optional<T> value(std::in_place);
  if (!detail::decode_at(document.root(), *value, error, 0)) value.reset();
  return value;
}

}  // namespace verdin::json
