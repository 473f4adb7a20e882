#pragma once
// Conversations and their media in a folder, for more than one browser (glmv serve --store DIR).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/fd.h"
#include "glmv/store/blob_files.h"
#include "glmv/store/conversation_json.h"
#include "glmv/store/sqlite.h"

namespace glmv::store {

struct StoreOptions {
  int64_t max_database_bytes = 0;  // 0: what the disk has
};

// Of the list: what a client needs to know which ones it has.
struct Listed {
  std::string id, title;
  int64_t created_ms = 0, updated_ms = 0;
  bool pinned = false;
  int64_t version = 0;  // larger with each change, never used twice
};
// Rows of id, title, created_ms, updated_ms, pinned, version.
Result<std::vector<Listed>> read_listed(Statement& rows);
struct Deleted {
  std::string id;
  int64_t deleted_ms = 0;
};

// Thread-safe. `owner`: strangers see nothing of each other.
class ConversationStore {
 public:
  // Makes the folder (0700) where there is none. `notices`: what a person should be told. Errors:
  // unavailable (another program has it open), and those of open_database().
  static Result<std::unique_ptr<ConversationStore>> open(const std::filesystem::path& folder,
                                                         std::vector<std::string>& notices,
                                                         const StoreOptions& options = {});

  // Whole conversations take the place of what was there. `if_version`: only if it still has this
  // one (0: if there is none), else kCancelled. The new version.
  Result<int64_t> put(std::string_view owner, const StoredConversation& conversation,
                      std::optional<int64_t> if_version = {});
  struct Found {
    StoredConversation conversation;
    int64_t version = 0;
  };
  // not_found.
  Result<Found> get(std::string_view owner, std::string_view id);
  // Fine where there is none. The time is remembered, for browsers that still have it.
  Result<void> remove(std::string_view owner, std::string_view id, int64_t now_ms);

  // The newest first.
  Result<std::vector<Listed>> list(std::string_view owner);
  Result<std::vector<Deleted>> deleted(std::string_view owner);
  // Another number after each change of anything: whether a list is still true.
  Result<int64_t> version();
  // Those whose title, texts or thoughts hold `text`, in either case; at most `most`.
  Result<std::vector<Listed>> search(std::string_view owner, std::string_view text,
                                     int64_t most = 200);

  struct Blob {
    std::string mime, bytes;
  };
  // invalid_argument: the bytes have another digest.
  Result<void> put_blob(std::string_view owner, const std::string& sha256, std::string_view mime,
                        std::string_view bytes, int64_t now_ms);
  // not_found: there is none, or it was never sent by this owner.
  Result<Blob> get_blob(std::string_view owner, const std::string& sha256);
  // Forgets those that no conversation has named since `before_ms`.
  Result<void> drop_unused_blobs(int64_t before_ms);

 private:
  ConversationStore(std::unique_ptr<Fd> lock, Sqlite db, BlobFiles blobs)
      : lock_(std::move(lock)), db_(std::move(db)), blobs_(std::move(blobs)) {}
  Result<std::optional<int64_t>> version_of(std::string_view owner, std::string_view id);
  Result<void> remove_stray_files();

  const std::unique_ptr<Fd> lock_;
  std::mutex mutex_;
  Sqlite db_;
  const BlobFiles blobs_;
};

}  // namespace glmv::store
