// Pieces of header grammar (RFC 9110, section 5.6) that the handshake's lists are made of.
#pragma once

#include <cstddef>
#include <string_view>

namespace verdin::protocol::websocket {

/// Without the blanks and tabs at both ends.
std::string_view trim(std::string_view text) noexcept;

/// Reads a header value from the front, each octet once.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view value) noexcept : rest_(value) {}

  bool at_end() const noexcept { return rest_.empty(); }
  std::string_view rest() const noexcept { return rest_; }
  void skip_blanks() noexcept;
  /// Consumes `c` if it is next.
  bool accept(char c) noexcept;
  /// Consumes a token; empty if there is none.
  std::string_view token() noexcept;
  /// Consumes a quoted-string whose content, unescaped, is a token (RFC 6455, section 9.1).
  bool quoted_token() noexcept;

 private:
  std::string_view rest_;
};

}  // namespace verdin::protocol::websocket
