#include "chat/text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using chat::fold;
using chat::slugify;
using chat::tidy_name;

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Text, CountsCodePoints) {
  EXPECT_EQ(chat::length(""), 0u);
  EXPECT_EQ(chat::length("aé你🎉"), 4u);
  EXPECT_EQ(chat::length(std::string_view("a\0b", 3)), 3u);
}

TEST(Text, RefusesWhatIsNotUtf8) {
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "a\xFF", "\xE2\x28\xA1"}) {
    EXPECT_FALSE(chat::length(bad)) << testing::PrintToString(bad);
    EXPECT_TRUE(chat::message_problem(bad));
    EXPECT_TRUE(chat::nickname_problem(bad));
    EXPECT_TRUE(chat::room_name_problem(bad));
  }
  EXPECT_TRUE(chat::nickname_problem(tidy_name("Ann \xFF"))) << "tidying does not hide it";
}

TEST(Text, TidiesBlanks) {
  EXPECT_EQ(tidy_name("  Book \t\n  club "), "Book club");
  EXPECT_EQ(tidy_name("\u3000a\u00A0\u2003b\u2028"), "a b");
  EXPECT_EQ(tidy_name(" \n "), "");
}

TEST(Text, FoldsCase) {
  EXPECT_EQ(fold("Ann LEE"), "ann lee");
  EXPECT_EQ(fold("ÀÉÎØÞ ŁÓDŹ Ÿ"), "àéîøþ łódź ÿ");
  EXPECT_EQ(fold("ΆΈΌΏ ΣΊΣΥΦΟΣ"), fold("άέόώ σίσυφος"));
  EXPECT_EQ(fold("ЁЖИК Ґ Ӏ"), "ёжик ґ ӏ");
  EXPECT_EQ(fold("ԱՖ Ａ Ạ"), "աֆ ａ ạ");
  EXPECT_EQ(fold("×÷ß 你好 ĸ"), "×÷ß 你好 ĸ");
}

TEST(Text, SlugsOfLatinNames) {
  EXPECT_EQ(slugify("Book club"), "book-club");
  EXPECT_EQ(slugify("  --Hello,   World!-- "), "hello-world");
  EXPECT_EQ(slugify("Crème brûlée & Æther"), "creme-brulee-aether");
  EXPECT_EQ(slugify("Straße nach Łódź"), "strasse-nach-lodz");
  EXPECT_EQ(slugify("Ann's and Bob’s"), "anns-and-bobs");
  EXPECT_EQ(slugify("cre\u0300me"), "creme") << "a mark of its own";
  EXPECT_EQ(slugify("C++ 2024/../etc"), "c-2024-etc");
}

TEST(Text, SlugsOfOtherScripts) {
  EXPECT_EQ(slugify("Книжный Клуб"), "книжный-клуб");
  EXPECT_EQ(slugify("読書会、東京"), "読書会-東京");
  EXPECT_EQ(slugify("한국어"), "한국어");
  EXPECT_EQ(slugify("Οδός"), "οδόσ");
}

TEST(Text, SlugsWhenNothingIsLeft) {
  for (const char* name : {"", "🎉", "!!!", "“…”", "\u200b", "\xFF"}) EXPECT_EQ(slugify(name), "room") << name;
}

TEST(Text, SlugsAreBounded) { EXPECT_EQ(slugify(times(500, "é")), std::string(80, 'e')); }

TEST(Text, Nicknames) {
  for (const char* nick : {"Ann", "Ann Lee", "o'Neil", "x_2", "Zoë-2", "Ёжик", "你好", "🎉", "1st"}) {
    EXPECT_FALSE(chat::nickname_problem(nick)) << nick;
  }
  for (const char* nick : {"", "a<b>", "a\"b", "a&b", "a\nb", "Ann\u200b", "\u202eAnn", "a\u00ADb", " Ann",
                           ".x", "-x", "\u0301x", "a\u2800"}) {
    EXPECT_TRUE(chat::nickname_problem(nick)) << nick;
  }
  EXPECT_FALSE(chat::nickname_problem(times(24, "🎉")));
  EXPECT_EQ(chat::nickname_problem(times(25, "x")), "A nickname has at most 24 characters.");
  EXPECT_EQ(chat::nickname_problem(""), "Type a nickname first.");
  EXPECT_TRUE(chat::nickname_problem(std::string_view("a\0", 2)));
}

TEST(Text, RoomNames) {
  EXPECT_FALSE(chat::room_name_problem("<b>Bold</b> & “quoted”"));
  EXPECT_FALSE(chat::room_name_problem(times(60, "é")));
  EXPECT_EQ(chat::room_name_problem(times(61, "é")), "A name has at most 60 characters.");
  EXPECT_EQ(chat::room_name_problem(""), "Give the room a name first.");
  EXPECT_TRUE(chat::room_name_problem("a\u202eb"));
  EXPECT_TRUE(chat::room_name_problem("a\x07"));
}

TEST(Text, Messages) {
  EXPECT_FALSE(chat::message_problem("x"));
  EXPECT_FALSE(chat::message_problem("two\n\tlines"));
  EXPECT_FALSE(chat::message_problem(times(2000, "🎉")));
  EXPECT_EQ(chat::message_problem(times(2001, "x")), "A message has at most 2000 characters.");
  for (const char* blank : {"", " \n\t ", "\u200b\u3000"}) {
    EXPECT_EQ(chat::message_problem(blank), "Write something first.");
  }
}

}  // namespace
