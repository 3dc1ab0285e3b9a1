#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/base/impl/octet_order.hpp>
#include <verdin/base/log.hpp>
#include <verdin/base/random.hpp>
#include <verdin/base/shared_buffer.hpp>
#include <verdin/base/siphash.hpp>
#include <verdin/base/unique_function.hpp>

namespace {

TEST(RandomId, has_the_length_the_alphabet_and_no_repetition) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = verdin::random_id(20);
    EXPECT_EQ(id.size(), 20u);
    EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(SipHash, depends_on_every_octet_and_the_length) {
  std::set<std::uint64_t> hashes;
  std::string text(40, 'a');
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = 'b';
    hashes.insert(verdin::siphash(changed));
    hashes.insert(verdin::siphash(text.substr(0, i)));
  }
  EXPECT_EQ(hashes.size(), 80u);
  EXPECT_EQ(verdin::siphash(text), verdin::siphash(std::string(40, 'a')));
}

TEST(OctetOrder, is_one_of_all_strings_of_a_size) {
  std::minstd_rand random(1);
  const auto before = [](std::string_view a, std::string_view b) {
    return verdin::impl::octet_order(a, b) < 0;
  };
  for (std::size_t size = 0; size <= 40; ++size) {
    std::set<std::string> some;
    std::string text(size, 'a');
    for (std::size_t i = 0; i < size; ++i) {
      for (const char other : {'b', '\x80', '\xff', '\0'}) {
        text[i] = other;
        some.insert(text);
        text[i] = 'a';
      }
    }
    some.insert(text);
    std::vector<std::string> ordered(some.begin(), some.end());
    std::shuffle(ordered.begin(), ordered.end(), random);
    std::sort(ordered.begin(), ordered.end(), before);
    for (std::size_t i = 0; i < ordered.size(); ++i) {
      for (std::size_t j = 0; j < ordered.size(); ++j) {
        const int order = verdin::impl::octet_order(ordered[i], ordered[j]);
        EXPECT_EQ(order < 0, i < j);
        EXPECT_EQ(order == 0, i == j);
        EXPECT_EQ(verdin::impl::same_octets(ordered[i], ordered[j]), i == j);
      }
    }
    EXPECT_FALSE(verdin::impl::same_octets(text, text + 'a'));
  }
}

TEST(StringMap, is_looked_up_without_a_copy) {
  verdin::StringMap<int> map;
  map["key"] = 1;
  EXPECT_NE(map.find(std::string_view("key")), map.end());
}

TEST(SharedBuffer, joins_and_shares) {
  const auto buffer = verdin::SharedBuffer::join({"ab", "", "c"});
  const auto copy = buffer;
  EXPECT_EQ(copy.view(), "abc");
  EXPECT_EQ(copy.view().data(), buffer.view().data());
  EXPECT_FALSE(verdin::SharedBuffer());
  EXPECT_EQ(verdin::SharedBuffer().view(), "");
}

TEST(UniqueFunction, holds_small_and_large_callables_that_only_move) {
  auto small = verdin::UniqueFunction<int()>([p = std::make_unique<int>(3)] { return *p; });
  auto moved = std::move(small);
  EXPECT_EQ(moved(), 3);
  EXPECT_FALSE(small);
  EXPECT_THROW(small(), std::bad_function_call);
  auto token = std::make_shared<int>(0);
  {
    verdin::UniqueFunction<long(long)> large(
        [token, filling = std::array<long, 20>{1, 2}](long x) { return filling[1] + x; });
    EXPECT_EQ(large(5), 7);
    auto other = std::move(large);
    EXPECT_EQ(other(6), 8);
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Printable, escapes_what_could_forge_a_line_and_cuts) {
  EXPECT_EQ(verdin::printable("a\r\nb\x1b\"\\"), "a\\x0d\\x0ab\\x1b\\x22\\x5c");
  EXPECT_LE(verdin::printable(std::string(10'000, 'x')).size(), 260u);
}

TEST(Log, reaches_the_sink_and_survives_one_that_throws) {
  std::string seen;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view m) { seen += m; });
  verdin::log(verdin::LogLevel::info, "x");
  verdin::set_log_sink([](verdin::LogLevel, std::string_view) { throw 1; });
  verdin::log(verdin::LogLevel::info, "y");
  verdin::set_log_sink(nullptr);
  verdin::log(verdin::LogLevel::info, "z");
  EXPECT_EQ(seen, "x");
}

}  // namespace
