// Infinite numbers are read, and written as null: a text that has one does not survive a round.
#pragma once

#include <cmath>
#include <vector>

#include <verdin/protocol/json/value.hpp>

namespace verdin::fuzz {

inline bool has_infinity(const json::Value& root) {
  std::vector<const json::Value*> open{&root};
  while (!open.empty()) {
    const json::Value& value = *open.back();
    open.pop_back();
    if (value.kind() == json::Kind::real && std::isinf(*value.as_double())) return true;
    if (const auto* array = value.as_array()) {
      for (const auto& element : *array) open.push_back(&element);
    }
    if (const auto* object = value.as_object()) {
      for (const auto& member : *object) open.push_back(&member.value);
    }
  }
  return false;
}

}  // namespace verdin::fuzz
