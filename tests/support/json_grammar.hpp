// Whether a text keeps to JSON's grammar (RFC 8259), told by a reader that shares nothing with the library's:
// what is malformed must be refused, whatever was rewritten before it is parsed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace verdin::test {

class JsonGrammar {
 public:
  /// Looks at octets only: UTF-8 and lone surrogates are not its business. Nesting beyond `depth` is
  /// malformed.
  static bool accepts(std::string_view text, std::size_t depth) {
    JsonGrammar grammar(text);
    grammar.skip_space();
    if (!grammar.value(depth)) return false;
    grammar.skip_space();
    return grammar.rest_.empty();
  }

 private:
  explicit JsonGrammar(std::string_view text) : rest_(text) {}

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void skip_space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_[0]) != std::string_view::npos) {
      rest_.remove_prefix(1);
    }
  }

  bool value(std::size_t depth) {
    if (take("true") || take("false") || take("null")) return true;
    if (rest_.starts_with('"')) return string();
    if (rest_.starts_with('[')) return depth > 0 && list("[", "]", depth - 1, false);
    if (rest_.starts_with('{')) return depth > 0 && list("{", "}", depth - 1, true);
    return number();
  }

  bool list(std::string_view open, std::string_view close, std::size_t depth, bool with_names) {
    if (!take(open)) return false;
    skip_space();
    if (take(close)) return true;
    do {
      skip_space();
      if (with_names) {
        if (!string()) return false;
        skip_space();
        if (!take(":")) return false;
        skip_space();
      }
      if (!value(depth)) return false;
      skip_space();
    } while (take(","));
    return take(close);
  }

  bool string() {
    if (!take("\"")) return false;
    while (!rest_.empty() && rest_[0] != '"') {
      if (static_cast<unsigned char>(rest_[0]) < 0x20) return false;
      const bool escape = rest_[0] == '\\';
      rest_.remove_prefix(1);
      if (escape && !escaped()) return false;
    }
    return take("\"");
  }

  bool escaped() {
    if (rest_.empty()) return false;
    const char kind = rest_[0];
    rest_.remove_prefix(1);
    if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
    if (rest_.substr(0, 4).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return false;
    if (rest_.size() < 4) return false;
    rest_.remove_prefix(4);
    return true;
  }

  bool digits() {
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool number() {
    take("-");
    if (!take("0") && !digits()) return false;
    if (take(".") && !digits()) return false;
    if (!take("e") && !take("E")) return true;
    if (!take("+")) take("-");
    return digits();
  }

  std::string_view rest_;
};

}  // namespace verdin::test
