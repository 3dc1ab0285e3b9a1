#include <array>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/base/siphash.hpp>
#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/parse.hpp>

namespace app {

struct Point {
  double x = 0;
  double y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};
constexpr auto json_fields(const Point*) {
  return std::tuple{verdin::json::field("x", &Point::x), verdin::json::field("y", &Point::y)};
}

struct User {
  std::string nick;
  int age = 7;
  std::optional<std::string> mail;
  std::vector<Point> path;
};
constexpr auto json_fields(const User*) {
  using verdin::json::field, verdin::json::optional_field;
  return std::tuple{field("nick", &User::nick), optional_field("age", &User::age), field("mail", &User::mail),
                    field("path", &User::path)};
}

enum class Colour { red, green };
bool from_json(verdin::json::View view, Colour& out) {
  const auto name = view.as_string();
  if (name == "red") return out = Colour::red, true;
  if (name == "green") return out = Colour::green, true;
  return false;
}
void to_json(verdin::json::Writer& writer, const Colour& colour) {
  writer.string(colour == Colour::red ? "red" : "green");
}

struct Even {
  int value = 0;
};
bool from_json(verdin::json::View view, Even& out, verdin::json::DecodeError& error) {
  if (!verdin::json::decode(view, out.value, error)) return false;
  if (out.value % 2 == 0) return true;
  error.set("an even number");
  return false;
}

struct Tree {
  std::vector<Tree> children;
};
constexpr auto json_fields(const Tree*) { return std::tuple{verdin::json::field("c", &Tree::children)}; }

}  // namespace app

namespace verdin::json {
namespace {

class Convert : public testing::Test {
 protected:
  template <typename T>
  std::optional<T> read(std::string_view text) {
    EXPECT_EQ(document_.parse(text), ParseError::none) << text;
    T out{};
    if (!decode(document_.root(), out, error_)) {
      EXPECT_FALSE(error_.expected.empty());
      return std::nullopt;
    }
    EXPECT_TRUE(error_.expected.empty());
    return out;
  }
  template <typename... T>
  bool args(std::string_view text, std::tuple<T...>& out) {
    EXPECT_EQ(document_.parse(text), ParseError::none) << text;
    return decode_args(document_.root(), 1, out, error_);
  }
  Document document_;
  DecodeError error_;
};

TEST_F(Convert, IntegersAreRangeChecked) {
  EXPECT_EQ(read<int>("5"), 5);
  EXPECT_EQ(read<int>("5.0"), 5);
  EXPECT_EQ(read<int>("5.5"), std::nullopt);
  EXPECT_EQ(read<int>("\"5\""), std::nullopt);
  EXPECT_EQ(read<int>("true"), std::nullopt);
  EXPECT_EQ(read<int>("null"), std::nullopt);
  EXPECT_EQ(read<std::int8_t>("127"), std::int8_t{127});
  EXPECT_EQ(read<std::int8_t>("128"), std::nullopt);
  EXPECT_EQ(error_.expected, "an integer of -128 to 127");
  EXPECT_EQ(read<std::int8_t>("-128"), std::int8_t{-128});
  EXPECT_EQ(read<std::int8_t>("-129"), std::nullopt);
  EXPECT_EQ(read<std::uint8_t>("255"), std::uint8_t{255});
  EXPECT_EQ(read<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(read<std::uint8_t>("-1"), std::nullopt);
  EXPECT_EQ(read<std::int32_t>("2147483647"), 2147483647);
  EXPECT_EQ(read<std::int32_t>("2147483648"), std::nullopt);
  EXPECT_EQ(read<std::uint32_t>("4294967296"), std::nullopt);
  EXPECT_EQ(read<std::int64_t>("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(read<std::int64_t>("9223372036854775808"), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read<std::uint64_t>("18446744073709551616"), std::nullopt);
}

TEST_F(Convert, Scalars) {
  EXPECT_EQ(read<bool>("true"), true);
  EXPECT_EQ(read<bool>("1"), std::nullopt);
  EXPECT_EQ(read<double>("1.5"), 1.5);
  EXPECT_EQ(read<double>("3"), 3.0);
  EXPECT_EQ(read<float>("0.1"), 0.1f);
  EXPECT_EQ(read<double>("\"1\""), std::nullopt);
  EXPECT_EQ(read<std::string>("\"a\\nb\""), "a\nb");
  EXPECT_EQ(read<std::string>("1"), std::nullopt);
  EXPECT_TRUE(read<std::nullptr_t>("null"));
  EXPECT_FALSE(read<std::nullptr_t>("0"));
}

TEST_F(Convert, OptionalIsNullOrAValue) {
  EXPECT_EQ(read<std::optional<int>>("null").value(), std::nullopt);
  EXPECT_EQ(read<std::optional<int>>("3").value(), 3);
  EXPECT_FALSE(read<std::optional<int>>("\"3\"").has_value());
}

TEST_F(Convert, Sequences) {
  EXPECT_EQ(read<std::vector<int>>("[1,2,3]"), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(read<std::vector<int>>("[]"), std::vector<int>());
  EXPECT_EQ(read<std::vector<int>>("[1,\"2\"]"), std::nullopt);
  EXPECT_EQ(error_.text(), "expected an integer of 32 bits at [1]");
  EXPECT_EQ(read<std::vector<int>>("{}"), std::nullopt);
  EXPECT_EQ(read<std::vector<bool>>("[true,false]"), (std::vector<bool>{true, false}));
  EXPECT_EQ(read<std::list<std::string>>("[\"a\"]"), (std::list<std::string>{"a"}));
  EXPECT_EQ(read<std::set<int>>("[3,1,3]"), (std::set<int>{1, 3}));
  EXPECT_EQ((read<std::array<int, 2>>("[1,2]")), (std::array<int, 2>{1, 2}));
  EXPECT_FALSE((read<std::array<int, 2>>("[1]")));
  EXPECT_FALSE((read<std::array<int, 2>>("[1,2,3]")));
  EXPECT_EQ((read<std::pair<int, std::string>>("[1,\"x\"]")), (std::pair<int, std::string>(1, "x")));
  EXPECT_EQ((read<std::tuple<int, std::optional<int>>>("[1]")), (std::tuple<int, std::optional<int>>(1, {})));
  EXPECT_FALSE((read<std::tuple<int, std::optional<int>>>("[1,2,3]")));
  EXPECT_EQ((read<std::vector<std::vector<int>>>("[[1],[2,\"x\"]]")), std::nullopt);
  EXPECT_EQ(error_.path, "[1][1]");
}

TEST_F(Convert, Maps) {
  EXPECT_EQ((read<std::map<std::string, int>>(R"({"b":1,"a":2,"b":3})")),
            (std::map<std::string, int>{{"a", 2}, {"b", 3}}));
  EXPECT_EQ((read<StringMap<int>>(R"({"__proto__":1})")), (StringMap<int>{{"__proto__", 1}}));
  EXPECT_EQ((read<std::map<std::string, int>>(R"({"a":"x"})")), std::nullopt);
  EXPECT_EQ(error_.path, "a");
  EXPECT_EQ((read<std::map<std::string, int>>("[]")), std::nullopt);
  static_assert(detail::UnkeyedHash<std::unordered_map<std::string, int>>);
  static_assert(!detail::UnkeyedHash<StringMap<int>>);
}

TEST_F(Convert, VariantTakesTheFirstThatFits) {
  using Id = std::variant<int, std::string, std::vector<int>>;
  EXPECT_EQ(read<Id>("1"), Id(1));
  EXPECT_EQ(read<Id>("\"x\""), Id("x"));
  EXPECT_EQ(read<Id>("[1]"), Id(std::vector<int>{1}));
  EXPECT_EQ(read<Id>("1.5"), std::nullopt);
  EXPECT_EQ(error_.expected, "one of several types");
  EXPECT_EQ((read<std::variant<std::monostate, int>>("null")), (std::variant<std::monostate, int>()));
}

TEST_F(Convert, StructsByTheirFields) {
  const auto user =
      read<app::User>(R"({"x":[{}],"path":[{"y":2,"x":1}],"nick":"old","nick":"andy","mail":null})");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->nick, "andy");
  EXPECT_EQ(user->age, 7);
  EXPECT_FALSE(user->mail);
  EXPECT_EQ(user->path, (std::vector<app::Point>{{1, 2}}));
  EXPECT_EQ(to_text(*user), R"({"nick":"andy","age":7,"mail":null,"path":[{"x":1,"y":2}]})");
  EXPECT_FALSE(read<app::User>(R"({"path":[]})"));
  EXPECT_EQ(error_.text(), "expected a value at nick");
  EXPECT_FALSE(read<app::User>(R"({"nick":"a","path":[{"x":1,"y":1},{"x":1,"y":"1"}]})"));
  EXPECT_EQ(error_.path, "path[1].y");
  EXPECT_EQ(error_.expected, "a number");
  EXPECT_FALSE(read<app::User>(R"({"nick":"a","path":[],"age":null})"));
  EXPECT_FALSE(read<app::User>("[]"));
  EXPECT_EQ(error_.expected, "an object");
}

TEST_F(Convert, TypesByTheirFunctions) {
  EXPECT_EQ(read<app::Colour>("\"green\""), app::Colour::green);
  EXPECT_EQ(read<app::Colour>("\"blue\""), std::nullopt);
  EXPECT_EQ(error_.expected, "another value");
  EXPECT_EQ(to_text(std::vector{app::Colour::red, app::Colour::green}), R"(["red","green"])");
  EXPECT_TRUE(read<app::Even>("2"));
  EXPECT_FALSE(read<std::vector<app::Even>>("[2,3]"));
  EXPECT_EQ(error_.text(), "expected an even number at [1]");
  EXPECT_FALSE(read<app::Even>("\"x\""));
  EXPECT_EQ(error_.expected, "an integer of 32 bits");
}

TEST_F(Convert, TypesThatContainThemselvesHaveALimit) {
  const auto nested = [](unsigned depth) {
    std::string text;
    for (unsigned i = 0; i < depth; ++i) text += "{\"c\":[";
    text += "{\"c\":[]}";
    for (unsigned i = 0; i < depth; ++i) text += "]}";
    return text;
  };
  EXPECT_TRUE(read<app::Tree>(nested(20)));
  EXPECT_FALSE(read<app::Tree>(nested(200)));
  EXPECT_EQ(error_.expected, "less nesting");
  EXPECT_LT(error_.path.size(), 600u);
}

TEST_F(Convert, BinaryIsBinaryOnly) {
  EXPECT_FALSE(read<Bytes>("[1,2]"));
  EXPECT_FALSE(read<Bytes>("\"YWI=\""));
  ASSERT_EQ(document_.parse(R"([{"_placeholder":true,"num":0}])"), ParseError::none);
  const std::vector<SharedBuffer> attachments{SharedBuffer::copy("ab")};
  ASSERT_TRUE(document_.attach(attachments));
  std::tuple<Bytes> bytes;
  ASSERT_TRUE(decode(document_.root(), bytes));
  EXPECT_EQ(std::get<0>(bytes), (Bytes{'a', 'b'}));
  std::vector<SharedBuffer> shared;
  ASSERT_TRUE(decode(document_.root(), shared));
  EXPECT_EQ(shared[0].view().data(), attachments[0].view().data());
  std::tuple<std::string> text;
  EXPECT_FALSE(decode(document_.root(), text));
  Value value;
  ASSERT_TRUE(decode(document_.root(), value));
  EXPECT_EQ(*value[0].as_binary(), (Bytes{'a', 'b'}));
  EXPECT_EQ(to_text(std::tuple{Bytes{'a', 'b'}, shared}), R"(["YWI=",["YWI="]])");
}

TEST_F(Convert, ArgumentsOfAHandler) {
  std::tuple<std::string, int, std::optional<bool>> out;
  EXPECT_TRUE(args(R"(["ev","a",1,true])", out));
  EXPECT_EQ(out, (std::tuple<std::string, int, std::optional<bool>>("a", 1, true)));
  EXPECT_TRUE(args(R"(["ev","b",2])", out));
  EXPECT_EQ(std::get<2>(out), std::nullopt);
  EXPECT_TRUE(args(R"(["ev","b",2,null,"extra",[]])", out));
  EXPECT_FALSE(args(R"(["ev","b"])", out));
  EXPECT_EQ(error_.text(), "expected a value at [1]");
  EXPECT_FALSE(args(R"(["ev"])", out));
  EXPECT_EQ(error_.path, "[0]");
  EXPECT_FALSE(args(R"(["ev","b","2"])", out));
  EXPECT_EQ(error_.path, "[1]");
  EXPECT_FALSE(args(R"({"a":1})", out));
  std::tuple<> none;
  EXPECT_TRUE(args(R"(["ev",1,2])", none));
  EXPECT_TRUE(args("[]", none));
  std::tuple<std::optional<int>, std::optional<int>> optionals{1, 2};
  EXPECT_TRUE(args("[\"ev\"]", optionals));
  EXPECT_EQ(optionals, (std::tuple<std::optional<int>, std::optional<int>>()));
  std::tuple<Value> any;
  EXPECT_TRUE(args(R"(["ev",{"a":[1]}])", any));
  EXPECT_EQ(std::get<0>(any).to_text(), R"({"a":[1]})");
  EXPECT_FALSE(args(R"(["ev"])", any));
}

TEST_F(Convert, EncodesWhatIsNotDecoded) {
  const std::string_view view = "v";
  const char* text = "t";
  const std::vector<bool> flags{true, false};
  const std::unordered_map<std::string, int> map{{"k", 1}};
  const std::map<std::string_view, int> views{{"a", 1}, {"b", 2}};
  EXPECT_EQ(to_text(std::tuple{view, text, std::string("s"), flags, map, views}),
            R"(["v","t","s",[true,false],{"k":1},{"a":1,"b":2}])");
  EXPECT_EQ(to_text("literal"), R"("literal")");
  EXPECT_EQ(to_text(nullptr), "null");
  EXPECT_EQ(to_text(std::optional<int>()), "null");
  EXPECT_EQ(to_text(std::variant<int, std::string>("x")), R"("x")");
  EXPECT_EQ(to_text(std::uint8_t{200}), "200");
  EXPECT_EQ(to_text(0.1f), "0.1");
  EXPECT_EQ(to_text(std::set<int>{2, 1}), "[1,2]");
  EXPECT_EQ(to_text(Value::object({{"a", 1}})), R"({"a":1})");
}

TEST(DecodeError, EscapesAPeersKeys) {
  DecodeError error;
  error.set("a number");
  error.inside("evil\n\x1b[2J");
  EXPECT_EQ(error.text().find('\n'), std::string::npos);
  EXPECT_EQ(error.text().find('\x1b'), std::string::npos);
  error.inside(std::string(100'000, 'k'));
  EXPECT_LT(error.path.size(), 300u);
}

}  // namespace
TEST(JsonConvert, ParseIsTheWayBackOfToText) {
  const auto point = parse<app::Point>(R"({"x":1,"y":2.5})");
  ASSERT_TRUE(point);
  EXPECT_EQ(*point, (app::Point{1, 2.5}));
  EXPECT_EQ(parse<app::Point>(to_text(*point)), point);
  EXPECT_EQ(parse(" [1] "), Value::array({1}));
  EXPECT_EQ(parse("null"), Value());

  DecodeError error;
  EXPECT_FALSE(parse<app::Point>(R"({"x":1,"y":"2"})", &error));
  EXPECT_EQ(error.text(), "expected a number at y");
  EXPECT_FALSE(parse<app::Point>(R"({"x":1)", &error));
  EXPECT_EQ(error.text(), "expected JSON");
  EXPECT_FALSE(parse(""));
}

}  // namespace verdin::json
