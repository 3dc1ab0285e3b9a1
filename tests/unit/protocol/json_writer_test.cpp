#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/writer.hpp>

namespace verdin::json {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

template <typename T>
std::string real(T value) {
  std::string out;
  Writer writer(out);
  writer.real(value);
  return out;
}

TEST(Writer, PutsCommasWhereTheyBelong) {
  std::string out = "before ";
  Writer writer(out);
  writer.begin_array();
  writer.integer(1);
  writer.begin_object();
  writer.key("a");
  writer.begin_array();
  writer.end_array();
  writer.key("b");
  writer.null();
  writer.end_object();
  writer.begin_array();
  writer.boolean(true);
  writer.boolean(false);
  writer.end_array();
  writer.raw("{\"x\":1}");
  writer.string("");
  writer.end_array();
  EXPECT_EQ(out, R"(before [1,{"a":[],"b":null},[true,false],{"x":1},""])");
}

TEST(Writer, EscapesWhatJsonNeeds) {
  EXPECT_EQ(as_json(""), R"("")");
  EXPECT_EQ(as_json("plain text / and more of it"), R"("plain text / and more of it")");
  EXPECT_EQ(as_json("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
  EXPECT_EQ(as_json(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(as_json("é漢😀"), "\"é漢😀\"");
  EXPECT_EQ(as_json("é\"漢\n😀"), "\"é\\\"漢\\n😀\"");
}

TEST(Writer, FindsWhatToEscapeAtEveryOffset) {
  Document document;
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char* special : {"\"", "\\", "\x1f", "\n", "é", "\xFF"}) {
        std::string text(size, 'a');
        text.replace(at, 1, special);
        ASSERT_EQ(document.parse(as_json(text)), ParseError::none);
        std::string expected(size, 'a');
        expected.replace(at, 1, *special == '\xFF' ? "\xEF\xBF\xBD" : special);
        ASSERT_EQ(document.root().as_string(), expected);
      }
    }
  }
}

TEST(Writer, ReplacesWhatIsNotUtf8) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(as_json("\xFF"), '"' + mark + '"');
  EXPECT_EQ(as_json("a\x80\"z"), "\"a" + mark + "\\\"z\"");
  EXPECT_EQ(as_json("\xC0\xAF"), '"' + mark + mark + '"');
  EXPECT_EQ(as_json("\xE2\x82"), '"' + mark + '"');
  EXPECT_EQ(as_json("\xE2\x82z"), '"' + mark + "z\"");
  EXPECT_EQ(as_json("\xED\xA0\x80"), '"' + mark + mark + mark + '"');
  EXPECT_EQ(as_json("\xF0\x9F\x98"), '"' + mark + '"');
  EXPECT_EQ(as_json("\xF4\x90\x80\x80"), '"' + mark + mark + mark + mark + '"');
  EXPECT_EQ(as_json("é\xFFé"), "\"é" + mark + "é\"");
}

TEST(Writer, WhateverIsPutInTheTextIsValid) {
  std::mt19937 random(7);
  Document document;
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 24, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const std::string json = as_json(text);
    ASSERT_TRUE(is_utf8(json));
    ASSERT_EQ(document.parse(json), ParseError::none);
    if (is_utf8(text)) {
      ASSERT_EQ(document.root().as_string(), text);
    }
  }
}

TEST(Writer, WritesIntegers) {
  std::string out;
  Writer writer(out);
  writer.begin_array();
  writer.integer(0);
  writer.integer(std::numeric_limits<std::int64_t>::min());
  writer.integer(std::numeric_limits<std::int64_t>::max());
  writer.integer_unsigned(std::numeric_limits<std::uint64_t>::max());
  writer.end_array();
  EXPECT_EQ(out, "[0,-9223372036854775808,9223372036854775807,18446744073709551615]");
}

TEST(Writer, WritesRealsAsJavaScriptDoes) {
  // Right-hand sides are what JSON.stringify prints.
  const std::vector<std::pair<double, std::string>> cases = {
      {0.0, "0"},
      {-0.0, "0"},
      {1.0, "1"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {1e5, "100000"},
      {123456789.0, "123456789"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.5e21, "1.5e+21"},
      {-1e21, "-1e+21"},
      {1e-6, "0.000001"},
      {1e-7, "1e-7"},
      {1.25e-7, "1.25e-7"},
      {0.00012, "0.00012"},
      {123.456, "123.456"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {9007199254740993.0, "9007199254740992"},
      {0.30000000000000004, "0.30000000000000004"},
      {0x1p63, "9223372036854775808"},
      {-0x1p63, "-9223372036854775808"},
      {0x1p64, "18446744073709552000"},
      {16777216.0, "16777216"},
      {4294967296.5, "4294967296.5"},
      {123456789012345680000.0, "123456789012345680000"},
      {1e100, "1e+100"},
      {1e-100, "1e-100"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(real(value), text);
  EXPECT_EQ(real(std::nan("")), "null");
  EXPECT_EQ(real(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(real(-std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(real(0.1f), "0.1");
  EXPECT_EQ(real(3.4028235e38f), "3.4028235e+38");
  EXPECT_EQ(real(16777217.0f), "16777216");
}

TEST(Writer, RealsReadBackTheSame) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 20'000; ++round) {
    const std::uint64_t bits = random();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const std::string text = real(value);
    ASSERT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
}

TEST(Writer, BinaryIsAPlaceholderOrBase64) {
  std::string out;
  Writer plain(out);
  plain.begin_array();
  plain.binary("ab");
  plain.binary(SharedBuffer::copy("abc"));
  plain.end_array();
  EXPECT_EQ(out, R"(["YWI=","YWJj"])");
  EXPECT_EQ(plain.attachment_count(), 0u);

  out.clear();
  std::vector<SharedBuffer> attachments{SharedBuffer::copy("another packet's")};
  Writer writer(out, &attachments);
  writer.begin_array();
  writer.binary("ab");
  writer.binary(SharedBuffer::copy("abc"));
  writer.end_array();
  EXPECT_EQ(out, R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  EXPECT_EQ(writer.attachment_count(), 2u);
  ASSERT_EQ(attachments.size(), 3u);
  EXPECT_EQ(attachments[1].view(), "ab");
  EXPECT_EQ(attachments[2].view(), "abc");
}

TEST(IsUtf8, KnowsTheEdges) {
  for (const char* good : {"", "a", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x28\xA1", "\xFE"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace verdin::json
