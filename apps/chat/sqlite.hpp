// A thin skin over libsqlite3: connections and prepared statements that close themselves, errors as
// exceptions.
//
// Blocks on the disk: keep it off a hub's thread (verdin::offload). One thread at a time for a Database and
// its statements, any thread each time.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace chat::sqlite {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Database {
 public:
  /// Opens or makes the file (":memory:" for none). Throws Error.
  explicit Database(const std::string& path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// Runs statements that return nothing of interest. Throws Error.
  void execute(const char* sql);
  std::int64_t last_id() const;
  std::int64_t changes() const;
  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

/// A prepared statement. Parameters and columns are numbered as SQLite does it: parameters from 1, columns
/// from 0.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(int index, std::int64_t value);
  /// The text is copied.
  Statement& bind(int index, std::string_view text);
  /// As bind(), but NULL for an empty text.
  Statement& bind_or_null(int index, std::string_view text);

  /// Goes to the next row; false behind the last one, where the statement is ready to be bound and run again.
  bool step();
  /// Runs to the end.
  void run();
  /// Ready to be bound again, wherever it was.
  void reset() noexcept;

  std::int64_t integer(int column) const;
  std::string text(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

/// Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace chat::sqlite
