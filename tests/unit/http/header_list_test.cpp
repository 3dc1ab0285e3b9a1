#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/http/impl/header_list.hpp>

namespace verdin::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs all(const HeaderList& list) {
  Pairs pairs;
  for (const auto& [name, value] : list.all()) pairs.emplace_back(name, value);
  return pairs;
}

auto named(std::string_view name) {
  return [name](const Header& header) { return header.name == name; };
}

/// The same done to a list and to a plain vector.
struct Both {
  void add(std::string name, std::string value) {
    list.add(name, value);
    plain.emplace_back(std::move(name), std::move(value));
  }
  void remove(std::string_view name) {
    list.remove_if(named(name));
    std::erase_if(plain, [&](const auto& pair) { return pair.first == name; });
  }
  bool same() const { return all(list) == plain && list.empty() == plain.empty(); }

  HeaderList list{};
  Pairs plain{};
};

TEST(HeaderList, KeepsTheOrder) {
  Both both;
  EXPECT_TRUE(both.same());
  for (int i = 0; i < 40; ++i) {
    both.add("X-" + std::to_string(i), i % 3 == 0 ? std::string() : std::string("value"));
    ASSERT_TRUE(both.same()) << i;
  }
}

TEST(HeaderList, TakesLongOnesBetweenShortOnes) {
  Both both;
  both.add("A", "short");
  both.add("B", std::string(HeaderList::kRoom, 'b'));
  both.add("C", "short");
  both.add("D", std::string(100'000, 'd'));
  EXPECT_TRUE(both.same());
  both.remove("B");
  both.add("B", "short");
  both.remove("D");
  EXPECT_TRUE(both.same());
}

TEST(HeaderList, ExactlyFillsItsRoom) {
  Both both;
  both.add("A", std::string(HeaderList::kRoom - 1, 'a'));
  both.add("B", "");
  both.add("C", "c");
  EXPECT_TRUE(both.same());
}

TEST(HeaderList, CopiesWhatItIsGiven) {
  HeaderList list;
  {
    std::string name = "Name";
    std::string value = "value";
    list.add(name, value);
    name.assign(4, 'x');
    value.assign(5, 'x');
  }
  EXPECT_EQ(all(list), (Pairs{{"Name", "value"}}));
}

TEST(HeaderList, BeginsAnewOnceEmpty) {
  Both both;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) both.add(std::to_string(i % 7), std::string(30, 'v'));
    for (int i = 0; i < 7; ++i) {
      both.remove(std::to_string(i));
      ASSERT_TRUE(both.same()) << i;
    }
    both.add("A", "1");
    both.list.clear();
    both.plain.clear();
    ASSERT_TRUE(both.same());
  }
}

/// A header that is set again and again takes no more memory each time.
TEST(HeaderList, KeepsNoneOfWhatIsReplaced) {
  Both both;
  both.add("Other", "o");
  EXPECT_EQ(both.list.memory(), 0u);
  for (int i = 0; i < 1000; ++i) {
    both.remove("Name");
    both.add("Name", std::string(1000, 'v'));
    both.remove("Short");
    both.add("Short", std::string(50, 's'));
    ASSERT_LT(both.list.memory(), 3000u) << i;
  }
  EXPECT_TRUE(both.same());
  both.list.clear();
  EXPECT_EQ(both.list.memory(), 0u);
}

}  // namespace
}  // namespace verdin::http
