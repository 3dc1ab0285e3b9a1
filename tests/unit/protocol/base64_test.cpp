#include <random>
#include <string>

#include <gtest/gtest.h>

#include <verdin/protocol/base64.hpp>

namespace verdin::protocol {
namespace {

std::string encoded(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

TEST(Base64, VectorsOfRfc4648) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {"\xFB\xFF\xFE", "+//+"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(encoded(bytes), text);
    EXPECT_EQ(base64_size(std::string_view(bytes).size()), std::string_view(text).size());
    EXPECT_EQ(decode_base64(text), to_bytes(bytes));
  }
}

TEST(Base64, EveryOtherTextIsRefused) {
  for (const char* text :
       {"Z",       "Zg",      "Zg=",   "Zg===",  "=",    "====",     "=AAA",     "A=AA", "AA=A",
        "Zh==",    "Zm9=",    "Zm9vY", "Zm9v\n", "Zm 9", "Zm9v====", "Zg==Zg==", "Zm-_", "\xC3\xA9\x41\x41",
        "AAA\xFF", "Zg==AAAA"}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

TEST(Base64, RoundTripInPlace) {
  std::mt19937 random(3);
  for (std::size_t size = 0; size < 300; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    std::string text = encoded(bytes);
    const auto decoded = decode_base64_in_place(text);
    ASSERT_EQ(decoded, size);
    ASSERT_EQ(std::string_view(text).substr(0, size), bytes);
  }
}

TEST(Base64, AppendsToWhatIsThere) {
  std::string out = "b";
  append_base64(out, "foo");
  EXPECT_EQ(out, "bZm9v");
}

}  // namespace
}  // namespace verdin::protocol
