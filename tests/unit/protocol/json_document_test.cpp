#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/value.hpp>

#include "support/json_grammar.hpp"

namespace verdin::json {
namespace {

std::string nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Document, RootIsMissingBeforeAndAfterAFailure) {
  Document document;
  EXPECT_FALSE(document.root());
  EXPECT_EQ(document.parse("[1]"), ParseError::none);
  EXPECT_TRUE(document.root());
  EXPECT_NE(document.parse("[1"), ParseError::none);
  EXPECT_FALSE(document.root());
  EXPECT_EQ(document.parse("[1]"), ParseError::none);
  document.clear();
  EXPECT_FALSE(document.root());
}

TEST(Document, RefusesWhatIsNotJson) {
  const std::vector<std::pair<std::string, ParseError>> cases = {
      {"", ParseError::empty},
      {" \n\t", ParseError::empty},
      {"[1,]", ParseError::syntax},
      {"[1 2]", ParseError::syntax},
      {"[", ParseError::syntax},
      {"]", ParseError::syntax},
      {"{\"a\"}", ParseError::syntax},
      {"{\"a\":}", ParseError::syntax},
      {"{a:1}", ParseError::syntax},
      {"{\"a\":1,}", ParseError::syntax},
      {"[1][2]", ParseError::syntax},
      {"[nul]", ParseError::syntax},
      {"[truex]", ParseError::syntax},
      {"[1}", ParseError::syntax},
      {"[01]", ParseError::number},
      {"[-]", ParseError::number},
      {"[1.]", ParseError::number},
      {"[1e]", ParseError::number},
      {"[1e400,01]", ParseError::number},
      {"[1e400e]", ParseError::number},
      {"[1-1e400]", ParseError::number},
      {"--1e400", ParseError::number},
      {"[1,0.0-1e400,1e400]", ParseError::number},
      {"[1e+]", ParseError::number},
      {"[00000000000000000000]", ParseError::number},
      {"[1x]", ParseError::number},
      {"[\"a]", ParseError::string},
      {"[\"\n\"]", ParseError::string},
      {"[\"\x01\"]", ParseError::string},
      {"[\"\\x\"]", ParseError::string},
      {"[\"\\u12G4\"]", ParseError::string},
      {"[\"\\u12\"]", ParseError::string},
      {"[\"\xFF\"]", ParseError::utf8},
      {"[\"\xC0\xAF\"]", ParseError::utf8},
      {"[\"\xED\xA0\x80\"]", ParseError::utf8},
      {"[\"\xF4\x90\x80\x80\"]", ParseError::utf8},
      {"[\"\xE2\x82\"]", ParseError::utf8},
  };
  Document document;
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(describe(document.parse(text)), describe(error)) << text;
    EXPECT_FALSE(document.root()) << text;
  }
}

TEST(Document, TakesScalarsAtTheTop) {
  Document document;
  ASSERT_EQ(document.parse(" 12 "), ParseError::none);
  EXPECT_EQ(document.root().as_int64(), 12);
  ASSERT_EQ(document.parse("\"x\""), ParseError::none);
  EXPECT_EQ(document.root().as_string(), "x");
  ASSERT_EQ(document.parse("null"), ParseError::none);
  EXPECT_TRUE(document.root().is_null());
}

TEST(Document, DepthLimitIsExact) {
  Document document;
  const std::string object = "{\"a\":";
  EXPECT_EQ(document.parse(nested(512, "[", "]").insert(512, "1")), ParseError::none);
  EXPECT_EQ(document.parse(nested(513, "[", "]").insert(513, "1")), ParseError::depth);
  EXPECT_EQ(document.parse(nested(512, object, "}").insert(512 * object.size(), "1")), ParseError::none);
  EXPECT_EQ(document.parse(nested(513, object, "}").insert(513 * object.size(), "1")), ParseError::depth);
  EXPECT_EQ(document.parse(nested(513, "[", "]")), ParseError::none);  // the innermost is empty: not counted
  EXPECT_EQ(document.parse(nested(514, "[", "]")), ParseError::depth);
  EXPECT_EQ(document.parse(nested(450'000, "[", "]")), ParseError::depth);
  EXPECT_EQ(document.parse(nested(100'000, object, "}").insert(100'000 * object.size(), "1")),
            ParseError::depth);
  EXPECT_NE(document.parse(std::string(500'000, '[')), ParseError::none);
  Document shallow(2);
  EXPECT_EQ(shallow.parse("[[1]]"), ParseError::none);
  EXPECT_EQ(shallow.parse("[[[1]]]"), ParseError::depth);
  EXPECT_EQ(shallow.parse("[[],[],{},[{}]]"), ParseError::none);
  EXPECT_EQ(shallow.parse("[[],[],{},[{\"a\":1}]]"), ParseError::depth);
  Document flat(1);
  EXPECT_EQ(flat.parse("[1]"), ParseError::none);
  EXPECT_EQ(flat.parse("[[1]]"), ParseError::depth);
  Document greedy(1'000'000);
  EXPECT_EQ(greedy.parse(nested(kMaxDepthLimit + 1, "[", "]")), ParseError::none);
  EXPECT_EQ(greedy.parse(nested(kMaxDepthLimit + 2, "[", "]")), ParseError::depth);
}

TEST(Document, IntegersBeyond64BitsAreReals) {
  Document document;
  ASSERT_EQ(
      document.parse("[9223372036854775807,9223372036854775808,18446744073709551615,18446744073709551616,"
                     "-9223372036854775808,-9223372036854775809,100000000000000000000,1e20]"),
      ParseError::none);
  const View root = document.root();
  EXPECT_EQ(root[0].as_int64(), 9223372036854775807);  // those that fit stay exact
  EXPECT_EQ(root[1].as_uint64(), 9223372036854775808u);
  EXPECT_EQ(root[2].as_uint64(), 18446744073709551615u);
  EXPECT_EQ(root[4].as_int64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(root[3].as_double(), 18446744073709551616.0);
  EXPECT_EQ(root[5].as_double(), -9223372036854775808.0);
  EXPECT_EQ(root[6].as_double(), 1e20);
  EXPECT_EQ(root[7].as_double(), 1e20);
  ASSERT_EQ(
      document.parse("[9223372036854775807,9223372036854775808,18446744073709551615,-9223372036854775808]"),
      ParseError::none);
  EXPECT_EQ(document.root()[0].as_int64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(document.root()[1].as_uint64(), 9223372036854775808u);
  EXPECT_EQ(document.root()[2].as_uint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(document.root()[3].as_int64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(document.parse("[" + std::string(300, '9') + "]"), ParseError::none);
}

// JSON.parse of ECMAScript says so, and JSON.stringify() writes null for it.
TEST(Document, NumbersBeyondTheRangeOfADoubleAreInfinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Document document;
  const std::string nines(400, '9');
  const std::string digits = nines + ",-" + nines + ".5,0." + nines + "e500";
  ASSERT_EQ(document.parse(R"(["1e400",1e400,7,-1E+400,{"1e400":1e999999999999999999999999},)" + digits +
                           ",18446744073709551615,1.7976931348623157e308,1e-400,-1e-999999999999999999999,"
                           "0e999999,0.0e99999999999999999999999,[-1,1e309]]"),
            ParseError::none);
  const View root = document.root();
  EXPECT_EQ(root[0].as_string(), "1e400");
  EXPECT_EQ(root[1].as_double(), kInfinity);
  EXPECT_EQ(root[2].as_int64(), 7);
  EXPECT_EQ(root[3].as_double(), -kInfinity);
  EXPECT_EQ(root[4]["1e400"].as_double(), kInfinity);
  EXPECT_EQ(root[5].as_double(), kInfinity);
  EXPECT_EQ(root[6].as_double(), -kInfinity);
  EXPECT_EQ(root[7].as_double(), kInfinity);
  EXPECT_EQ(root[8].as_uint64(), 18446744073709551615u);
  EXPECT_EQ(root[9].as_double(), std::numeric_limits<double>::max());
  for (const std::size_t zero : {10, 11, 12, 13}) EXPECT_EQ(root[zero].as_double(), 0.0) << zero;
  EXPECT_TRUE(std::signbit(*root[11].as_double()));
  EXPECT_EQ(root[14][0].as_int64(), -1);
  EXPECT_EQ(root[14][1].as_double(), kInfinity);
  EXPECT_EQ(root[1].kind(), Kind::real);
  EXPECT_EQ(root[1].as_int64(), std::nullopt);
  EXPECT_EQ(root[1].as_uint64(), std::nullopt);
  ASSERT_EQ(document.parse("[1e400,-1e400]"), ParseError::none);
  EXPECT_EQ(Value(document.root()).to_text(), "[null,null]");
  ASSERT_EQ(document.parse("-1e400"), ParseError::none);
  EXPECT_EQ(document.root().as_double(), -kInfinity);
}

// Every text of up to four of these pieces, in brackets: numbers are rewritten before they are parsed, and
// what was malformed must not become JSON by that.
TEST(Document, TakesWhatTheGrammarTakesAndNothingElse) {
  constexpr std::array<std::string_view, 21> kPieces = {
      "1e400", "-1e400", "-",       "0",    "1",  "5e-400", "12345678901234567890123",
      ".",     "e",      "+",       ",",    " ",  "[",      "]",
      "\"",    "\\u",    "\\ud800", "\"\"", "{}", "\x0c",   "\\",
  };
  Document document;
  std::size_t taken = 0;
  for (std::size_t which = 0; which < kPieces.size() * kPieces.size() * kPieces.size() * kPieces.size();
       ++which) {
    std::string text = "[";
    for (std::size_t rest = which; rest > 0; rest /= kPieces.size()) text += kPieces[rest % kPieces.size()];
    text += ']';
    const bool valid = test::JsonGrammar::accepts(text, kDefaultMaxDepth);
    ASSERT_EQ(document.parse(text) == ParseError::none, valid) << text;
    if (valid) ++taken;
  }
  EXPECT_GT(taken, 1000u);
}

// Where a text has many numbers of more than 19 digits another reads them than simdjson; the values are the
// same.
TEST(Document, ManyLongNumbersAreReadExactly) {
  const std::vector<std::pair<std::string, double>> cases = {
      {"3.14159265358979323846264338327950288", 3.14159265358979323846264338327950288},
      {"2.074913952899210013473e-290", 2.074913952899210013473e-290},
      {"-123456789012345678901234567890", -123456789012345678901234567890.0},
      {"9007199254740993.00000000000000000000", 9007199254740992.0},  // halfway: to even
      {"9007199254740993.00000000000000000001", 9007199254740994.0},
      {"0.00000000000000000000000000000012345", 1.2345e-31},
      {"0.000000000000000000000000000000000", 0.0},
      {"4.9406564584124654417656879286822137e-324", 4.9406564584124654e-324},
      {"2.4703282292062327208828439643411068e-324", 0.0},
      {"1.79769313486231580793728971405303416e308", std::numeric_limits<double>::infinity()},
      {"1.79769313486231570814527423731704357e308", std::numeric_limits<double>::max()},
      {"18446744073709551615", 18446744073709551615.0},
      {"18446744073709551616", 18446744073709551616.0},
  };
  std::string text = "[\"0123456789012345678901234567890\"";
  for (int round = 0; round < 20; ++round) {
    for (const auto& [number, value] : cases) text.append(",").append(number);
  }
  Document document;
  ASSERT_EQ(document.parse(text + "]"), ParseError::none);
  const View root = document.root();
  ASSERT_EQ(root.size(), 1 + 20 * cases.size());
  EXPECT_EQ(root[0].as_string(), "0123456789012345678901234567890");
  std::size_t i = 0;
  for (const View number : root.array()) {
    const std::size_t which = i++;
    if (which == 0) continue;
    const auto& [written, value] = cases[(which - 1) % cases.size()];
    ASSERT_EQ(number.as_double(), value) << written;
    EXPECT_EQ(number.kind() == Kind::uint64, written == "18446744073709551615") << written;
  }
  EXPECT_EQ(document.parse(text + ",01]"), ParseError::number);
  EXPECT_EQ(document.parse(text + ",1.]"), ParseError::number);
  EXPECT_EQ(document.parse(text + ",tru]"), ParseError::syntax);
  EXPECT_EQ(document.parse(text), ParseError::syntax);
  EXPECT_EQ(document.parse(text + ",\"\n\"]"), ParseError::string);
  std::string strings = "[";  // digits, but no numbers
  for (int round = 0; round < 50; ++round) strings += "\"12345678901234567890123\",";
  EXPECT_EQ(document.parse(strings + "1]"), ParseError::none);
  EXPECT_EQ(document.parse(strings + "1e400]"), ParseError::none);
  EXPECT_EQ(document.parse(strings + "\"\\ud800\"]"), ParseError::none);
  EXPECT_EQ(document.parse(strings + "01]"), ParseError::number);
}

TEST(Document, LoneSurrogatesBecomeTheReplacementCharacter) {
  Document document;
  ASSERT_EQ(
      document.parse(R"(["\ud800","a\udc00b","\ud83d\ude00","\ud800\ud83d\ude00","\\ud800","\uD800\n"])"),
      ParseError::none);
  const View root = document.root();
  EXPECT_EQ(root[0].as_string(), "\xEF\xBF\xBD");
  EXPECT_EQ(root[1].as_string(), "a\xEF\xBF\xBD\x62");
  EXPECT_EQ(root[2].as_string(), "\xF0\x9F\x98\x80");
  EXPECT_EQ(root[3].as_string(), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  EXPECT_EQ(root[4].as_string(), "\\ud800");
  EXPECT_EQ(root[5].as_string(), "\xEF\xBF\xBD\n");
  EXPECT_EQ(document.parse(R"(["\ud800)"), ParseError::string);
  EXPECT_EQ(document.parse(R"(["\ud800", tru])"), ParseError::syntax);
}

TEST(Document, LooksAtNothingBehindAPaddedText) {
  // The same text with every kind of octet behind it.
  Document document;
  for (const char* behind : {"]]]]", "\"\"\"\"", "1111", "\\\\", "\xFF\xFF"}) {
    std::string buffer = "[12,\"abc\"]";
    const std::size_t size = buffer.size();
    while (buffer.size() < size + kPadding) buffer += behind;
    ASSERT_EQ(document.parse_padded({buffer.data(), size}), ParseError::none) << behind;
    EXPECT_EQ(Value(document.root()).to_text(), "[12,\"abc\"]");
    ASSERT_EQ(document.parse_padded({buffer.data(), 3}), ParseError::syntax) << behind;
    ASSERT_EQ(document.parse_padded({buffer.data() + 1, 2}), ParseError::none) << behind;
    EXPECT_EQ(document.root().as_int64(), 12);
  }
}

TEST(Document, GivesBackTheMemoryOfALargeText) {
  Document document;
  ASSERT_EQ(document.parse("[\"" + std::string(1 << 20, 'x') + "\"]"), ParseError::none);
  EXPECT_GT(document.capacity(), std::size_t{1} << 20);
  for (unsigned i = 0; i < Document::kShrinkAfter - 1; ++i)
    ASSERT_EQ(document.parse("[1]"), ParseError::none);
  EXPECT_GT(document.capacity(), std::size_t{1} << 20);
  ASSERT_EQ(document.parse("[\"" + std::string(100'000, 'x') + "\"]"), ParseError::none);  // needed after all
  for (unsigned i = 0; i < Document::kShrinkAfter; ++i) ASSERT_EQ(document.parse("[1]"), ParseError::none);
  EXPECT_LE(document.capacity(), Document::kKeptCapacity);
  ASSERT_EQ(document.parse("[1,2]"), ParseError::none);
  EXPECT_EQ(document.root().size(), 2u);
}

TEST(Document, TakesManyElements) {
  std::string text = "[\"m\"";
  for (int i = 0; i < 450'000; ++i) text += ",1";
  text += "]";
  Document document;
  ASSERT_EQ(document.parse(text), ParseError::none);
  EXPECT_EQ(document.root().size(), 450'001u);
  EXPECT_EQ(Value(document.root()).size(), 450'001u);
}

class Placeholders : public testing::Test {
 protected:
  bool match(std::string_view text, std::size_t count) {
    EXPECT_EQ(document_.parse(text), ParseError::none) << text;
    attachments_.clear();
    for (std::size_t i = 0; i < count; ++i) attachments_.push_back(SharedBuffer::copy(std::to_string(i)));
    const bool matched = document_.placeholders_match(count);
    EXPECT_EQ(document_.attach(attachments_), matched) << text;
    return matched;
  }
  Document document_;
  std::vector<SharedBuffer> attachments_;
};

TEST_F(Placeholders, MatchWhenEachNumberIsUsedOnce) {
  EXPECT_TRUE(match(R"(["m",{"_placeholder":true,"num":0}])", 1));
  EXPECT_TRUE(match(R"(["m",{"num":0,"_placeholder":true}])", 1));
  EXPECT_TRUE(match(R"(["m",{"_placeholder":true,"num":1},[{"x":{"_placeholder":true,"num":0}}]])", 2));
  EXPECT_TRUE(match(R"({"_placeholder":true,"num":0})", 1));
  EXPECT_TRUE(match(R"(["m",{"_placeholder":false,"num":7}])", 0));
  EXPECT_TRUE(match(R"(["m",{"_placeholder":1,"num":7},{"num":1}])", 0));
  EXPECT_TRUE(match(R"(["m",{"_placeholder":true,"num":9,"num":0}])", 1));  // the last of a name counts
  EXPECT_TRUE(match(R"(["_placeholder",true,"num",0])", 0));
}

TEST_F(Placeholders, DoNotMatchOtherwise) {
  for (const char* num : {"-1", "1", "0.5", "0.0", "\"0\"", "\"splice\"", "{}", "[]", "null", "true", "1e99",
                          "4294967296", "18446744073709551615", "100000000000000000000"}) {
    EXPECT_FALSE(match(std::string(R"(["m",{"_placeholder":true,"num":)") + num + "}]", 1)) << num;
  }
  EXPECT_FALSE(match(R"(["m",{"_placeholder":true}])", 1));
  EXPECT_FALSE(match(R"(["m"])", 1));
  EXPECT_FALSE(match(R"(["m",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}])", 1));
  EXPECT_FALSE(match(R"(["m",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}])", 2));
  EXPECT_FALSE(match(R"(["m",{"_placeholder":true,"num":0}])", 2));
  EXPECT_FALSE(match(R"(["m",{"_placeholder":true,"num":0}])", 0));
  EXPECT_FALSE(match(R"(["m",{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":1}}])", 2));
  EXPECT_FALSE(match(R"(["m"])", kMaxAttachments + 1));
  EXPECT_FALSE(Document().placeholders_match(0));
}

TEST_F(Placeholders, ReadAsBinaryOnceBound) {
  ASSERT_EQ(document_.parse(R"(["m",{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}},5])"),
            ParseError::none);
  EXPECT_EQ(document_.root()[1].kind(), Kind::object);
  EXPECT_EQ(document_.root()[1]["num"].as_int64(), 1);
  const std::vector<SharedBuffer> attachments{SharedBuffer::copy("zero"), SharedBuffer::copy("one")};
  ASSERT_TRUE(document_.attach(attachments));
  const View root = document_.root();
  EXPECT_EQ(root.size(), 4u);
  EXPECT_EQ(root[1].kind(), Kind::binary);
  ASSERT_TRUE(root[1].binary());
  EXPECT_EQ(root[1].binary()->view(), "one");
  EXPECT_EQ(root[1].size(), 0u);
  EXPECT_FALSE(root[1]["num"]);
  ASSERT_TRUE(root[2]["a"].binary());
  EXPECT_EQ(root[2]["a"].binary()->view(), "zero");
  EXPECT_EQ(root[3].as_int64(), 5);
  EXPECT_FALSE(root[3].binary());
}

TEST_F(Placeholders, OneThousandAreFine) {
  std::string text = "[\"m\"";
  for (std::size_t i = kMaxAttachments; i-- > 0;)
    text += R"(,{"_placeholder":true,"num":)" + std::to_string(i) + "}";
  EXPECT_TRUE(match(text + "]", kMaxAttachments));
  EXPECT_EQ(document_.root()[1].binary()->view(), std::to_string(kMaxAttachments - 1));
}

}  // namespace
}  // namespace verdin::json
