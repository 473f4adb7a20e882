#include "glmv/store/sqlite.h"

namespace glmv::store {
namespace {

constexpr int kPatienceMs = 5000;

// What a person can do about it depends on which kind it is.
std::unexpected<Status> error_of(sqlite3* db) {
  const char* const text = sqlite3_errmsg(db);
  switch (sqlite3_errcode(db)) {
    case SQLITE_FULL:
      return resource_exhausted("the store cannot grow: {}; make room on its disk", text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return resource_exhausted("the store cannot be written: {}; check the rights of its folder",
                                text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return internal_error("the store is damaged: {}; a restart moves its file aside", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return unavailable("another program uses the store: {}", text);
    case SQLITE_IOERR:
      return resource_exhausted("the store's disk fails: {}; it may be full", text);
    default:
      return internal_error("the store: {}", text);
  }
}

}  // namespace

Statement& Statement::bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  // A null pointer would be NULL.
  sqlite3_bind_text64(statement_.get(), index, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int index, const std::optional<std::string>& text) {
  if (text) return bind(index, std::string_view(*text));
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<bool> Statement::step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return error_of(db_);
  }
}

Result<void> Statement::run() {
  while (true) {
    GLMV_ASSIGN(const bool more, step());
    if (!more) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::string Statement::text(int column) const {
  const auto* const bytes =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::optional<std::string> Statement::text_or_null(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return text(column);
}

Result<Sqlite> Sqlite::open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Sqlite db(raw);
  if (raw == nullptr) return resource_exhausted("no memory for the store");
  if (code != SQLITE_OK) return error_of(raw);
  sqlite3_busy_timeout(raw, kPatienceMs);
  // No statement spoils the tables behind the index of words.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return db;
}

Result<void> Sqlite::run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error_of(db_.get());
}

Result<Statement> Sqlite::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                         nullptr) != SQLITE_OK) {
    return error_of(db_.get());
  }
  return Statement(db_.get(), statement);
}

Result<int64_t> Sqlite::number(std::string_view sql) {
  GLMV_ASSIGN(Statement statement, prepare(sql));
  GLMV_ASSIGN(const bool row, statement.step());
  if (!row) return not_found("the store gives no number for: {}", sql);
  return statement.integer(0);
}

bool Sqlite::is_damaged() const {
  const int code = sqlite3_errcode(db_.get());
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

Result<Transaction> Transaction::begin(Sqlite& db) {
  GLMV_RETURN_IF_ERROR(db.run("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) (void)db_->run("ROLLBACK");
}

Result<void> Transaction::commit() {
  GLMV_RETURN_IF_ERROR(db_->run("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace glmv::store
