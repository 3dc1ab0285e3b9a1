#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/utf8.hpp>

namespace verdin::protocol {
namespace {

/// By the definition, and slowly: how many octets may be taken before the text is certainly invalid.
/// (npos: all of them.) `cut` tells whether the text ends inside a sequence.
std::size_t reference(std::string_view text, bool& cut) {
  cut = false;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = octet(at);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if (at + i == text.size()) return cut = true, std::string_view::npos;
      unsigned low = 0x80, high = 0xBF;
      if (i == 1 && lead == 0xE0) low = 0xA0;
      if (i == 1 && lead == 0xED) high = 0x9F;
      if (i == 1 && lead == 0xF0) low = 0x90;
      if (i == 1 && lead == 0xF4) high = 0x8F;
      if (octet(at + i) < low || octet(at + i) > high) return at + i;
    }
    at += length;
  }
  return std::string_view::npos;
}

/// Octet by octet: the index of the one that was refused.
std::size_t refused_at(std::string_view text) {
  Utf8Validator validator;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!validator.feed(text.substr(i, 1))) return i;
  }
  return std::string_view::npos;
}

void expect_as_reference(const std::string& text) {
  bool cut = false;
  const std::size_t wrong = reference(text, cut);
  ASSERT_EQ(refused_at(text), wrong) << testing::PrintToString(text);
  ASSERT_EQ(is_utf8(text), wrong == std::string_view::npos && !cut) << testing::PrintToString(text);
}

TEST(Utf8, TakesTheShortestAndLongestOfEachLength) {
  for (const char* text : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, RefusesAtTheOctetThatMakesItInvalid) {
  struct Case {
    std::string text;
    std::size_t at;
  };
  const std::vector<Case> cases = {
      {"\x80", 0},              // a continuation of nothing
      {"\xC0\xAF", 0},          // overlong: never valid, whatever follows
      {"\xC1\xBF", 0},          //
      {"\xE0\x9F\xBF", 1},      //
      {"\xF0\x8F\xBF\xBF", 1},  //
      {"\xED\xA0\x80", 1},      // surrogates
      {"\xED\xBF\xBF", 1},      //
      {"\xF4\x90\x80\x80", 1},  // above U+10FFFF
      {"\xF5", 0},              //
      {"\xFE", 0},              //
      {"\xFF", 0},              //
      {"\xC2\x41", 1},          // cut short by a letter
      {"\xE2\x82\x41", 2},      //
      {"\xF0\x9F\x98\x41", 3},  //
      {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80"
       "edited",
       12},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(refused_at(c.text), c.at) << testing::PrintToString(c.text);
    EXPECT_FALSE(is_utf8(c.text));
  }
}

TEST(Utf8, ATextThatIsCutShortIsNotComplete) {
  for (const char* text : {"\xC3", "\xE2", "\xE2\x82", "\xF0", "\xF0\x9F", "\xF0\x9F\x98"}) {
    Utf8Validator validator;
    EXPECT_TRUE(validator.feed(text));
    EXPECT_FALSE(validator.complete());
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(Utf8, StaysInvalidUntilReset) {
  Utf8Validator validator;
  EXPECT_FALSE(validator.feed("\xFF"));
  EXPECT_FALSE(validator.feed("a"));
  EXPECT_FALSE(validator.feed(std::string(200, 'a')));
  EXPECT_FALSE(validator.complete());
  validator.reset();
  EXPECT_TRUE(validator.feed("a"));
}

TEST(Utf8, AgreesWithTheDefinitionOnAllPairsOfOctets) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const std::string text{static_cast<char>(a), static_cast<char>(b)};
      ASSERT_NO_FATAL_FAILURE(expect_as_reference(text));
    }
  }
}

TEST(Utf8, AgreesWithTheDefinitionOnEdgesOfLongerSequences) {
  const unsigned edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                            0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
  for (unsigned lead : {0xE0u, 0xE1u, 0xECu, 0xEDu, 0xEEu, 0xEFu, 0xF0u, 0xF1u, 0xF3u, 0xF4u, 0xF5u}) {
    for (unsigned a : edges) {
      for (unsigned b : edges) {
        for (unsigned c : edges) {
          const std::string text{static_cast<char>(lead), static_cast<char>(a), static_cast<char>(b),
                                 static_cast<char>(c)};
          ASSERT_NO_FATAL_FAILURE(expect_as_reference(text));
        }
      }
    }
  }
}

TEST(Utf8, LongTextsInPiecesOfEverySize) {
  std::mt19937 random(1);
  const std::string letters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const std::size_t size = random() % 400;
    while (text.size() < size) text += letters[random() % (round % 3 == 0 ? 2 : 4)];
    if (!text.empty() && round % 2 == 1) text[random() % text.size()] = static_cast<char>(random());
    bool cut = false;
    const bool valid = reference(text, cut) == std::string_view::npos && !cut;
    ASSERT_EQ(is_utf8(text), valid);
    const std::size_t piece = 1 + random() % 150;
    Utf8Validator validator;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      const bool good = validator.feed(std::string_view(text).substr(at, piece));
      bool ignored = false;
      const std::size_t wrong = reference(text, ignored);
      ASSERT_EQ(good, wrong == std::string_view::npos || wrong >= at + piece);
    }
    ASSERT_EQ(validator.complete(), valid);
  }
}

}  // namespace
}  // namespace verdin::protocol
