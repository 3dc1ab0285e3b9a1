// UTF-8 validation (RFC 3629): of a whole text, or of one that arrives in pieces.
//
// Strict: no overlong forms, no surrogates, nothing above U+10FFFF. The incremental form fails at the first
// octet after which no continuation could make the text valid, also across pieces. No allocation, nothing
// thrown, one octet of state. Text of ASCII costs about a cycle for eight octets; long text goes through
// simdjson's vector code.
#pragma once

#include <cstdint>
#include <string_view>

namespace verdin::protocol {

class Utf8Validator {
 public:
  /// Takes the next piece. False once the text cannot be valid any more; it stays false until reset().
  bool feed(std::string_view piece) noexcept;
  /// Whether what was fed is valid as it stands: nothing wrong and no sequence cut short.
  bool complete() const noexcept { return state_ == 0; }
  void reset() noexcept { state_ = 0; }

 private:
  std::uint8_t state_ = 0;  // what the next octet must be: see utf8.cpp
};

bool is_utf8(std::string_view text) noexcept;

}  // namespace verdin::protocol
