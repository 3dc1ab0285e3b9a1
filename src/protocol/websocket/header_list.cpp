#include "protocol/websocket/header_list.hpp"

#include <algorithm>
#include <vector>

#include <verdin/protocol/websocket/handshake.hpp>

namespace verdin::protocol::websocket {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

bool is_token_char(char c) noexcept {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool read_parameter(HeaderReader& reader) noexcept {
  reader.skip_blanks();
  if (reader.token().empty()) return false;
  reader.skip_blanks();
  if (!reader.accept('=')) return true;
  reader.skip_blanks();
  return !reader.token().empty() || reader.quoted_token();
}

bool read_extension(HeaderReader& reader) noexcept {
  if (reader.token().empty()) return false;
  reader.skip_blanks();
  while (reader.accept(';')) {
    if (!read_parameter(reader)) return false;
    reader.skip_blanks();
  }
  return true;
}

/// Elements with commas between them and nothing else.
template <typename ReadElement>
bool is_list(std::string_view value, ReadElement read) {
  HeaderReader reader(value);
  do {
    reader.skip_blanks();
    if (!read(reader)) return false;
    reader.skip_blanks();
  } while (reader.accept(','));
  return reader.at_end();
}

}  // namespace

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

void HeaderReader::skip_blanks() noexcept {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
}

bool HeaderReader::accept(char c) noexcept {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

std::string_view HeaderReader::token() noexcept {
  const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_char);
  const auto size = static_cast<std::size_t>(end - rest_.begin());
  const std::string_view token = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return token;
}

bool HeaderReader::quoted_token() noexcept {
  if (!accept('"')) return false;
  bool any = false;
  while (!rest_.empty() && rest_.front() != '"') {
    accept('\\');
    if (rest_.empty() || !is_token_char(rest_.front())) return false;
    rest_.remove_prefix(1);
    any = true;
  }
  return any && accept('"');
}

bool is_protocol_list(std::string_view value) {
  std::vector<std::string_view> names;
  const bool list = is_list(value, [&names](HeaderReader& reader) {
    names.push_back(reader.token());
    return !names.back().empty();
  });
  std::sort(names.begin(), names.end());
  return list && std::adjacent_find(names.begin(), names.end()) == names.end();
}

bool is_extension_list(std::string_view value) { return is_list(value, read_extension); }

}  // namespace verdin::protocol::websocket
