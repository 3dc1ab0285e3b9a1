#include "chat/presence.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using chat::Presence;
using Names = std::vector<std::string>;

TEST(Presence, ANicknameIsTakenOnceInARoom) {
  Presence presence;
  EXPECT_TRUE(presence.claim("s1", "den", "ann", "Ann").arrived);
  EXPECT_TRUE(presence.claim("s2", "den", "bob", "aNN").taken);
  EXPECT_FALSE(presence.nick("s2"));
  EXPECT_TRUE(presence.claim("s2", "attic", "bob", "Ann").arrived) << "another room";
  EXPECT_EQ(presence.names("den"), Names{"Ann"});
  EXPECT_EQ(presence.count("attic"), 1u);
  EXPECT_EQ(presence.count("nowhere"), 0u);
}

TEST(Presence, NamesAreInOrder) {
  Presence presence;
  for (const char* nick : {"bob", "Ann", "Zoë", "ann 2"}) presence.claim(nick, "den", nick, nick);
  EXPECT_EQ(presence.names("den"), (Names{"Ann", "ann 2", "bob", "Zoë"}));
}

TEST(Presence, TwoTabsAreOnePerson) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  const auto second = presence.claim("s2", "den", "ann", "Ann");
  EXPECT_FALSE(second.taken || second.arrived || second.left);
  EXPECT_EQ(presence.count("den"), 1u);
  EXPECT_FALSE(presence.leave("s1")->gone);
  const auto last = presence.leave("s2");
  EXPECT_TRUE(last->gone);
  EXPECT_EQ(last->nick, "Ann");
  EXPECT_EQ(last->room, "den");
  EXPECT_EQ(presence.count("den"), 0u);
  EXPECT_FALSE(presence.leave("s2"));
}

TEST(Presence, ARenamedPersonFreesTheOldName) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  const auto renamed = presence.claim("s1", "den", "ann", "Anna");
  EXPECT_TRUE(renamed.arrived);
  EXPECT_EQ(renamed.left, "Ann");
  EXPECT_EQ(presence.nick("s1"), "Anna");
  EXPECT_TRUE(presence.claim("s2", "den", "bob", "Ann").arrived);
  EXPECT_TRUE(presence.claim("s2", "den", "bob", "Anna").taken);
  EXPECT_EQ(presence.nick("s2"), "Ann") << "a refused claim changes nothing";
}

TEST(Presence, TheSameNameAgainIsNoNews) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  const auto again = presence.claim("s1", "den", "ann", "Ann");
  EXPECT_FALSE(again.taken || again.arrived || again.left || again.evicted);
  EXPECT_TRUE(presence.leave("s1")->gone);
}

TEST(Presence, ANameCanBeRespelled) {
  Presence presence;
  presence.claim("s1", "den", "ann", "ann");
  const auto respelled = presence.claim("s1", "den", "ann", "Ann");
  EXPECT_TRUE(respelled.arrived);
  EXPECT_EQ(respelled.left, "ann");
  EXPECT_EQ(presence.names("den"), Names{"Ann"});
}

TEST(Presence, OneOfTwoTabsCanBeRenamed) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  presence.claim("s2", "den", "ann", "Ann");
  const auto renamed = presence.claim("s2", "den", "ann", "Ann 2");
  EXPECT_TRUE(renamed.arrived);
  EXPECT_FALSE(renamed.left) << "the first tab still has it";
  const auto back = presence.claim("s2", "den", "ann", "Ann");
  EXPECT_FALSE(back.arrived);
  EXPECT_EQ(back.left, "Ann 2");
}

TEST(Presence, AHeldSeatIsThereForItsOwner) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  EXPECT_TRUE(presence.hold("s1"));
  EXPECT_TRUE(presence.hold("s1"));
  EXPECT_EQ(presence.names("den"), Names{"Ann"});
  EXPECT_FALSE(presence.claim("s2", "den", "ann", "Ann").arrived) << "back before anybody noticed";
  EXPECT_FALSE(presence.leave("s1")->gone);
  EXPECT_TRUE(presence.claim("s3", "den", "bob", "Ann").taken);
  EXPECT_FALSE(presence.hold("s9"));
}

TEST(Presence, AHeldSeatIsNoObstacleForOthers) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  presence.hold("s1");
  const auto claim = presence.claim("s2", "den", "bob", "ann");
  EXPECT_EQ(claim.evicted, "Ann");
  EXPECT_TRUE(claim.arrived);
  EXPECT_FALSE(presence.leave("s1"));
  EXPECT_EQ(presence.names("den"), Names{"ann"});
  EXPECT_TRUE(presence.leave("s2")->gone);
}

TEST(Presence, OneHeldSeatOfTwoStillHoldsTheName) {
  Presence presence;
  presence.claim("s1", "den", "ann", "Ann");
  presence.claim("s2", "den", "ann", "Ann");
  presence.hold("s1");
  EXPECT_TRUE(presence.claim("s3", "den", "bob", "Ann").taken);
  presence.leave("s1");
  presence.hold("s2");
  EXPECT_EQ(presence.claim("s3", "den", "bob", "Ann").evicted, "Ann");
}

}  // namespace
