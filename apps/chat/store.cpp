#include "store.hpp"

#include <algorithm>

#include "sqlite.hpp"
#include "text.hpp"

namespace chat {

namespace {

// `dropped` is the highest id that trim() deleted from a room: what is above it is complete.
constexpr const char* kSchema = R"sql(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS rooms (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    dropped INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room INTEGER NOT NULL REFERENCES rooms (id),
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    nonce TEXT
  );
  CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room, id);
  CREATE UNIQUE INDEX IF NOT EXISTS nonces_of_room ON messages (room, nonce) WHERE nonce IS NOT NULL;
  PRAGMA user_version = 1;
  COMMIT;
)sql";

sqlite::Database& with_schema(sqlite::Database& database) {
  database.execute(kSchema);
  return database;
}

Message message_of(const sqlite::Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.integer(3), row.text(4)};
}

}  // namespace

struct Store::Statements {
  explicit Statements(const std::string& path) : database(path) {}

  sqlite::Database database;
  sqlite::Database& ready = with_schema(database);  // before the statements, which need its tables
  sqlite::Statement rooms{ready, "SELECT slug, name FROM rooms ORDER BY folded_name"};
  sqlite::Statement room_count{ready, "SELECT count(*) FROM rooms"};
  sqlite::Statement find{ready, "SELECT slug, name FROM rooms WHERE slug = ?"};
  sqlite::Statement find_id{ready, "SELECT id FROM rooms WHERE slug = ?"};
  sqlite::Statement find_name{ready, "SELECT slug, name FROM rooms WHERE folded_name = ?"};
  sqlite::Statement create{ready, "INSERT INTO rooms (slug, name, folded_name) VALUES (?, ?, ?)"};
  sqlite::Statement add{ready, "INSERT INTO messages (room, author, text, at, nonce) VALUES (?, ?, ?, ?, ?)"};
  sqlite::Statement find_nonce{
      ready, "SELECT id, author, text, at, nonce FROM messages WHERE room = ? AND nonce = ?"};
  sqlite::Statement history{
      ready,
      "SELECT id, author, text, at, nonce FROM messages WHERE room = ? AND id > ? ORDER BY id DESC LIMIT ?"};
  sqlite::Statement bounds{ready,
                           "SELECT dropped, coalesce((SELECT max(id) FROM messages WHERE room = rooms.id), "
                           "0) FROM rooms WHERE id = ?"};
  sqlite::Statement oldest_beyond{ready,
                                  "SELECT id FROM messages WHERE room = ? ORDER BY id DESC LIMIT 1 OFFSET ?"};
  sqlite::Statement drop{ready, "DELETE FROM messages WHERE room = ? AND id <= ?"};
  sqlite::Statement note_dropped{ready, "UPDATE rooms SET dropped = ? WHERE id = ?"};
};

Store::Store(const std::string& path, StoreLimits limits)
    : limits_(limits), statements_(std::make_unique<Statements>(path)) {}

Store::~Store() = default;

std::vector<Room> Store::rooms() {
  std::vector<Room> rooms;
  auto& select = statements_->rooms;
  while (select.step()) rooms.push_back({select.text(0), select.text(1)});
  return rooms;
}

std::optional<Room> Store::find(std::string_view slug) {
  auto& select = statements_->find.bind(1, slug);
  if (!select.step()) return std::nullopt;
  Room room{select.text(0), select.text(1)};
  select.reset();
  return room;
}

std::optional<Store::Created> Store::create(std::string_view name) {
  sqlite::Transaction transaction(statements_->database);
  const std::string folded = fold(name);
  if (auto& same = statements_->find_name.bind(1, folded); same.step()) {
    Created found{{same.text(0), same.text(1)}, false};
    same.reset();
    return found;
  }
  auto& counted = statements_->room_count;
  counted.step();
  const auto count = static_cast<std::size_t>(counted.integer(0));
  counted.reset();
  if (count >= limits_.rooms) return std::nullopt;

  Created created{{free_slug(name), std::string(name)}, true};
  statements_->create.bind(1, created.room.slug).bind(2, name).bind(3, folded).run();
  transaction.commit();
  return created;
}

std::optional<Store::Added> Store::add(std::string_view slug, Message message) {
  sqlite::Transaction transaction(statements_->database);
  const auto room = room_id(slug);
  if (!room) return std::nullopt;
  if (!message.nonce.empty()) {
    if (auto& same = statements_->find_nonce.bind(1, *room).bind(2, message.nonce); same.step()) {
      Added found{message_of(same), false};
      same.reset();
      return found;
    }
  }
  statements_->add.bind(1, *room)
      .bind(2, message.from)
      .bind(3, message.text)
      .bind(4, message.at)
      .bind_or_null(5, message.nonce)
      .run();
  message.id = statements_->database.last_id();
  trim(*room);
  transaction.commit();
  return Added{std::move(message), true};
}

std::optional<History> Store::history(std::string_view slug, std::int64_t after, std::size_t most) {
  sqlite::Transaction transaction(statements_->database);  // one view of the room for both questions
  const auto room = room_id(slug);
  if (!room) return std::nullopt;
  auto& bounds = statements_->bounds.bind(1, *room);
  bounds.step();
  const std::int64_t dropped = bounds.integer(0);
  const std::int64_t last = std::max(dropped, bounds.integer(1));
  bounds.reset();

  History history;
  const auto limit = static_cast<std::int64_t>(most);
  auto& select = statements_->history.bind(1, *room).bind(2, after).bind(3, limit + 1);
  while (select.step()) history.messages.push_back(message_of(select));
  // An id that was never given is of another database, which had more messages.
  history.complete = after >= dropped && after <= last && history.messages.size() <= most;
  if (history.messages.size() > most) history.messages.pop_back();
  std::ranges::reverse(history.messages);
  return history;
}

std::optional<std::int64_t> Store::room_id(std::string_view slug) {
  auto& select = statements_->find_id.bind(1, slug);
  if (!select.step()) return std::nullopt;
  const std::int64_t id = select.integer(0);
  select.reset();
  return id;
}

std::string Store::free_slug(std::string_view name) {
  const std::string wanted = slugify(name);
  std::string slug = wanted;
  for (std::size_t number = 2; room_id(slug); ++number) slug = wanted + "-" + std::to_string(number);
  return slug;
}

void Store::trim(std::int64_t room) {
  const auto keep = static_cast<std::int64_t>(limits_.messages_per_room);
  auto& beyond = statements_->oldest_beyond.bind(1, room).bind(2, keep);
  if (!beyond.step()) return;
  const std::int64_t last = beyond.integer(0);
  beyond.reset();
  statements_->drop.bind(1, room).bind(2, last).run();
  statements_->note_dropped.bind(1, last).bind(2, room).run();
}

}  // namespace chat
