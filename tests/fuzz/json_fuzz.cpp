// Any octets as JSON: whatever is accepted must survive writing and reading again, by every way there is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/value.hpp>

#include "../support/json_grammar.hpp"
#include "infinity.hpp"

namespace {

using namespace verdin::json;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Node {
  std::optional<std::string> a;
  std::vector<Node> b;
  std::map<std::string, std::variant<bool, double, std::string>> c;
};
constexpr auto json_fields(const Node*) {
  return std::tuple{field("a", &Node::a), optional_field("b", &Node::b), optional_field("c", &Node::c)};
}

// Typed decoding may refuse; what it takes must be taken again after encoding.
void check_typed(View view) {
  Node node;
  DecodeError error;
  if (!decode(view, node, error)) return require(!error.expected.empty());
  const std::string text = to_text(node);
  Document document;
  require(document.parse(text) == ParseError::none);
  require(decode(document.root(), node) && to_text(node) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Document document;
  static Document again;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParseError error = document.parse(text);
  require((error == ParseError::none) == static_cast<bool>(document.root()));
  std::string padded(text);
  padded.append(kPadding, '"');
  require(again.parse_padded({padded.data(), size}) == error);
  append_quoted(padded, text);
  require(is_utf8(text) || error != ParseError::none);
  const auto keeps_grammar = [&](std::size_t depth) {
    return is_utf8(text) && verdin::test::JsonGrammar::accepts(text, depth);
  };
  if (error == ParseError::none)
    require(keeps_grammar(kDefaultMaxDepth + 1));  // an empty list does not count
  if (keeps_grammar(kDefaultMaxDepth)) require(error == ParseError::none);
  if (error != ParseError::none) return 0;

  const Value value(document.root());
  const std::string written = to_text(document.root());
  require(value.to_text() == written);
  require(again.parse(written) == ParseError::none);
  if (verdin::fuzz::has_infinity(value)) return 0;
  require(Value(again.root()) == value);
  require(to_text(again.root()) == written);
  const Value copy = value;
  require(copy == value);
  check_typed(document.root());

  // With the text itself as attachment wherever a placeholder stands.
  const std::vector<verdin::SharedBuffer> attachments(size % 4, verdin::SharedBuffer::copy(text));
  if (!document.attach(attachments)) return 0;
  std::string out;
  std::vector<verdin::SharedBuffer> sent;
  Writer writer(out, &sent);
  encode(writer, document.root());
  require(sent.size() == attachments.size());
  require(again.parse(out) == ParseError::none && again.attach(sent));
  require(Value(again.root()) == Value(document.root()));
  return 0;
}
