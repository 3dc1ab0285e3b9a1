// Rooms and their last messages, in an SQLite file.
//
// Each call blocks on the disk: call it through verdin::offload(). One thread at a time (whichever), as
// StoreService in chat.cpp sees to. Throws sqlite::Error when the file cannot be read or written; each call
// is all or nothing. Texts are taken as they come: text.hpp says what may be in them.
//
// Ids of messages grow over all rooms and are never used again. Times are milliseconds since 1970 in UTC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chat {

struct Room {
  std::string slug;  ///< in addresses; unique
  std::string name;
};

struct Message {
  std::int64_t id = 0;
  std::string from;
  std::string text;
  std::int64_t at = 0;
  std::string nonce;  ///< chosen by who wrote it, unique in its room; empty if none was
};

/// The messages of a room after a certain one, oldest first.
struct History {
  std::vector<Message> messages;
  bool complete = false;  ///< nothing is missing between that one and these
};

struct StoreLimits {
  std::size_t rooms = 1000;
  std::size_t messages_per_room = 500;  ///< older ones are deleted
};

class Store {
 public:
  /// Opens the file, or makes it with its tables.
  explicit Store(const std::string& path, StoreLimits limits = {});
  ~Store();

  /// All rooms, by name.
  std::vector<Room> rooms();
  std::optional<Room> find(std::string_view slug);

  struct Created {
    Room room;
    bool is_new = false;
  };
  /// A room of that name: the one there is (names differ by more than case), or a new one with a slug of its
  /// own. Nothing if there are too many.
  std::optional<Created> create(std::string_view name);

  struct Added {
    Message message;
    bool is_new = false;
  };
  /// Keeps `message` (its id is given here) in the room. If the room has one with the same nonce, that one is
  /// the answer. Nothing if there is no such room.
  std::optional<Added> add(std::string_view slug, Message message);
  /// The last `most` messages of those with an id above `after`. Nothing if there is no such room.
  std::optional<History> history(std::string_view slug, std::int64_t after, std::size_t most);

 private:
  struct Statements;

  std::optional<std::int64_t> room_id(std::string_view slug);
  std::string free_slug(std::string_view name);
  void trim(std::int64_t room);

  StoreLimits limits_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace chat
