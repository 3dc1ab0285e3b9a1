// For code that walks a document's tape from end to end instead of value by value.
#pragma once

#include <cstddef>
#include <cstring>

#include <verdin/protocol/json/view.hpp>

namespace verdin::json::detail {

struct ViewAccess {
  static const Tape& tape(View view) noexcept { return *view.tape_; }
  static std::size_t at(View view) noexcept { return view.at_; }

  static double real(const Tape& tape, std::size_t at) noexcept {
    double value;
    std::memcpy(&value, &tape.words[at + 1], sizeof value);
    return value;
  }
};

}  // namespace verdin::json::detail
