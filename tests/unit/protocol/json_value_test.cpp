#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/value.hpp>

namespace verdin::json {
namespace {

Value deep_value(std::size_t depth) {
  Value value;
  for (std::size_t i = 0; i < depth; ++i) {
    Value outer;
    if (i % 2 == 0) {
      outer.push_back(1);
      outer.push_back(std::move(value));
      outer.push_back(Value::array({2, 3}));
    } else {
      outer.set("a", "x");
      outer.set("b", std::move(value));
    }
    value = std::move(outer);
  }
  return value;
}

TEST(Value, TakesEveryType) {
  EXPECT_EQ(Value().kind(), Kind::null);
  EXPECT_EQ(Value(nullptr).kind(), Kind::null);
  EXPECT_EQ(Value(true).kind(), Kind::boolean);
  EXPECT_EQ(Value(1).kind(), Kind::int64);
  EXPECT_EQ(Value(1u).kind(), Kind::int64);
  EXPECT_EQ(Value(std::numeric_limits<std::uint64_t>::max()).kind(), Kind::uint64);
  EXPECT_EQ(Value(0.5f).kind(), Kind::real);
  EXPECT_EQ(Value("text").kind(), Kind::string);
  EXPECT_EQ(Value(std::string("text")).kind(), Kind::string);
  EXPECT_EQ(Value(std::string_view("text")).kind(), Kind::string);
  EXPECT_EQ(Value(Bytes{1}).kind(), Kind::binary);
  EXPECT_EQ(Value::array().kind(), Kind::array);
  EXPECT_EQ(Value::object().kind(), Kind::object);
  EXPECT_LE(sizeof(Value), 40u);
}

TEST(Value, GivesNumbersInOtherForms) {
  EXPECT_EQ(Value(5.0).as_int64(), 5);
  EXPECT_EQ(Value(5.5).as_int64(), std::nullopt);
  EXPECT_EQ(Value(-5).as_uint64(), std::nullopt);
  EXPECT_EQ(Value(5).as_double(), 5.0);
  EXPECT_EQ(Value("5").as_double(), std::nullopt);
  EXPECT_EQ(Value(std::numeric_limits<std::uint64_t>::max()).as_int64(), std::nullopt);
  EXPECT_EQ(Value(true).as_int64(), std::nullopt);
}

TEST(Value, LooksUpAndChanges) {
  Value value = Value::object({{"a", 1}, {"b", Value::array({1, "two"})}});
  EXPECT_EQ(value["a"].as_int64(), 1);
  EXPECT_EQ(*value["b"][1].as_string(), "two");
  EXPECT_TRUE(value["c"]["d"][7].is_null());
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(value["b"].find(2), nullptr);
  value.set("a", Value(2)).set("c", "new");
  EXPECT_EQ(value.to_text(), R"({"a":2,"b":[1,"two"],"c":"new"})");
  value.find("b")->push_back(nullptr);
  EXPECT_EQ(value["b"].size(), 3u);
  value.push_back(1);
  EXPECT_EQ(value.to_text(), "[1]");
  value.set("x", 1);
  EXPECT_EQ(value.to_text(), R"({"x":1})");
}

TEST(Value, TheLastOfDuplicateKeysIsFound) {
  Document document;
  ASSERT_EQ(document.parse(R"({"a":1,"a":2})"), ParseError::none);
  const Value value(document.root());
  EXPECT_EQ(value["a"].as_int64(), 2);
  EXPECT_EQ(value.to_text(), R"({"a":1,"a":2})");
}

TEST(Value, ComparesByMeaning) {
  EXPECT_EQ(Value(1), Value(1.0));
  EXPECT_EQ(Value(1u), Value(1));
  EXPECT_NE(Value(1), Value(1.5));
  EXPECT_NE(Value(1), Value(true));
  EXPECT_NE(Value(1), Value("1"));
  EXPECT_NE(Value(9007199254740993), Value(9007199254740992.0));
  EXPECT_NE(Value(std::numeric_limits<std::uint64_t>::max()), Value(0x1p64));
  EXPECT_NE(Value(std::nan("")), Value(std::nan("")));
  EXPECT_EQ(Value("a"), Value("a"));
  EXPECT_NE(Value("a"), Value("b"));
  EXPECT_NE(Value(Bytes{1}), Value(Bytes{2}));
  EXPECT_NE(Value("a"), Value(Bytes{'a'}));
  EXPECT_EQ(Value(), Value(nullptr));
  EXPECT_NE(Value(true), Value(false));
  EXPECT_EQ(Value::array({1, Value::array({2})}), Value::array({1, Value::array({2})}));
  EXPECT_NE(Value::array({1, Value::array({2})}), Value::array({1, Value::array({3})}));
  EXPECT_NE(Value::array({1}), Value::array({1, 2}));
  EXPECT_NE(Value::array(), Value::object());
  EXPECT_NE(Value::object({{"a", 1}}), Value::object({{"b", 1}}));
  EXPECT_NE(Value::object({{"a", 1}, {"b", 2}}), Value::object({{"b", 2}, {"a", 1}}));
}

TEST(Value, CopiesAreIndependent) {
  Value original = Value::object({{"a", Value::array({1, Value::object({{"b", "c"}})})}});
  Value copy = original;
  original.find("a")->push_back(2);
  EXPECT_EQ(copy.to_text(), R"({"a":[1,{"b":"c"}]})");
  copy = original;
  EXPECT_EQ(copy, original);
  const Value& self = copy;
  copy = self;
  EXPECT_EQ(copy, original);
}

TEST(Value, AnAssignmentMayComeFromWithin) {
  Value value = Value::array({Value::array({Value::array({1, 2}), 3}), 4});
  value = std::move((*value.as_array())[0]);
  EXPECT_EQ(value.to_text(), "[[1,2],3]");
  value = (*value.as_array())[0];
  EXPECT_EQ(value.to_text(), "[1,2]");
}

TEST(Value, DepthCostsNoStack) {
  constexpr std::size_t kDepth = 60'000;  // would need more stack than there is if anything recursed
  Value value = deep_value(kDepth);
  const Value copy = value;
  EXPECT_TRUE(copy == value);
  const std::string text = copy.to_text();
  EXPECT_GT(text.size(), kDepth * 4);
  value = nullptr;
}

// Random trees, for the round trip.
class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  Value value(int depth, bool binary) {
    switch (random_() % (depth > 0 ? 11 : 8)) {
      case 0:
        return nullptr;
      case 1:
        return random_() % 2 == 0;
      case 2:
        return static_cast<std::int64_t>(random_() % 2000) - 1000;
      case 3:
        return static_cast<std::int64_t>(random_());
      case 4:
        return random_();
      case 5:
        return real();
      case 6:
        return text();
      case 7:
        return binary ? Value(Bytes(random_() % 5, static_cast<std::uint8_t>(random_()))) : Value(text());
      case 8: {
        Value array = Value::array();
        for (auto n = random_() % 5; n > 0; --n) array.push_back(value(depth - 1, binary));
        return array;
      }
      default: {
        Value::Object object;
        for (auto n = random_() % 5; n > 0; --n) object.push_back({text(), value(depth - 1, binary)});
        return Value(std::move(object));
      }
    }
  }

 private:
  double real() {
    while (true) {
      const std::uint64_t bits = random_();
      double value;
      std::memcpy(&value, &bits, sizeof value);
      if (std::isfinite(value))
        return random_() % 2 == 0 ? value : std::ldexp(static_cast<double>(random_() % 4096), -4);
    }
  }
  std::string text() {
    static constexpr const char* kPieces[] = {"a", "key",  "\"",   "\\", "\n",  "é", "漢",
                                              "😀", "\x7f", "\x01", " ",  "num", "/"};
    std::string result;
    for (auto n = random_() % 6; n > 0; --n) result += kPieces[random_() % std::size(kPieces)];
    return result;
  }
  std::mt19937_64 random_;
};

TEST(Value, RandomTreesSurviveARoundTrip) {
  Document document;
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    const Value value = Generator(seed).value(5, true);
    std::string text;
    std::vector<SharedBuffer> attachments;
    Writer writer(text, &attachments);
    value.write(writer);
    ASSERT_EQ(document.parse(text), ParseError::none) << text;
    if (attachments.size() > kMaxAttachments) continue;
    ASSERT_TRUE(document.attach(attachments)) << text;
    ASSERT_EQ(Value(document.root()), value) << text;
    std::string again;
    std::vector<SharedBuffer> attachments_again;
    Writer writer_again(again, &attachments_again);
    write(writer_again, document.root());
    ASSERT_EQ(again, text);
    Value copy = value;
    ASSERT_EQ(copy, value);
  }
}

}  // namespace
}  // namespace verdin::json
