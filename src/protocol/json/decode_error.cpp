#include <verdin/base/log.hpp>
#include <verdin/protocol/json/decode_error.hpp>

namespace verdin::json {
namespace {

constexpr std::size_t kLongestPath = 512;
constexpr std::size_t kLongestKey = 64;

}  // namespace

std::string DecodeError::text() const {
  std::string text = "expected ";
  text += expected;
  if (!path.empty()) text += " at " + printable(path);
  return text;
}

void DecodeError::set(std::string_view what) {
  path.clear();
  expected = what;
}

void DecodeError::prepend(std::string step) {
  if (!path.empty() && path.front() != '[') step.push_back('.');
  path.insert(0, step);
}

void DecodeError::inside(std::size_t index) {
  if (path.size() < kLongestPath) prepend("[" + std::to_string(index) + "]");
}

void DecodeError::inside(std::string_view key) {
  if (path.size() >= kLongestPath) return;
  prepend(std::string(key.substr(0, kLongestKey)));
}

}  // namespace verdin::json
