#include "glmv/store/conversation_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <set>

#include "glmv/base/files.h"
#include "glmv/base/sha256.h"
#include "glmv/store/schema.h"

namespace glmv::store {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::unique_ptr<Fd>> lock_folder(const fs::path& folder) {
  const std::string path = (folder / "lock").string();
  auto fd = std::make_unique<Fd>(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd->ok()) {
    return invalid_argument("{}: {}; a store needs a folder that can be written", path,
                            errno_text(errno));
  }
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    return unavailable("{}: another glmv serves this store", folder.string());
  }
  return fd;
}

Result<int64_t> put_row(Sqlite& db, std::string_view owner, const StoredConversation& c,
                        int64_t version) {
  GLMV_ASSIGN(Statement row,
              db.prepare("INSERT INTO conversation(owner, id, version, title, created_ms, "
                         "updated_ms, pinned, system, params_json, leaf_id, more_json) "
                         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                         "ON CONFLICT(owner, id) DO UPDATE SET version = excluded.version, "
                         "title = excluded.title, created_ms = excluded.created_ms, "
                         "updated_ms = excluded.updated_ms, pinned = excluded.pinned, "
                         "system = excluded.system, params_json = excluded.params_json, "
                         "leaf_id = excluded.leaf_id, more_json = excluded.more_json "
                         "RETURNING key"));
  row.bind(1, owner).bind(2, std::string_view(c.id)).bind(3, version);
  row.bind(4, std::string_view(c.title)).bind(5, c.created_ms).bind(6, c.updated_ms);
  row.bind(7, int64_t{c.pinned}).bind(8, std::string_view(c.system));
  row.bind(9, std::string_view(c.params)).bind(10, c.leaf).bind(11, std::string_view(c.more));
  GLMV_ASSIGN(const bool given, row.step());
  if (!given) return internal_error("the store gave no key for a conversation");
  const int64_t key = row.integer(0);
  GLMV_RETURN_IF_ERROR(row.run());
  return key;
}

Result<void> drop_other_messages(Sqlite& db, int64_t key,
                                 const std::vector<StoredMessage>& messages) {
  std::set<std::string_view> kept;
  for (const StoredMessage& message : messages) kept.insert(message.id);
  std::vector<int64_t> gone;
  GLMV_ASSIGN(Statement all, db.prepare("SELECT key, id FROM message WHERE conv_key = ?1"));
  all.bind(1, key);
  while (true) {
    GLMV_ASSIGN(const bool more, all.step());
    if (!more) break;
    if (!kept.contains(all.text(1))) gone.push_back(all.integer(0));
  }
  GLMV_ASSIGN(Statement drop, db.prepare("DELETE FROM message WHERE key = ?1"));
  for (const int64_t message : gone) GLMV_RETURN_IF_ERROR(drop.bind(1, message).run());
  return {};
}

Result<void> put_parts(Sqlite& db, int64_t message, const std::vector<StoredPart>& parts) {
  GLMV_ASSIGN(Statement drop,
              db.prepare("DELETE FROM attachment WHERE msg_key = ?1 AND ord >= ?2"));
  GLMV_RETURN_IF_ERROR(drop.bind(1, message).bind(2, std::ssize(parts)).run());
  GLMV_ASSIGN(Statement row,
              db.prepare("INSERT INTO attachment(msg_key, ord, kind, name, blob_sha, meta_json) "
                         "VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(msg_key, ord) DO UPDATE SET "
                         "kind = excluded.kind, name = excluded.name, "
                         "blob_sha = excluded.blob_sha, meta_json = excluded.meta_json"));
  for (size_t i = 0; i < parts.size(); ++i) {
    const StoredPart& part = parts[i];
    row.bind(1, message).bind(2, static_cast<int64_t>(i)).bind(3, std::string_view(part.kind));
    row.bind(4, std::string_view(part.name)).bind(5, std::string_view(part.sha256));
    GLMV_RETURN_IF_ERROR(row.bind(6, std::string_view(part.more)).run());
  }
  return {};
}

// Messages that are as they were are not written: a long conversation is put each second.
Result<void> put_messages(Sqlite& db, int64_t key, const std::vector<StoredMessage>& messages) {
  GLMV_RETURN_IF_ERROR(drop_other_messages(db, key, messages));
  GLMV_ASSIGN(
      Statement row,
      db.prepare(
          "INSERT INTO message(conv_key, id, ord, parent_id, role, text, think, status, finish, "
          "stats_json, created_ms, more_json) "
          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
          "ON CONFLICT(conv_key, id) DO UPDATE SET ord = excluded.ord, "
          "parent_id = excluded.parent_id, role = excluded.role, text = excluded.text, "
          "think = excluded.think, status = excluded.status, finish = excluded.finish, "
          "stats_json = excluded.stats_json, created_ms = excluded.created_ms, "
          "more_json = excluded.more_json "
          "WHERE ord <> excluded.ord OR parent_id IS NOT excluded.parent_id "
          "OR role <> excluded.role OR text <> excluded.text OR think <> excluded.think "
          "OR status <> excluded.status OR stats_json <> excluded.stats_json "
          "OR created_ms <> excluded.created_ms OR more_json <> excluded.more_json"));
  GLMV_ASSIGN(Statement key_of,
              db.prepare("SELECT key FROM message WHERE conv_key = ?1 AND id = ?2"));
  for (size_t i = 0; i < messages.size(); ++i) {
    const StoredMessage& m = messages[i];
    row.bind(1, key).bind(2, std::string_view(m.id)).bind(3, static_cast<int64_t>(i));
    row.bind(4, m.parent).bind(5, std::string_view(m.role)).bind(6, std::string_view(m.text));
    row.bind(7, std::string_view(m.think)).bind(8, std::string_view(m.status)).bind(9, m.finish);
    row.bind(10, std::string_view(m.stats)).bind(11, m.created_ms);
    GLMV_RETURN_IF_ERROR(row.bind(12, std::string_view(m.more)).run());
    key_of.bind(1, key).bind(2, std::string_view(m.id));
    GLMV_ASSIGN(const bool there, key_of.step());
    if (!there) return internal_error("the store lost a message that it just took");
    const int64_t message = key_of.integer(0);
    key_of.reset();
    GLMV_RETURN_IF_ERROR(put_parts(db, message, m.parts));
  }
  return {};
}

constexpr char kNextVersion[] = "UPDATE meta SET v = v + 1 WHERE k = 'version' RETURNING v";
constexpr char kListed[] =
    "SELECT id, title, created_ms, updated_ms, pinned, version FROM conversation ";

}  // namespace

Result<std::vector<Listed>> read_listed(Statement& rows) {
  std::vector<Listed> list;
  while (true) {
    GLMV_ASSIGN(const bool more, rows.step());
    if (!more) return list;
    list.push_back({rows.text(0), rows.text(1), rows.integer(2), rows.integer(3),
                    rows.integer(4) != 0, rows.integer(5)});
  }
}

Result<std::unique_ptr<ConversationStore>> ConversationStore::open(
    const fs::path& folder, std::vector<std::string>& notices, const StoreOptions& options) {
  std::error_code error;
  if (!fs::exists(folder, error)) {
    fs::create_directories(folder, error);
    if (error) return invalid_argument("{}: {}", folder.string(), error.message());
    ::chmod(folder.c_str(), 0700);
  }
  GLMV_ASSIGN(std::unique_ptr<Fd> lock, lock_folder(folder));
  GLMV_ASSIGN(OpenedDatabase opened, open_database(folder / "conversations.db"));
  notices.insert(notices.end(), opened.notices.begin(), opened.notices.end());
  if (options.max_database_bytes > 0) {
    GLMV_ASSIGN(const int64_t page, opened.db.number("PRAGMA page_size"));
    const std::string limit =
        fmt::format("PRAGMA max_page_count={}", options.max_database_bytes / page);
    GLMV_RETURN_IF_ERROR(opened.db.run(limit.c_str()));
  }
  std::unique_ptr<ConversationStore> store(
      new ConversationStore(std::move(lock), std::move(opened.db), BlobFiles(folder / "blobs")));
  GLMV_RETURN_IF_ERROR(store->drop_unused_blobs(now_ms() - kDayMs));
  // After a new beginning the old files may still be wanted.
  if (opened.notices.empty()) GLMV_RETURN_IF_ERROR(store->remove_stray_files());
  return store;
}

Result<std::optional<int64_t>> ConversationStore::version_of(std::string_view owner,
                                                             std::string_view id) {
  GLMV_ASSIGN(Statement row,
              db_.prepare("SELECT version FROM conversation WHERE owner = ?1 AND id = ?2"));
  row.bind(1, owner).bind(2, id);
  GLMV_ASSIGN(const bool there, row.step());
  if (!there) return std::nullopt;
  return row.integer(0);
}

Result<int64_t> ConversationStore::put(std::string_view owner,
                                       const StoredConversation& conversation,
                                       std::optional<int64_t> if_version) {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Transaction all, Transaction::begin(db_));
  GLMV_ASSIGN(const auto before, version_of(owner, conversation.id));
  if (if_version && *if_version != before.value_or(0)) {
    return cancelled("conversation \"{}\" has changed meanwhile", conversation.id);
  }
  GLMV_ASSIGN(const int64_t version, db_.number(kNextVersion));
  GLMV_ASSIGN(const int64_t key, put_row(db_, owner, conversation, version));
  GLMV_RETURN_IF_ERROR(put_messages(db_, key, conversation.messages));
  GLMV_ASSIGN(Statement revive, db_.prepare("DELETE FROM deleted WHERE owner = ?1 AND id = ?2"));
  GLMV_RETURN_IF_ERROR(revive.bind(1, owner).bind(2, std::string_view(conversation.id)).run());
  GLMV_RETURN_IF_ERROR(all.commit());
  return version;
}

Result<ConversationStore::Found> ConversationStore::get(std::string_view owner,
                                                        std::string_view id) {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Statement row,
              db_.prepare("SELECT key, version, title, created_ms, updated_ms, pinned, system, "
                          "params_json, leaf_id, more_json FROM conversation "
                          "WHERE owner = ?1 AND id = ?2"));
  row.bind(1, owner).bind(2, id);
  GLMV_ASSIGN(const bool there, row.step());
  if (!there) return not_found("there is no conversation \"{}\" in the store", id);
  const int64_t key = row.integer(0);
  Found found{.version = row.integer(1)};
  StoredConversation& c = found.conversation;
  c.id = id;
  c.title = row.text(2);
  c.created_ms = row.integer(3);
  c.updated_ms = row.integer(4);
  c.pinned = row.integer(5) != 0;
  c.system = row.text(6);
  c.params = row.text(7);
  c.leaf = row.text_or_null(8);
  c.more = row.text(9);
  GLMV_ASSIGN(Statement rows,
              db_.prepare("SELECT key, id, parent_id, role, text, think, status, finish, "
                          "stats_json, created_ms, more_json FROM message WHERE conv_key = ?1 "
                          "ORDER BY ord"));
  GLMV_ASSIGN(Statement parts, db_.prepare("SELECT kind, name, blob_sha, meta_json FROM "
                                           "attachment WHERE msg_key = ?1 ORDER BY ord"));
  rows.bind(1, key);
  while (true) {
    GLMV_ASSIGN(const bool more, rows.step());
    if (!more) return found;
    StoredMessage m{rows.text(1), rows.text_or_null(2), rows.text(3),         rows.text(4),
                    rows.text(5), rows.text(6),         rows.text_or_null(7), rows.text(8)};
    m.created_ms = rows.integer(9);
    m.more = rows.text(10);
    parts.bind(1, rows.integer(0));
    while (true) {
      GLMV_ASSIGN(const bool another, parts.step());
      if (!another) break;
      m.parts.push_back({parts.text(0), parts.text(1), parts.text(2), parts.text(3)});
    }
    parts.reset();
    c.messages.push_back(std::move(m));
  }
}

Result<void> ConversationStore::remove(std::string_view owner, std::string_view id,
                                       int64_t now_ms) {
  {
    const std::lock_guard hold(mutex_);
    GLMV_ASSIGN(Transaction all, Transaction::begin(db_));
    GLMV_ASSIGN(const auto version, version_of(owner, id));
    if (!version) return {};
    GLMV_ASSIGN(Statement drop,
                db_.prepare("DELETE FROM conversation WHERE owner = ?1 AND id = ?2"));
    GLMV_RETURN_IF_ERROR(drop.bind(1, owner).bind(2, id).run());
    GLMV_ASSIGN(Statement note,
                db_.prepare("INSERT INTO deleted VALUES(?1, ?2, ?3) ON CONFLICT(owner, id) "
                            "DO UPDATE SET deleted_ms = excluded.deleted_ms"));
    GLMV_RETURN_IF_ERROR(note.bind(1, owner).bind(2, id).bind(3, now_ms).run());
    GLMV_RETURN_IF_ERROR(db_.number(kNextVersion));
    GLMV_RETURN_IF_ERROR(all.commit());
  }
  return drop_unused_blobs(now_ms - kDayMs);
}

Result<std::vector<Listed>> ConversationStore::list(std::string_view owner) {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Statement rows,
              db_.prepare(std::string(kListed) + "WHERE owner = ?1 ORDER BY updated_ms DESC"));
  rows.bind(1, owner);
  return read_listed(rows);
}

Result<std::vector<Deleted>> ConversationStore::deleted(std::string_view owner) {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Statement rows, db_.prepare("SELECT id, deleted_ms FROM deleted WHERE owner = ?1"));
  rows.bind(1, owner);
  std::vector<Deleted> list;
  while (true) {
    GLMV_ASSIGN(const bool more, rows.step());
    if (!more) return list;
    list.push_back({rows.text(0), rows.integer(1)});
  }
}

Result<int64_t> ConversationStore::version() {
  const std::lock_guard hold(mutex_);
  return db_.number("SELECT v FROM meta WHERE k = 'version'");
}

Result<void> ConversationStore::put_blob(std::string_view owner, const std::string& sha256,
                                         std::string_view mime, std::string_view bytes,
                                         int64_t now_ms) {
  if (sha256_of(bytes).hex() != sha256) {
    return invalid_argument("the bytes have another SHA-256 than \"{}\"", sha256.substr(0, 80));
  }
  const std::lock_guard hold(mutex_);
  GLMV_RETURN_IF_ERROR(blobs_.write(sha256, bytes));
  GLMV_ASSIGN(Statement row,
              db_.prepare("INSERT INTO blob VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(owner, sha256) "
                          "DO UPDATE SET mime = excluded.mime, created_ms = excluded.created_ms"));
  row.bind(1, owner).bind(2, std::string_view(sha256)).bind(3, mime);
  return row.bind(4, std::ssize(bytes)).bind(5, now_ms).run();
}

Result<ConversationStore::Blob> ConversationStore::get_blob(std::string_view owner,
                                                            const std::string& sha256) {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Statement row, db_.prepare("SELECT mime FROM blob WHERE owner = ?1 AND sha256 = ?2"));
  row.bind(1, owner).bind(2, std::string_view(sha256));
  GLMV_ASSIGN(const bool there, row.step());
  if (!there) return not_found("there are no such bytes in the store");
  Blob blob{.mime = row.text(0)};
  GLMV_ASSIGN(blob.bytes, blobs_.read(sha256));
  return blob;
}

Result<void> ConversationStore::drop_unused_blobs(int64_t before_ms) {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(
      Statement drop,
      db_.prepare("DELETE FROM blob WHERE created_ms < ?1 AND NOT EXISTS (SELECT 1 FROM attachment "
                  "JOIN message ON message.key = msg_key JOIN conversation ON conversation.key = "
                  "conv_key WHERE blob_sha = blob.sha256 AND conversation.owner = blob.owner) "
                  "RETURNING sha256"));
  drop.bind(1, before_ms);
  std::set<std::string> dropped;
  while (true) {
    GLMV_ASSIGN(const bool more, drop.step());
    if (!more) break;
    dropped.insert(drop.text(0));
  }
  drop.reset();
  GLMV_ASSIGN(Statement owned, db_.prepare("SELECT 1 FROM blob WHERE sha256 = ?1"));
  for (const std::string& sha256 : dropped) {
    owned.bind(1, std::string_view(sha256));
    GLMV_ASSIGN(const bool still, owned.step());
    owned.reset();
    if (!still) blobs_.remove(sha256);
  }
  return {};
}

Result<void> ConversationStore::remove_stray_files() {
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Statement owned, db_.prepare("SELECT 1 FROM blob WHERE sha256 = ?1"));
  blobs_.remove_strays([&owned](const std::string& sha256) {
    owned.bind(1, std::string_view(sha256));
    const auto known = owned.step();
    owned.reset();
    return !known || *known;  // in doubt it stays
  });
  return {};
}

}  // namespace glmv::store
