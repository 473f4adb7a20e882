#pragma once
// SQLite with errors as values. Not thread-safe: one thread at a time.

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::store {

// Values are bound from 1, columns read from 0, as SQLite counts.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}

  Statement& bind(int index, int64_t value);
  Statement& bind(int index, std::string_view text);  // copied
  Statement& bind(int index, const std::optional<std::string>& text);
  // True: there is a row.
  Result<bool> step();
  // Runs to its end, to be bound and run anew.
  Result<void> run();
  void reset();

  int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string text(int column) const;
  std::optional<std::string> text_or_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Sqlite {
 public:
  // Makes the file where there is none.
  static Result<Sqlite> open(const std::string& path);

  Result<void> run(const char* sql);  // any number of statements, without values
  Result<Statement> prepare(std::string_view sql);
  // The one number that a query gives.
  Result<int64_t> number(std::string_view sql);

  // Whether the last error was that the file is no database, or a damaged one.
  bool is_damaged() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  explicit Sqlite(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, Close> db_;
};

// Undone unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Sqlite& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Sqlite& db) : db_(&db) {}
  Sqlite* db_;
};

}  // namespace glmv::store
