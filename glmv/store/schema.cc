#include "glmv/store/schema.h"

#include <chrono>
#include <ctime>

namespace glmv::store {
namespace {

namespace fs = std::filesystem;

// `more` holds what the sender has put beside the fields that have a column.
constexpr char kFirst[] = R"sql(
CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
-- Not 0: a new file must not give numbers again that a browser knows from the one before.
INSERT INTO meta VALUES('version', 1000 * CAST(strftime('%s', 'now') AS INTEGER));

CREATE TABLE conversation(
  key INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  pinned INTEGER NOT NULL,
  archived INTEGER NOT NULL DEFAULT 0,
  system TEXT NOT NULL,
  params_json TEXT NOT NULL,
  leaf_id TEXT,
  more_json TEXT NOT NULL,
  UNIQUE(owner, id));
CREATE INDEX conversation_by_time ON conversation(owner, updated_ms DESC);

CREATE TABLE deleted(
  owner TEXT NOT NULL,
  id TEXT NOT NULL,
  deleted_ms INTEGER NOT NULL,
  PRIMARY KEY(owner, id)) WITHOUT ROWID;

CREATE TABLE message(
  key INTEGER PRIMARY KEY,
  conv_key INTEGER NOT NULL REFERENCES conversation(key) ON DELETE CASCADE,
  id TEXT NOT NULL,
  ord INTEGER NOT NULL,
  parent_id TEXT,
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  think TEXT NOT NULL,
  status TEXT NOT NULL,
  finish TEXT,
  stats_json TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  more_json TEXT NOT NULL,
  UNIQUE(conv_key, id));

CREATE TABLE attachment(
  key INTEGER PRIMARY KEY,
  msg_key INTEGER NOT NULL REFERENCES message(key) ON DELETE CASCADE,
  ord INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  blob_sha TEXT NOT NULL,
  meta_json TEXT NOT NULL,
  UNIQUE(msg_key, ord));
CREATE INDEX attachment_by_blob ON attachment(blob_sha);

CREATE TABLE blob(
  owner TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  mime TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY(owner, sha256)) WITHOUT ROWID;
CREATE INDEX blob_by_digest ON blob(sha256);

CREATE VIRTUAL TABLE message_fts USING fts5(
  text, think, content='message', content_rowid='key', tokenize='trigram');
CREATE TRIGGER message_inserted AFTER INSERT ON message BEGIN
  INSERT INTO message_fts(rowid, text, think) VALUES (new.key, new.text, new.think);
END;
CREATE TRIGGER message_deleted AFTER DELETE ON message BEGIN
  INSERT INTO message_fts(message_fts, rowid, text, think)
    VALUES ('delete', old.key, old.text, old.think);
END;
CREATE TRIGGER message_updated AFTER UPDATE OF text, think ON message BEGIN
  INSERT INTO message_fts(message_fts, rowid, text, think)
    VALUES ('delete', old.key, old.text, old.think);
  INSERT INTO message_fts(rowid, text, think) VALUES (new.key, new.text, new.think);
END;
)sql";

constexpr const char* kMigrations[] = {kFirst};

// 0: an empty file.
Result<int64_t> schema_of(Sqlite& db) {
  GLMV_ASSIGN(const int64_t known,
              db.number("SELECT count(*) FROM sqlite_master WHERE name = 'meta'"));
  if (known == 0) return 0;
  return db.number("SELECT coalesce(max(v), 0) FROM meta WHERE k = 'schema'");
}

Result<void> copy_before_migration(Sqlite& db, const fs::path& path, int64_t schema) {
  const std::string copy = fmt::format("{}.v{}", path.string(), schema);
  std::error_code error;
  fs::remove(copy, error);
  GLMV_ASSIGN(Statement statement, db.prepare("VACUUM INTO ?1"));
  return statement.bind(1, std::string_view(copy)).run();
}

Result<void> migrate(Sqlite& db, const fs::path& path, std::span<const char* const> steps) {
  GLMV_ASSIGN(const int64_t schema, schema_of(db));
  const int64_t newest = std::ssize(steps);
  if (schema > newest) {
    return unsupported(
        "{} was written by a newer glmv (schema {}, this one knows {}); it is left "
        "as it is: use the newer program, or another --store",
        path.string(), schema, newest);
  }
  if (schema == newest) return {};
  if (schema > 0) GLMV_RETURN_IF_ERROR(copy_before_migration(db, path, schema));
  GLMV_ASSIGN(Transaction all, Transaction::begin(db));
  for (int64_t i = schema; i < newest; ++i) GLMV_RETURN_IF_ERROR(db.run(steps[i]));
  GLMV_ASSIGN(Statement note, db.prepare("INSERT INTO meta VALUES('schema', ?1) "
                                         "ON CONFLICT(k) DO UPDATE SET v = excluded.v"));
  GLMV_RETURN_IF_ERROR(note.bind(1, newest).run());
  return all.commit();
}

// Whether nothing in it is wrong, as far as can be seen without comparing every index.
Result<bool> is_whole(Sqlite& db) {
  GLMV_ASSIGN(Statement statement, db.prepare("PRAGMA quick_check(1)"));
  GLMV_ASSIGN(const bool row, statement.step());
  return row && statement.text(0) == "ok";
}

struct Attempt {
  Result<Sqlite> db;
  bool damaged = false;
};

// False: damaged.
Result<bool> prepare(Sqlite& db, const fs::path& path, std::span<const char* const> steps) {
  GLMV_RETURN_IF_ERROR(
      db.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
             "PRAGMA cache_size=-16000; PRAGMA journal_size_limit=67108864;"));
  GLMV_ASSIGN(const bool whole, is_whole(db));
  if (!whole) return false;
  GLMV_RETURN_IF_ERROR(migrate(db, path, steps));
  return true;
}

Attempt attempt(const fs::path& path, std::span<const char* const> steps) {
  auto db = Sqlite::open(path.string());
  if (!db) return {std::unexpected(db.error()), false};
  const auto whole = prepare(*db, path, steps);
  if (whole && *whole) return {*std::move(db), false};
  const bool damaged = whole || db->is_damaged();
  return {whole ? internal_error("{} is damaged", path.string()) : std::unexpected(whole.error()),
          damaged};
}

// The new name; the WAL goes with the file, since it belongs to it.
Result<std::string> move_aside(const fs::path& path) {
  const std::time_t now = std::time(nullptr);
  char when[32];
  std::tm utc{};
  std::strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", ::gmtime_r(&now, &utc));
  std::string aside = fmt::format("{}.damaged-{}", path.string(), when);
  for (int i = 2; fs::exists(aside); ++i) {
    aside = fmt::format("{}.damaged-{}-{}", path.string(), when, i);
  }
  for (const char* end : {"-wal", "-shm", ""}) {
    std::error_code error;
    if (!fs::exists(path.string() + end, error)) continue;
    fs::rename(path.string() + end, aside + end, error);
    if (error) {
      return resource_exhausted("{} is damaged and cannot be moved aside: {}", path.string(),
                                error.message());
    }
  }
  return aside;
}

}  // namespace

std::span<const char* const> migrations() { return kMigrations; }

Result<OpenedDatabase> open_database(const fs::path& path, std::span<const char* const> steps) {
  Attempt first = attempt(path, steps);
  if (first.db) return OpenedDatabase{*std::move(first.db), {}};
  if (!first.damaged) return std::unexpected(first.db.error());
  GLMV_ASSIGN(const std::string aside, move_aside(path));
  Attempt second = attempt(path, steps);
  if (!second.db) return std::unexpected(second.db.error());
  return OpenedDatabase{
      *std::move(second.db),
      {fmt::format("the store {} was damaged: it now lies at {}, and a new one was begun; "
                   "\"sqlite3 {} .recover\" may get its conversations back",
                   path.string(), aside, aside)}};
}

}  // namespace glmv::store
