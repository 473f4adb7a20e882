#include "glmv/hub/pull.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <limits>

#include "glmv/hub/blob_download.h"
#include "glmv/hub/cache.h"
#include "glmv/hub/hub_client.h"

namespace glmv::hub {
namespace {

namespace fs = std::filesystem;

// Room that stays free: for links, for others.
constexpr int64_t kReserveBytes = int64_t{16} << 20;

// What glmv and transformers look for and a model may lack.
constexpr const char* kOptionalFiles[] = {
    "generation_config.json", "chat_template.jinja",     "chat_template.json",
    "processor_config.json",  "added_tokens.json",       "preprocessor_config.json",
    "tokenizer_config.json",  "special_tokens_map.json", "video_preprocessor_config.json",
};

int64_t free_bytes(fs::path folder) {
  struct statvfs info{};
  while (::statvfs(folder.c_str(), &info) != 0) {
    if (!folder.has_relative_path()) return 0;
    folder = folder.parent_path();
  }
  // Some file systems have no blocks to count; then writing will show.
  if (info.f_blocks == 0) return std::numeric_limits<int64_t>::max() / 2;
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

std::string megabytes(int64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// Bytes of a file that the cache has, as far as the list of files tells its name there.
int64_t bytes_present(const RepoCache& cache, const std::string& commit, const RemoteFile& file) {
  std::error_code error;
  if (cache.has(commit, file.name)) return *file.size;
  const std::string& etag = file.sha256.empty() ? file.git_sha1 : file.sha256;
  if (etag.empty()) return 0;
  if (fs::exists(cache.blob(etag), error)) return *file.size;
  const auto begun = fs::file_size(cache.incomplete(etag), error);
  return error ? 0 : std::min(static_cast<int64_t>(begun), *file.size);
}

std::string nothing_fits(const RepoListing& listing, const PullRequest& request) {
  std::string ggufs;
  for (const RemoteFile& file : listing.files) {
    if (file.name.ends_with(".gguf") && ggufs.size() < 300) ggufs += " " + shown(file.name);
  }
  if (!request.filter.include.empty() || !request.filter.exclude.empty()) {
    return fmt::format("none of the {} files of {} fits --include and --exclude",
                       listing.files.size(), request.repo.id());
  }
  return fmt::format("{} has no weights in safetensors{}", request.repo.id(),
                     ggufs.empty() ? ", and glmv reads no others"
                                   : ", but GGUF files:" + ggufs +
                                         "; fetch one with --include \"*.json\" --include FILE");
}

class Pull {
 public:
  Pull(const HubOptions& options, const PullRequest& request, PullObserver& observer)
      : request_(request),
        observer_(observer),
        cache_(options.cache, request.repo),
        cache_folder_(options.cache),
        client_(
            options, [&observer] { return observer.wanted(); },
            [&observer](const std::string& text) { observer.on_note(text); }) {}

  Result<PullPlan> run() {
    GLMV_ASSIGN(RepoListing listing, client_.list(request_.repo));
    GLMV_RETURN_IF_ERROR(make_plan(listing));
    observer_.on_plan(plan_);
    if (request_.dry_run) return plan_;
    const int64_t needed = plan_.missing_bytes();
    if (needed > 0 && needed + kReserveBytes > plan_.free_bytes) {
      return resource_exhausted(
          "{} needs {} more, but {} has {} free; free space, or choose another "
          "place with HF_HOME",
          request_.repo.id(), megabytes(needed), cache_folder_.string(),
          megabytes(plan_.free_bytes));
    }
    if (needed > 0 || !is_complete()) {
      GLMV_RETURN_IF_ERROR(cache_.make_all_folders());
      for (const PullFile& file : plan_.files) {
        GLMV_RETURN_IF_ERROR(fetch(file));
      }
      for (const char* name : kOptionalFiles) {
        if (listing.find(name) == nullptr) cache_.note_missing(plan_.commit, name);
      }
    }
    // An unwritable cache that has everything is as good.
    const auto set = cache_.set_ref(request_.repo.revision, plan_.commit);
    if (!set && needed > 0) return std::unexpected(set.error());
    return plan_;
  }

 private:
  bool is_complete() const {
    return std::ranges::all_of(
        plan_.files, [this](const PullFile& file) { return cache_.has(plan_.commit, file.name); });
  }

  Result<void> make_plan(RepoListing& listing) {
    plan_.commit = listing.commit;
    plan_.snapshot = cache_.snapshot(listing.commit);
    plan_.free_bytes = free_bytes(cache_folder_);
    bool weights = false;
    for (RemoteFile& file : listing.files) {
      if (!request_.filter.wants(file.name)) {
        ++plan_.num_left_out;
        continue;
      }
      weights = weights || file.name.ends_with(".safetensors");
      if (!file.size) {
        GLMV_ASSIGN(const RemoteBlob blob, client_.locate(request_.repo, listing.commit, file));
        file.size = blob.size;
      }
      plan_.files.push_back({file.name, *file.size, bytes_present(cache_, listing.commit, file)});
      remote_.push_back(file);
    }
    const bool by_default = request_.filter.include.empty() && request_.filter.exclude.empty();
    if (plan_.files.empty() || (by_default && !weights)) {
      return not_found("{}", nothing_fits(listing, request_));
    }
    // What says what the model is comes before its weights; those in the order of their names.
    std::ranges::stable_sort(plan_.files, {}, [](const PullFile& file) {
      return std::pair(file.name.ends_with(".safetensors") || file.name.ends_with(".gguf"),
                       file.name);
    });
    return {};
  }

  Result<void> fetch(const PullFile& file) {
    if (!observer_.wanted()) return cancelled("stopped");
    if (cache_.has(plan_.commit, file.name)) return {};
    observer_.on_file(file);
    const BlobProgress progress{[&](int64_t bytes) { observer_.on_bytes(file, bytes); },
                                [&](const std::string& text) { observer_.on_note(text); }};
    const RemoteFile& remote = *std::ranges::find(remote_, file.name, &RemoteFile::name);
    GLMV_ASSIGN(const RemoteBlob blob,
                fetch_blob(client_, cache_, request_.repo, plan_.commit, remote, progress));
    if (!blob.digest.known()) {
      observer_.on_note(shown(file.name) +
                        ": the hub gives no digest; only its length was checked");
    }
    GLMV_RETURN_IF_ERROR(cache_.link(plan_.commit, file.name, blob.etag));
    observer_.on_file_done(file);
    return {};
  }

  const PullRequest& request_;
  PullObserver& observer_;
  RepoCache cache_;
  fs::path cache_folder_;
  HubClient client_;
  PullPlan plan_;
  std::vector<RemoteFile> remote_;
};

Result<PullPlan> plan_offline(const HubOptions& options, const PullRequest& request) {
  const auto snapshot = find_snapshot(options.cache, request.repo, ModelUse::kWeights);
  if (!snapshot) {
    return unavailable("HF_HUB_OFFLINE is set, so nothing is fetched, and {}",
                       snapshot.error().message);
  }
  return PullPlan{.commit = snapshot->filename().string(), .snapshot = *snapshot};
}

}  // namespace

int64_t PullPlan::total_bytes() const {
  int64_t total = 0;
  for (const PullFile& file : files) total += file.size;
  return total;
}

int64_t PullPlan::missing_bytes() const {
  int64_t missing = 0;
  for (const PullFile& file : files) missing += file.size - file.present;
  return missing;
}

Result<PullPlan> pull(const HubOptions& options, const PullRequest& request,
                      PullObserver& observer) {
  if (options.offline) return plan_offline(options, request);
  return Pull(options, request, observer).run();
}

}  // namespace glmv::hub
