// Of what servers say: without that which may differ from one run of the same requests to another.
#pragma once

#include <string>
#include <string_view>

namespace verdin::fuzz {

/// Dates, and the 100 that is not sent when the body has begun.
inline void erase_differences(std::string& text) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  for (std::size_t at; (at = text.find("Date: ")) != text.npos;) text.erase(at, text.find('\n', at) - at + 1);
  for (std::size_t at; (at = text.find(kContinue)) != text.npos;) text.erase(at, kContinue.size());
}

/// Those of failures are new each time.
inline void erase_ids(std::string& text) {
  constexpr std::string_view kBefore = "Internal Server Error (";
  for (std::size_t at = 0; (at = text.find(kBefore, at)) != text.npos; at += kBefore.size())
    text.erase(at + kBefore.size(), 16);
}

}  // namespace verdin::fuzz
