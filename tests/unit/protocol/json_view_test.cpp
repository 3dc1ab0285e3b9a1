#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>

namespace verdin::json {
namespace {

class ViewTest : public testing::Test {
 protected:
  View parse(std::string_view text) {
    EXPECT_EQ(document_.parse(text), ParseError::none) << text;
    return document_.root();
  }
  Document document_;
};

TEST_F(ViewTest, IsTwoWords) {
  static_assert(sizeof(View) == 2 * sizeof(void*));
  static_assert(std::is_trivially_copyable_v<View>);
}

TEST_F(ViewTest, MissingIsEmptyInEveryWay) {
  const View missing;
  EXPECT_FALSE(missing);
  EXPECT_EQ(missing.kind(), Kind::missing);
  EXPECT_FALSE(missing.as_bool() || missing.as_int64() || missing.as_uint64() || missing.as_double());
  EXPECT_FALSE(missing.as_string());
  EXPECT_EQ(missing.binary(), nullptr);
  EXPECT_EQ(missing.size(), 0u);
  EXPECT_FALSE(missing["a"]);
  EXPECT_FALSE(missing[0]);
  EXPECT_TRUE(missing.array().empty());
  for (View element : missing.array()) FAIL() << static_cast<int>(element.kind());
  for (auto [key, value] : missing.object()) FAIL() << key;
}

TEST_F(ViewTest, TellsKindsApart) {
  const View root = parse(R"([null,true,false,-1,18446744073709551615,0.5,"s",[],{}])");
  const Kind kinds[] = {Kind::null, Kind::boolean, Kind::boolean, Kind::int64, Kind::uint64,
                        Kind::real, Kind::string,  Kind::array,   Kind::object};
  std::size_t at = 0;
  for (View element : root.array()) EXPECT_EQ(describe(element.kind()), describe(kinds[at++]));
  EXPECT_EQ(at, std::size(kinds));
  EXPECT_EQ(root[1].as_bool(), true);
  EXPECT_EQ(root[2].as_bool(), false);
  EXPECT_FALSE(root[0].as_bool());
  EXPECT_FALSE(root[3].as_string());
  EXPECT_FALSE(root[6].as_double());
}

TEST_F(ViewTest, ReadsIntegersExactlyOrNotAtAll) {
  const View root = parse(
      R"([5,5.0,5.5,-1,-1.0,9223372036854775807,9223372036854775808,1e300,"5",-0.0,9223372036854775808.0])");
  EXPECT_EQ(root[0].as_int64(), 5);
  EXPECT_EQ(root[0].as_uint64(), 5u);
  EXPECT_EQ(root[0].as_double(), 5.0);
  EXPECT_EQ(root[1].as_int64(), 5);
  EXPECT_EQ(root[1].as_uint64(), 5u);
  EXPECT_FALSE(root[2].as_int64());
  EXPECT_FALSE(root[2].as_uint64());
  EXPECT_EQ(root[3].as_int64(), -1);
  EXPECT_FALSE(root[3].as_uint64());
  EXPECT_EQ(root[4].as_int64(), -1);
  EXPECT_FALSE(root[4].as_uint64());
  EXPECT_EQ(root[5].as_uint64(), 9223372036854775807u);
  EXPECT_FALSE(root[6].as_int64());
  EXPECT_EQ(root[6].as_uint64(), 9223372036854775808u);
  EXPECT_EQ(root[6].as_double(), 0x1p63);
  EXPECT_FALSE(root[7].as_int64() || root[7].as_uint64());
  EXPECT_FALSE(root[8].as_int64() || root[8].as_uint64() || root[8].as_double());
  EXPECT_EQ(root[9].as_int64(), 0);
  EXPECT_EQ(root[9].as_uint64(), 0u);
  EXPECT_FALSE(root[10].as_int64());
  EXPECT_EQ(root[10].as_uint64(), 9223372036854775808u);
}

TEST_F(ViewTest, IndexesArrays) {
  const View root = parse(R"([[1,[2]],{"a":[3]},"x",4])");
  EXPECT_EQ(root.size(), 4u);
  EXPECT_EQ(root[0][1][0].as_int64(), 2);
  EXPECT_EQ(root[1]["a"][0].as_int64(), 3);
  EXPECT_EQ(root[3].as_int64(), 4);
  EXPECT_FALSE(root[4]);
  EXPECT_FALSE(root["a"]);
  EXPECT_FALSE(root[1][0]);
}

TEST_F(ViewTest, ObjectsKeepOrderAndDuplicatesAndTheLastWins) {
  const View root = parse(R"({"b":1,"a":{"b":9},"b":2,"":3,"__proto__":4,"\u0061b":5})");
  std::vector<std::string> keys;
  for (auto [key, value] : root.object()) keys.emplace_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"b", "a", "b", "", "__proto__", "ab"}));
  EXPECT_EQ(root["b"].as_int64(), 2);
  EXPECT_EQ(root[""].as_int64(), 3);
  EXPECT_EQ(root["__proto__"].as_int64(), 4);
  EXPECT_EQ(root["ab"].as_int64(), 5);
  EXPECT_FALSE(root["constructor"]);
  EXPECT_EQ(root.size(), 6u);
}

TEST_F(ViewTest, TextMayHoldNul) {
  EXPECT_EQ(parse(R"("a\u0000b")").as_string(), std::string_view("a\0b", 3));
}

TEST_F(ViewTest, IsWrittenAsItWasRead) {
  for (const char* text :
       {"null", "[]", "{}", "[[],{}]", R"({"a":[1,{"b":[]},"c"],"a":{"x":{"y":null}},"z":true})",
        R"([1,-1,18446744073709551615,0.5,"\"\\\n",["key",{"k":"v"}],false])", "\"text\"", "-7"}) {
    const View view = parse(text);
    EXPECT_EQ(to_text(view), text);
  }
  EXPECT_EQ(to_text(parse(R"([0,{"a":[1,2],"b":3},4])")[1]), R"({"a":[1,2],"b":3})");
  EXPECT_EQ(to_text(View()), "null");
}

TEST_F(ViewTest, DeepestTextIsWrittenToo) {
  Document deep(kMaxDepthLimit);
  for (const char* innermost : {"1", "[]", "{}"}) {
    std::string text;
    for (std::size_t i = 0; i < kMaxDepthLimit / 2; ++i) text += "[{\"a\":";
    text += innermost;
    for (std::size_t i = 0; i < kMaxDepthLimit / 2; ++i) text += "}]";
    ASSERT_EQ(deep.parse(text), ParseError::none);
    EXPECT_EQ(to_text(deep.root()), text);
    EXPECT_EQ(Value(deep.root()).to_text(), text);
  }
}

TEST_F(ViewTest, BoundBinaryIsWrittenAsAttachment) {
  ASSERT_EQ(document_.parse(R"([{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])"),
            ParseError::none);
  const std::vector<SharedBuffer> attachments{SharedBuffer::copy("zero"), SharedBuffer::copy("one")};
  ASSERT_TRUE(document_.attach(attachments));
  std::string out;
  std::vector<SharedBuffer> sent;
  Writer writer(out, &sent);
  encode(writer, document_.root());
  EXPECT_EQ(out, R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].view().data(), attachments[1].view().data());  // shared, not copied
  EXPECT_EQ(to_text(document_.root()), R"(["b25l","emVybw=="])");
}

}  // namespace
}  // namespace verdin::json
