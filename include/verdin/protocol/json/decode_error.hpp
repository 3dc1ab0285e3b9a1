// json::DecodeError: why a JSON value did not become a C++ value. Filled only on failure; costs nothing
// otherwise.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace verdin::json {

struct DecodeError {
  std::string path;           ///< where, from the outside in: `[1].nick`; empty for the value itself
  std::string_view expected;  ///< what would have done: "a string"; refers to static text

  /// "expected a string at [1].nick"; the path, which can hold a peer's keys, is escaped and cut for logs.
  std::string text() const;

  void set(std::string_view what);
  /// The error lies in this element or member of what the caller decodes. Long paths keep their inner end.
  void inside(std::size_t index);
  void inside(std::string_view key);

 private:
  void prepend(std::string step);
};

}  // namespace verdin::json
