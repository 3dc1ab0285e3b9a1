#include <verdin/protocol/http1/chars.hpp>

#include "octet_runs.hpp"

namespace verdin::protocol::http1 {

bool is_token(std::string_view text) noexcept {
  std::size_t at = runs::prefix<runs::Word>(text);
  while (at < text.size() && is_token_char(text[at])) ++at;
  return at == text.size() && at > 0;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // mostly, where they are equal at all
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t text_prefix(std::string_view text) noexcept { return runs::prefix<runs::Text>(text); }

bool next_list_element(std::string_view& list, std::string_view& element) noexcept {
  while (!list.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) {
      if (list[end] == '"') quoted = !quoted;
      if (quoted && list[end] == '\\' && end + 1 < list.size()) ++end;
    }
    element = trim(list.substr(0, end));
    list.remove_prefix(end < list.size() ? end + 1 : list.size());
    if (!element.empty()) return true;
  }
  return false;
}

bool list_contains(std::string_view list, std::string_view token) noexcept {
  std::string_view element;
  while (next_list_element(list, element)) {
    if (equals_ignoring_case(element, token)) return true;
  }
  return false;
}

}  // namespace verdin::protocol::http1
