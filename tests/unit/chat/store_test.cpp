#include "chat/store.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "chat/sqlite.hpp"

namespace {

using chat::Message;
using chat::Store;

Message message(const std::string& from, const std::string& text, const std::string& nonce = "") {
  return {0, from, text, 1'700'000'000'000, nonce};
}

std::string texts(const chat::History& history) {
  std::string all;
  for (const Message& each : history.messages) all += each.text + ",";
  return all;
}

class StoreFile : public testing::Test {
 protected:
  StoreFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "verdin-store-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~StoreFile() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "chat.db"; }

 private:
  std::filesystem::path folder_;
};

TEST(Store, MakesRooms) {
  Store store(":memory:");
  EXPECT_TRUE(store.rooms().empty());
  const auto made = store.create("Book club");
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->is_new);
  EXPECT_EQ(made->room.slug, "book-club");
  EXPECT_EQ(store.find("book-club")->name, "Book club");
  EXPECT_FALSE(store.find("Book club"));
}

TEST(Store, TheSameNameIsTheSameRoom) {
  Store store(":memory:");
  store.create("Garden");
  const auto again = store.create("GARDEN");
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->room.name, "Garden");
  EXPECT_EQ(store.rooms().size(), 1u);
}

TEST(Store, SlugsAreUnique) {
  Store store(":memory:");
  EXPECT_EQ(store.create("C")->room.slug, "c");
  EXPECT_EQ(store.create("C++")->room.slug, "c-2");
  EXPECT_EQ(store.create("C#")->room.slug, "c-3");
  EXPECT_EQ(store.create("C 2")->room.slug, "c-2-2");
  EXPECT_EQ(store.create("🎉")->room.slug, "room");
  EXPECT_EQ(store.create("🎈")->room.slug, "room-2");
}

TEST(Store, RoomsAreListedByName) {
  Store store(":memory:");
  for (const char* name : {"banana", "Apple", "cherry"}) store.create(name);
  std::string all;
  for (const auto& room : store.rooms()) all += room.name + ",";
  EXPECT_EQ(all, "Apple,banana,cherry,");
}

TEST(Store, RoomsAreLimited) {
  Store store(":memory:", {.rooms = 2});
  store.create("one");
  store.create("two");
  EXPECT_FALSE(store.create("three"));
  EXPECT_TRUE(store.create("Two")) << "that one is there";
  EXPECT_EQ(store.rooms().size(), 2u);
}

TEST(Store, KeepsMessagesAsTheyAre) {
  Store store(":memory:");
  store.create("den");
  static constexpr char kOdd[] = "a\0b 'quoted' \"x\"\n🎉; DROP TABLE rooms --";
  const std::string text(kOdd, sizeof kOdd - 1);
  const auto added = store.add("den", message("Ann", text, "n1"));
  ASSERT_TRUE(added);
  EXPECT_TRUE(added->is_new);
  const auto history = store.history("den", 0, 10);
  ASSERT_EQ(history->messages.size(), 1u);
  const Message& kept = history->messages[0];
  EXPECT_EQ(kept.id, added->message.id);
  EXPECT_EQ(kept.from, "Ann");
  EXPECT_EQ(kept.text, text);
  EXPECT_EQ(kept.at, 1'700'000'000'000);
  EXPECT_EQ(kept.nonce, "n1");
}

TEST(Store, NoRoomNoMessages) {
  Store store(":memory:");
  EXPECT_FALSE(store.add("nowhere", message("Ann", "x")));
  EXPECT_FALSE(store.history("nowhere", 0, 10));
}

TEST(Store, ANonceIsStoredOnceARoom) {
  Store store(":memory:");
  store.create("den");
  store.create("attic");
  const auto first = store.add("den", message("Ann", "hello", "n1"));
  const auto again = store.add("den", message("Ann", "hello, again", "n1"));
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->message.id, first->message.id);
  EXPECT_EQ(again->message.text, "hello");
  EXPECT_TRUE(store.add("attic", message("Ann", "hello", "n1"))->is_new);
  EXPECT_TRUE(store.add("den", message("Ann", "no nonce"))->is_new);
  EXPECT_TRUE(store.add("den", message("Ann", "no nonce"))->is_new);
  EXPECT_EQ(store.history("den", 0, 10)->messages.size(), 3u);
}

TEST(Store, HistoryIsTheLastOnesInOrder) {
  Store store(":memory:");
  store.create("den");
  store.create("attic");
  for (const char* text : {"a", "b", "c", "d"}) {
    store.add("den", message("Ann", text));
    store.add("attic", message("Bob", "x"));
  }
  EXPECT_EQ(texts(*store.history("den", 0, 10)), "a,b,c,d,");
  EXPECT_EQ(texts(*store.history("den", 0, 2)), "c,d,");
  EXPECT_EQ(texts(*store.history("den", 0, 0)), "");
}

TEST(Store, HistoryAfterAMessageIsCompleteOrSaysSo) {
  Store store(":memory:", {.messages_per_room = 3});
  store.create("den");
  EXPECT_TRUE(store.history("den", 0, 10)->complete) << "an empty room";
  std::vector<std::int64_t> ids;
  for (const char* text : {"a", "b", "c", "d", "e"})
    ids.push_back(store.add("den", message("Ann", text))->message.id);
  EXPECT_EQ(texts(*store.history("den", 0, 10)), "c,d,e,") << "the limit of a room";

  const auto missed_two = store.history("den", ids[2], 10);
  EXPECT_EQ(texts(*missed_two), "d,e,");
  EXPECT_TRUE(missed_two->complete);
  EXPECT_TRUE(store.history("den", ids[4], 10)->complete);
  EXPECT_TRUE(store.history("den", ids[1], 10)->complete) << "b was dropped, but it has been seen";
  EXPECT_FALSE(store.history("den", ids[0], 10)->complete) << "b was dropped and not seen";
  EXPECT_FALSE(store.history("den", ids[2], 1)->complete) << "more than asked for";
  EXPECT_FALSE(store.history("den", ids[4] + 1, 10)->complete) << "an id of another database";
}

TEST_F(StoreFile, OutlivesTheProcess) {
  std::int64_t last = 0;
  {
    Store store(path());
    store.create("den");
    last = store.add("den", message("Ann", "kept", "n1"))->message.id;
  }
  Store store(path());
  EXPECT_EQ(texts(*store.history("den", 0, 10)), "kept,");
  EXPECT_FALSE(store.add("den", message("Ann", "kept", "n1"))->is_new);
  EXPECT_GT(store.add("den", message("Ann", "next"))->message.id, last);
}

TEST_F(StoreFile, IdsAreNeverUsedAgain) {
  std::int64_t last = 0;
  {
    Store store(path(), {.messages_per_room = 0});
    store.create("den");
    last = store.add("den", message("Ann", "dropped at once"))->message.id;
    EXPECT_EQ(texts(*store.history("den", 0, 10)), "");
  }
  Store store(path());
  EXPECT_GT(store.add("den", message("Ann", "next"))->message.id, last);
  EXPECT_TRUE(store.history("den", last, 10)->complete);
}

TEST_F(StoreFile, TwoProcessesMayUseOneFile) {
  Store one(path());
  Store two(path());
  one.create("den");
  EXPECT_TRUE(two.add("den", message("Bob", "hi")));
  EXPECT_EQ(texts(*one.history("den", 0, 10)), "hi,");
}

TEST_F(StoreFile, SaysWhatIsWrongWithTheFile) {
  EXPECT_THROW(Store(path() + "/none/chat.db"), chat::sqlite::Error);
  std::ofstream(path())
      << "this is not a database, though it is long enough to look like one to the eye of a reader";
  EXPECT_THROW(Store{path()}, chat::sqlite::Error);
}

}  // namespace
