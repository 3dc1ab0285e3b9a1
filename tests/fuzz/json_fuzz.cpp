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

/// What a view says of a value fits together.
void check_view(View root) {
  std::vector<View> open{root};
  for (std::size_t seen = 0; !open.empty() && seen < 1000; ++seen) {
    const View view = open.back();
    open.pop_back();
    require(!describe(view.kind()).empty());
    require(view.is_array() == (view.kind() == Kind::array) &&
            view.is_object() == (view.kind() == Kind::object));
    require(view.size() == 0 || view.is_array() || view.is_object());
    std::size_t elements = 0;
    for (const View element : view.array()) {
      if (elements < 10) require(view.at(elements).kind() == element.kind());
      ++elements;
      open.push_back(element);
    }
    for (const Member member : view.object()) {
      ++elements;
      require(static_cast<bool>(view[member.key]));
      open.push_back(member.value);
    }
    require(elements == view.size() && !view.at(elements));
  }
}

/// Blanks in front change nothing; a document that has become large for them shrinks again, and can be moved.
void check_blanks(std::string_view text, ParseError error) {
  static Document kept;
  const bool large = text.size() % 16 == 5;
  if (large) {
    require(kept.parse(std::string(100'000, ' ').append(text)) == error);
    require(kept.capacity() >= 100'000);
  }
  for (int i = 0; i < (large ? 66 : 1); ++i) require(kept.parse(text) == error);
  Document moved(std::move(kept));
  kept = std::move(moved);
  require(static_cast<bool>(kept.root()) == (error == ParseError::none));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Document document;
  static Document again;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParseError error = document.parse(text);
  require((error == ParseError::none) == static_cast<bool>(document.root()));
  for (int each = 0; each < 10; ++each) require(!describe(static_cast<ParseError>(each)).empty());
  check_blanks(text, error);
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
  require(describe(View().kind()) == "nothing");
  if (error != ParseError::none) return 0;

  check_view(document.root());
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
  check_view(document.root());
  std::string out;
  std::vector<verdin::SharedBuffer> sent;
  Writer writer(out, &sent);
  encode(writer, document.root());
  require(sent.size() == attachments.size());
  require(again.parse(out) == ParseError::none && again.attach(sent));
  require(Value(again.root()) == Value(document.root()));
  return 0;
}
